"""Every arm against the baseline arm: the table behind each claim of the report."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cmrbridge.errors import InputError
from cmrbridge.evaluation.frames import HIGHER_IS_BETTER, MEAN, per_subject, read_cases, write_frame
from cmrbridge.evaluation.statistics import hedges_g, holm, paired_p, share_of_gap, welch

GROUP = ["source", "target", "architecture", "structure", "metric"]
COLUMNS = (
    *GROUP,
    *("arm", "baseline", "n_arm", "n_baseline", "mean_arm", "mean_baseline", "difference", "ci_low", "ci_high"),
    *("t", "df", "p", "p_holm", "hedges_g", "paired_p", "seed_sd", "share_of_gap_closed", "primary"),
)
CEILING = "oracle"  # the arm at which the gap ends


@dataclass(frozen=True)
class ComparisonSettings:
    """baseline: the arm that every other is held against; metrics: tested, over the whole structure.

    reference: the plain arm at which the gap to the oracle starts.
    primary_*: the endpoint, fixed before the study ran: this metric's mean over structures, of this arm on this target
    (each arm, each target where it is "").
    """

    baseline: str
    reference: str = "real"
    metrics: Sequence[str] = ("dice", "hd95", "assd")
    primary_metric: str = "dice"
    primary_arm: str = ""
    primary_target: str = ""


def compare_arms(*, settings: ComparisonSettings, cases: Path, comparisons: Path) -> None:
    """Welch's test of each arm against the baseline per source × target × architecture × structure × metric.

    The unit is the subject (mean over phases and seeds). ``p_holm`` corrects over all rows of the table.
    """
    frame = read_cases(cases)
    arms = sorted(set(frame.arm))
    if settings.baseline not in arms:
        raise InputError(f"{cases}: has no arm {settings.baseline!r} to compare with, only {', '.join(arms)}; run it")
    frame = frame[(frame.region == "whole") & frame.metric.isin(list(settings.metrics))]
    seed_sd = _seed_sd(frame)
    rows = [
        dict(zip(GROUP, key, strict=True)) | _compare(arm, settings, key[-1], by_arm) | {"seed_sd": seed_sd[*key, arm]}
        for key, by_arm, arm in _contrasts(per_subject(frame), settings.baseline)
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["p_holm"] = holm(table.p)
    table["primary"] = _primary(table, settings)
    write_frame(comparisons, table)


def _primary(table: pd.DataFrame, settings: ComparisonSettings) -> pd.Series:
    chosen = (table.structure == MEAN) & (table.metric == settings.primary_metric)
    for column, wanted in {"arm": settings.primary_arm, "target": settings.primary_target}.items():
        if wanted:
            chosen &= table[column] == wanted
    return chosen


def _contrasts(values: pd.DataFrame, baseline: str) -> Iterator[tuple[tuple, dict[str, pd.Series], str]]:
    """(group, arm → its values by subject, arm) for each arm that stands beside the baseline in a group."""
    for key, group in values.groupby(GROUP):
        by_arm = {arm: one.set_index("subject").value for arm, one in group.groupby("arm")}
        for arm in by_arm:
            if baseline in by_arm and arm != baseline:
                yield key, by_arm, arm


def _compare(arm: str, settings: ComparisonSettings, metric: str, by_arm: dict[str, pd.Series]) -> dict[str, object]:
    ours, theirs = by_arm[arm], by_arm[settings.baseline]
    both = ours.index.intersection(theirs.index)
    higher = metric in HIGHER_IS_BETTER
    floor, ceiling = (by_arm[end].mean() if end in by_arm else math.nan for end in (settings.reference, CEILING))
    return {
        **{"arm": arm, "baseline": settings.baseline, "n_arm": len(ours), "n_baseline": len(theirs)},
        **{"mean_arm": ours.mean(), "mean_baseline": theirs.mean(), "difference": ours.mean() - theirs.mean()},
        **welch(ours, theirs)._asdict(),
        "hedges_g": hedges_g(ours, theirs),
        "paired_p": paired_p(ours[both], theirs[both]),
        "share_of_gap_closed": share_of_gap(ours.mean(), floor, ceiling, higher),
    }


def _seed_sd(frame: pd.DataFrame) -> dict[tuple, float]:
    """(*GROUP, arm) → standard deviation (n − 1) between the seeds of the mean over subjects; NaN for one seed."""
    means = per_subject(frame, seeds=True).groupby([*GROUP, "arm", "seed"]).value.mean()
    return means.groupby([*GROUP, "arm"]).std().to_dict()
