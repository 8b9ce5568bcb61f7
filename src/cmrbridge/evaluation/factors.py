"""Which attribute goes with the loss: what its levels add to the score, subject by subject or between subjects."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cmrbridge.errors import InputError
from cmrbridge.evaluation.comparisons import CEILING
from cmrbridge.evaluation.frames import read_cases, write_frame
from cmrbridge.evaluation.statistics import holm
from cmrbridge.evaluation.subject_effects import between_subjects, levels_of_subjects, within_subjects

OF_TRAINING = ("arm", "architecture", "source")  # other runs would differ too: no test of subjects alone judges them
OF_SCORE = ("structure", "phase", "level")
WITHIN = (*OF_TRAINING, *OF_SCORE)  # a subject has scores at several of their values
OF_SUBJECT = ("vendor", "centre", "scanner", "field_strength_t", "pathology")  # columns of subjects.csv, as words
OF_HEARTS = ("pathology",)  # of these: two data sets need have no word in common
OF_SPACING = {"in-plane spacing (per mm)": "spacing_x", "slice spacing (per mm)": "spacing_z"}  # as numbers
LEVELS = ("mid", "base", "apex")  # of the stack; the first is what the others are held against
COLUMNS = (
    "attribute", "level", "reference", "n_subjects", "effect", "ci_low", "ci_high", "p", "share", "without",
)  # fmt: skip

Design = dict[str, pd.DataFrame]  # attribute → its columns, a row per subject, one a level but the reference's


@dataclass(frozen=True)
class FactorSettings:
    """baseline: the arm that the others are held against; metric: what is explained: "dice", the one that is scored
    level by level. nominal: targets whose millimetres are no measurement, so that their spacing is not known."""

    baseline: str
    metric: str = "dice"
    nominal: Sequence[str] = ()


def measure_factors(
    *, settings: FactorSettings, cases: Path, subjects: Mapping[str, Path], sources: Sequence[str], factors: Path
) -> None:
    """Write ``factors`` (csv): `explain` of the scores.

    subjects: target → subjects.csv of its data set. sources: domains that trained, whose own values are references.
    """
    write_frame(factors, explain(observations(settings, cases, subjects), settings.baseline, sources).round(6))


def explain(table: pd.DataFrame, baseline: str, sources: Sequence[str]) -> pd.DataFrame:
    """`COLUMNS`, a row per level of each attribute: what it adds to the score, the others held.

    table: one observation is a subject × phase × structure × level × arm × architecture × source, the mean over seeds;
    ``value``, ``group`` (the subject), ``target`` and a column per attribute. The ceiling is no strategy and stays out.
    effect: score of ``level`` minus that of ``reference`` (Dice: 0.01 is one point), with its 95 % interval and p,
    after Holm over the attribute's levels; empty for `OF_TRAINING`. Where targets have no value of `OF_HEARTS` in
    common, each is held against the commonest of its own. share: of the variance of the observations that all targets
    have (`_alike`), by this attribute alone; empty where these have one value of it. without: attributes, "; " between
    them, that these data do not tell apart from this one.
    """
    rows = pd.DataFrame([*_within(table, baseline, sources), *_between(table, sources)], columns=list(COLUMNS))
    alike = _alike(table)
    shares = {name: share_of_variance(alike, name) for name in rows.attribute.unique()}
    return rows.assign(share=rows.attribute.map(shares)).assign(
        p=rows.groupby("attribute", sort=False).p.transform(lambda p: holm(p.to_numpy(float)))
    )


def observations(settings: FactorSettings, cases: Path, subjects: Mapping[str, Path]) -> pd.DataFrame:
    """One row per observation: ``value``, ``group`` (the subject) and a column per attribute."""
    frame = read_cases(cases)
    frame = frame[(frame.metric == settings.metric) & frame.region.isin(LEVELS) & (frame.arm != CEILING)]
    if settings.baseline not in set(frame.arm):
        raise InputError(f"{cases}: no {settings.metric} by level of arm {settings.baseline!r}; run that arm")
    keys = ["source", "target", "arm", "architecture", "subject", "phase", "structure", "region"]
    means = frame.groupby(keys, as_index=False).value.mean()
    tables = [attributes(path).assign(target=target) for target, path in subjects.items()]
    known = pd.concat(tables, ignore_index=True)
    known.loc[known.target.isin(list(settings.nominal)), list(OF_SPACING)] = np.nan
    joined = means.merge(known, on=["target", "subject", "phase"], how="left", validate="many_to_one", indicator=True)
    lost = joined[joined._merge == "left_only"]
    if len(lost):
        row = lost.iloc[0]
        raise InputError(f"{subjects[row.target]}: no row for {row.subject}, {row.phase}; ingest the data set again")
    return joined.assign(group=joined.dataset + " " + joined.subject).rename(columns={"region": "level"})


def attributes(path: Path) -> pd.DataFrame:
    """Of a subjects.csv: data set, subject, phase, and every attribute; a word that is not known is ""."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    numbers = {name: pd.to_numeric(frame[column], errors="coerce") for name, column in OF_SPACING.items()}
    return frame[["dataset", "subject", "phase", *OF_SUBJECT]].assign(**numbers)


