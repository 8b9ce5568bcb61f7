"""Which attribute explains the loss: a mixed model of the score, the subject as random effect."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from cmrbridge.errors import InputError
from cmrbridge.evaluation.comparisons import CEILING
from cmrbridge.evaluation.frames import read_cases, write_frame
from cmrbridge.evaluation.intercepts import fit_random_intercepts

OF_SUBJECT = ("vendor", "centre", "scanner", "field_strength_t", "pathology")  # columns of subjects.csv, as words
OF_SPACING = {"in-plane spacing (per mm)": "spacing_x", "slice spacing (per mm)": "spacing_z"}  # as numbers
LEVELS = ("mid", "base", "apex")  # of the stack; the first is what the others are held against
COLUMNS = (
    "attribute", "level", "reference", "n_subjects", "effect", "ci_low", "ci_high", "p_attribute", "share", "without",
)  # fmt: skip

Design = dict[str, pd.DataFrame]  # attribute → its columns, one a level but the reference's


@dataclass(frozen=True)
class FactorSettings:
    """baseline: the arm that the others are held against; metric: what is explained: "dice", the one that is scored
    level by level."""

    baseline: str
    metric: str = "dice"


class Fit(NamedTuple):
    """Of a random-intercept model by maximum likelihood: its log-likelihood; effects and their standard errors, by
    column; share: of the variance that the fixed effects explain (marginal R², Nakagawa & Schielzeth 2013, eq. 26)."""

    log_likelihood: float
    effects: pd.Series
    errors: pd.Series
    share: float


def measure_factors(
    *, settings: FactorSettings, cases: Path, subjects: Mapping[str, Path], sources: Sequence[str], factors: Path
) -> None:
    """Write ``factors`` (csv, `COLUMNS`): what each attribute's levels add to the score, the others held.

    subjects: target → subjects.csv of its data set. sources: domains that trained, whose own values are references.
    One observation is a subject × phase × structure × level × arm × architecture × source, the mean over seeds. The
    ceiling is no strategy and stays out.
    effect: score of ``level`` minus that of ``reference`` (Dice: 0.01 is one point), with its 95 % interval;
    p_attribute: likelihood-ratio test of all its levels at once; share: of the variance, by this attribute alone.
    without: attributes, "; " between them, that these data do not tell apart from this one: left out of its model.
    """
    table = observations(settings, cases, subjects)
    design = _design(table, settings.baseline, sources)
    rows = [row for name in design for row in _explain(name, design, table)]
    write_frame(factors, pd.DataFrame(rows, columns=list(COLUMNS)).round(6))


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


def _design(table: pd.DataFrame, baseline: str, sources: Sequence[str]) -> Design:
    """Columns of every attribute that takes two values; a level without a word ("") is called unknown."""
    own = table[table.target.isin(list(sources))]
    fixed = {"arm": baseline, "phase": "ED", "structure": "LV", "level": LEVELS[0]}
    design: Design = {}
    for name in ("arm", "architecture", "source", "structure", "phase", "level", *OF_SUBJECT):
        words = table[name].replace("", "unknown")
        if words.nunique() > 1:
            first = fixed.get(name) or own[name].replace("", "unknown").mode().iloc[0]
            levels = [level for level in sorted(set(words)) if level != first]
            columns = {(name, level, first): (words == level).astype(float) for level in levels}
            design[name] = pd.DataFrame(columns)
    for name in OF_SPACING:
        if table[name].notna().all() and table[name].nunique() > 1:
            centred = table[name] - table[name].mean()
            design[name] = pd.DataFrame({(name, "+ 1 mm", f"{table[name].mean():.3g} mm"): centred})
    return design


def _explain(name: str, design: Design, table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Rows of one attribute: a model with all that can be told apart from it, the same without it, and it alone."""
    others, left_out = _separable(name, design)
    full, rest, alone = (_fit(parts, table) for parts in ([design[name], *others], others, [design[name]]))
    gained = max(0.0, 2 * (full.log_likelihood - rest.log_likelihood))
    p = float(stats.chi2.sf(gained, design[name].shape[1]))
    for column in design[name].columns:
        effect, error = full.effects[column], full.errors[column]
        margin = stats.norm.ppf(0.975) * error
        chosen = table.group if name in OF_SPACING else table.group[design[name][column] > 0]
        yield {
            **{"attribute": name, "level": column[1], "reference": column[2], "n_subjects": chosen.nunique()},
            **{"effect": effect, "ci_low": effect - margin, "ci_high": effect + margin},
            **{"p_attribute": p, "share": alone.share, "without": "; ".join(left_out)},
        }


def _separable(name: str, design: Design) -> tuple[list[pd.DataFrame], list[str]]:
    """The other attributes' columns beside which every level of this one can be estimated, and whom that leaves out."""
    kept: list[pd.DataFrame] = []
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


def _fit(parts: Sequence[pd.DataFrame], table: pd.DataFrame) -> Fit:
    """Random intercepts for subjects; among the other attributes a column that others make up is left out."""
    matrix = _matrix(parts, len(table))
    kept = _independent(matrix)
    found = fit_random_intercepts(table.value.to_numpy(), matrix[:, kept], pd.factorize(table.group)[0])
    names = [("", "", ""), *(column for part in parts for column in part.columns)]
    chosen = [names[index] for index in kept]
    explained = float(np.var(matrix[:, kept] @ found.effects))
    share = explained / (explained + found.between + found.within)
    effects, errors = (pd.Series(dict(zip(chosen, of))) for of in (found.effects, found.errors))
    return Fit(found.log_likelihood, effects, errors, share)
