"""What each arm adds to the baseline on all unseen targets, on each, per vendor, per pathology and at home."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
from scipy import stats

from cmrbridge.errors import InputError
from cmrbridge.evaluation.comparisons import CEILING
from cmrbridge.evaluation.doses import ALL_TARGETS
from cmrbridge.evaluation.factors import attributes
from cmrbridge.evaluation.frames import MEAN, per_subject

BY = ("vendor", "pathology")  # columns of subjects.csv
COLUMNS = (
    "source", "architecture", "arm", "grouping", "group", "n", "difference", "ci_low", "ci_high",
)  # fmt: skip


def subgroups(cases: pd.DataFrame, subjects: Mapping[str, Path], baseline: str, metric: str) -> pd.DataFrame:
    """A table of `COLUMNS`: mean over subjects of arm − baseline, in the metric's own unit, with its 95 % interval.

    A subject's value is its mean over structures, phases and seeds; the interval is that of a paired t-test and takes
    the training runs as they are. subjects: target → subjects.csv of its data set.
    Vendors and pathologies are those of unseen targets; subjects of whom one is not known are "unknown". Groups of
    exactly the same subjects (one vendor, one target) are one row under all their names.
    """
    differences = paired_differences(cases, baseline, metric)
    known = pd.concat([attributes(path).assign(target=target) for target, path in subjects.items()])
    known = known.drop_duplicates(["target", "subject"])[["target", "subject", *BY]]
    joined = differences.merge(known.replace(dict.fromkeys(BY, ""), "unknown"), on=["target", "subject"], how="left")
    rows = [
        {"source": source, "architecture": architecture, "arm": arm, "grouping": grouping, "group": name}
        | paired_interval(one.difference)
        for (source, architecture), run in joined.groupby(["source", "architecture"])
        for grouping, name, chosen in _distinct(_groups(run, str(source)))
        for arm, one in chosen.groupby("arm")
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def paired_differences(cases: pd.DataFrame, baseline: str, metric: str) -> pd.DataFrame:
    """Arm − baseline per source, target, architecture, arm and subject that both were tested on.

    The ceiling is no remedy, and the source is not its home: it stays out.
    """
    values = per_subject(cases[(cases.metric == metric) & (cases.region == "whole") & (cases.arm != CEILING)])
    values = values[values.structure == MEAN]
    if baseline not in set(values.arm):
        raise InputError(f"no {metric} of arm {baseline!r} among the scores; run that arm")
    keys = ["source", "target", "architecture", "subject"]
    theirs = values[values.arm == baseline].rename(columns={"value": "theirs"})[[*keys, "theirs"]]
    ours = values[values.arm != baseline].merge(theirs, on=keys)
    return ours.assign(difference=ours.value - ours.theirs)[[*keys, "arm", "difference"]]


def paired_interval(differences: pd.Series) -> dict[str, float]:
    """n, mean and the 95 % interval of Student's t; one subject has no interval."""
    n, mean = len(differences), float(differences.mean())
    margin = float(stats.t.ppf(0.975, n - 1) * differences.std() / n**0.5) if n > 1 else float("nan")
    return {"n": n, "difference": mean, "ci_low": mean - margin, "ci_high": mean + margin}


def _groups(run: pd.DataFrame, source: str) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """(grouping, name, its rows) of one source and architecture, in the order of the figure."""
    away = run[run.target != source]
    if away.target.nunique() > 1:
        yield "target", ALL_TARGETS, away
    for grouping in ("target", *BY):
        for name, rows in away.groupby(grouping):
            yield grouping, str(name), rows
    if source in set(run.target):
        yield "at home", source, run[run.target == source]


def _distinct(groups: Iterator[tuple[str, str, pd.DataFrame]]) -> list[tuple[str, str, pd.DataFrame]]:
    """Groups of the same subjects made one under all their names ("dusk = vendor D"), where the first of them stood."""
    found: dict[frozenset, tuple[str, str, pd.DataFrame]] = {}
    for grouping, name, rows in groups:
        members = frozenset(zip(rows.target, rows.subject))
        first, names, kept = found.get(members, (grouping, "", rows))
        found[members] = (first, f"{names} = {grouping} {name}" if names else name, kept)
    return list(found.values())