def _words(table: pd.DataFrame, name: str) -> pd.Series:
    return table[name].replace("", "unknown")


def _known(table: pd.DataFrame, name: str) -> pd.Series:
    """Numbers, the subject's mean where one scan's is missing."""
    return table[name].fillna(table.groupby("group")[name].transform("mean"))


def _reference(table: pd.DataFrame, name: str, baseline: str, sources: Sequence[str]) -> str:
    """The value that stands for what is expected; else the commonest where the networks come from."""
    words = _words(table, name)
    fixed = {"arm": baseline, "phase": "ED", "structure": "LV", "level": LEVELS[0]}.get(name, "")
    own = words[table.target.isin(list(sources))]
    return fixed if fixed in set(words) else str((own if len(own) else words).mode().iloc[0])


def _within(table: pd.DataFrame, baseline: str, sources: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Rows of what varies within subjects: each subject's mean difference from the reference over scores that are alike
    in all else."""
    for name in WITHIN:
        if table[name].nunique() < 2:
            continue
        first = _reference(table, name, baseline, sources)
        others = [other for other in WITHIN if other != name]
        wide = table.pivot_table(index=["group", *others], columns=name, values="value")
        for level in wide.columns.drop(first):
            differences = (wide[level] - wide[first]).dropna().groupby(level="group").mean().to_numpy()
            found = within_subjects(differences)
            tested = found._asdict() if name in OF_SCORE else {"difference": found.difference}
            yield _row(name, level, first, len(differences), tested, without="")


def _between(table: pd.DataFrame, sources: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Rows of what tells subjects apart: least squares over subjects, of whom each has one value."""
    people = table.groupby("group").agg(
        dict.fromkeys(["target", *OF_SUBJECT], "first") | dict.fromkeys(OF_SPACING, "mean")
    )
    values, mixed_up = _values(table)
    design = _design(people, sources)
    apart = {name: _between_blocks(people, name) for name in OF_HEARTS if people[name].nunique() > 1}
    for name, tested in design.items():
        mixed_with = [other for other, blocks in apart.items() if other != name and _lie_between(tested, blocks)]
        others, left_out = _separable(name, design, [apart[other] for other in apart if other not in mixed_with])
        matrix = _matrix([tested, *others], len(people))
        groups = pd.factorize(_words(people, name))[0] if name in OF_SUBJECT else np.zeros(len(people), int)
        found = between_subjects(values, matrix[:, _independent(matrix)], groups)[1:]
        for (level, first), one in zip(tested.columns, found):
            count = len(people) if name in OF_SPACING else int((tested[(level, first)] > 0).sum())
            yield _row(
                name,
                level,
                first,
                count,
                one._asdict(),
                without="; ".join(dict.fromkeys([*left_out, *mixed_with, *mixed_up])),
            )


def _row(name: str, level: str, first: str, count: int, found: Mapping[str, float], without: str) -> dict[str, Any]:
    return {
        **{"attribute": name, "level": level, "reference": first, "n_subjects": count, "effect": found["difference"]},
        **{column: found.get(key, np.nan) for column, key in (("ci_low", "low"), ("ci_high", "high"), ("p", "p"))},
        "without": without,
    }


def _values(table: pd.DataFrame) -> tuple[NDArray[np.float64], list[str]]:
    """Each subject's level, scores that it lacks allowed for; where the sources were tested on different subjects, over
    all sources, who are then not told apart from the subjects."""
    scores = table.pivot_table(index="group", columns=list(WITHIN), values="value")
    levels = levels_of_subjects(scores.to_numpy())
    if not np.isnan(levels).any():
        return levels, []
    pooled = table.pivot_table(index="group", columns=[name for name in WITHIN if name != "source"], values="value")
    return levels_of_subjects(pooled.to_numpy()), ["source"]


def _alike(table: pd.DataFrame) -> pd.DataFrame:
    """The observations whose structure, phase and level every target has: a target that lacks the hard ones would else
    look easy. All of them, where there are none such."""
    targets = table.groupby(list(OF_SCORE)).target.transform("nunique")
    alike = table[targets == table.target.nunique()]
    return alike if len(alike) else table


def share_of_variance(table: pd.DataFrame, name: str) -> float:
    """Of the variance of all observations: that of the means of the attribute's values, or of a straight line; of
    `OF_HEARTS`, of those around the mean of targets with values in common. Where subjects have one value each, less
    what as many values dealt to them by lot would have (as in omega squared). 0 at least; NaN where there is one value.
    """
    total = float(table.value.var(ddof=0))
    share = _explained(table, name)
    return share if np.isnan(share) else max(0.0, share / total) if total > 0 else 0.0


def _explained(table: pd.DataFrame, name: str) -> float:
    """The variance of `share_of_variance`; below 0 where the values explain less than by lot."""
    blocks = _blocks(table, name) if name in OF_HEARTS else pd.Series(0, table.index)
    around = table.value - table.value.groupby(blocks).transform("mean")
    words = _known(table, name) if name in OF_SPACING else _words(table, name)
    used = min(1, words.nunique() - 1) if name in OF_SPACING else words.groupby(blocks).nunique().sub(1).sum()
    if used < 1:
        return np.nan
    if name in OF_SPACING:
        means = around.mean() + np.polyfit(words, around, 1)[0] * (words - words.mean())
    else:
        means = around.groupby([blocks, words]).transform("mean")
    explained = float(means.var(ddof=0))
    if name in WITHIN:
        return explained
    people = float(around.groupby(table.group).transform("mean").var(ddof=0))
    left = table.group.nunique() - blocks.nunique() - used
    return explained - (people - explained) * used / left if left > 0 else explained


def _design(people: pd.DataFrame, sources: Sequence[str]) -> Design:
    """Columns (level, reference) of every attribute of which subjects have two values; "" is called unknown."""
    design: Design = {}
    for name in OF_SUBJECT:
        blocks = _blocks(people, name) if name in OF_HEARTS else pd.Series(0, people.index)
        columns = [_contrasts(block, name, sources) for _, block in people.groupby(blocks)]
        if any(one.shape[1] for one in columns):
            design[name] = pd.concat(columns, axis=1).reindex(people.index).fillna(0.0)
    for name in OF_SPACING:
        if people[name].notna().all() and people[name].nunique() > 1:
            centred = people[name] - people[name].mean()
            design[name] = pd.DataFrame({("+ 1 mm", f"{people[name].mean():.3g} mm"): centred})
    return design


def _contrasts(people: pd.DataFrame, name: str, sources: Sequence[str]) -> pd.DataFrame:
    """A column per value but the commonest, of mean 0, so that what sets these people off from others is not theirs."""
    words = _words(people, name)
    first = _reference(people, name, "", sources)
    columns = {(level, first): (words == level).astype(float) for level in sorted(set(words) - {first})}
    return pd.DataFrame({key: column - column.mean() for key, column in columns.items()}, index=people.index)


def _blocks(table: pd.DataFrame, name: str) -> pd.Series:
    """Which group of targets each row is of: those that have known values in common, directly or by way of others."""
    blocks: list[tuple[set[str], set[str]]] = []  # targets, their values
    for target, words in table.groupby("target", sort=False)[name]:
        joined = ({str(target)}, set(words) - {""})
        apart = []
        for block in blocks:
            if block[1] & joined[1]:
                joined = (block[0] | joined[0], block[1] | joined[1])
            else:
                apart.append(block)
        blocks = [*apart, joined]
    return table.target.map({target: number for number, (targets, _) in enumerate(blocks) for target in targets})


def _between_blocks(people: pd.DataFrame, name: str) -> pd.DataFrame:
    """A column per block but the first: what sets its people off from the first one's, whatever the reason."""
    return pd.get_dummies(_blocks(people, name), drop_first=True, dtype=float)


def _lie_between(columns: pd.DataFrame, blocks: pd.DataFrame) -> bool:
    """Whether some of an attribute's differences are those between blocks, of whose own values nothing is known."""
    return _rank([blocks, columns]) - _rank([blocks]) < columns.shape[1]


def _separable(name: str, design: Design, held: Sequence[pd.DataFrame]) -> tuple[list[pd.DataFrame], list[str]]:
    """The columns of ``held`` and of the other attributes beside which every level of this one can be estimated, and
    whom that leaves out."""
    kept = list(held)
    left_out = []
    for other, columns in design.items():
        if other == name:
            continue
        if _rank([*kept, columns, design[name]]) - _rank([*kept, columns]) == design[name].shape[1]:
            kept.append(columns)
        else:
            left_out.append(other)
    return kept, left_out


def _matrix(parts: Sequence[pd.DataFrame], rows: int) -> NDArray[np.float64]:
    return np.column_stack([np.ones(rows), *(part.to_numpy() for part in parts)])


def _rank(parts: Sequence[pd.DataFrame]) -> int:
    return int(np.linalg.matrix_rank(_matrix(parts, len(parts[0]))))


def _independent(matrix: NDArray[np.float64]) -> list[int]:
    """Columns, the first ones first, that are no combination of those before them."""
    triangle = np.abs(np.diag(np.linalg.qr(matrix, mode="r")))
    return [index for index, size in enumerate(triangle) if size > 1e-8 * np.linalg.norm(matrix[:, index])]
