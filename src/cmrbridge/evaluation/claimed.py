"""The comparisons that a study's claims rest on, and no others: each claim names its own two arms."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from cmrbridge.evaluation.comparisons import COLUMNS as COMPARED
from cmrbridge.evaluation.comparisons import ComparisonSettings, comparison_table
from cmrbridge.evaluation.frames import HIGHER_IS_BETTER, MEAN, read_cases, write_frame
from cmrbridge.evaluation.statistics import holm

__all__ = ["COLUMNS", "Claim", "ComparisonSettings", "compare_claims"]

COLUMNS = ("words", "by", "p_by", *COMPARED)
TEST = ["source", "target", "architecture", "arm", "baseline", "metric", "by"]  # rows alike in these are the same test


@dataclass(frozen=True)
class Claim:
    """That ``arm`` is better than ``against`` in a metric's mean over structures; by: by so much at least, in the
    metric's unit (Dice 0.01: a point); words: who says so, and how."""

    arm: str
    against: str
    metric: str
    by: float = 0.0
    words: str = ""


def compare_claims(*, settings: ComparisonSettings, claims: Sequence[Claim], cases: Path, claimed: Path) -> None:
    """`COLUMNS`, a row per claim, source, architecture and target: the primary one, or each where none is declared.

    ``p_by``: Welch's p, two-sided, that the gain is ``by``; where that is 0 it is ``p``. ``p_holm`` corrects it over
    the tests of this table: these are all that the study set out to say. A claim about an arm without scores has no
    row.
    """
    frame = read_cases(cases)
    away = frame[frame.target != frame.source]
    if settings.primary_target:
        away = away[away.target == settings.primary_target]
    tables = [_compared(claim, away, settings) for claim in claims]
    table = pd.concat([pd.DataFrame(columns=list(COLUMNS)), *(one for one in tables if len(one))], ignore_index=True)
    tests = ~table.duplicated(TEST)
    table["p_holm"] = holm(table.p_by.astype(float).where(tests).to_numpy())
    table["p_holm"] = table.groupby(TEST, dropna=False).p_holm.transform("first")
    table["primary"] &= table.baseline == settings.baseline  # the endpoint's own arm, not only its metric
    write_frame(claimed, table)


def _compared(claim: Claim, cases: pd.DataFrame, settings: ComparisonSettings) -> pd.DataFrame:
    pair = cases[cases.arm.isin((claim.arm, claim.against))]
    table = comparison_table(pair, replace(settings, baseline=claim.against, metrics=[claim.metric]))
    table = table[table.structure == MEAN].assign(words=claim.words, by=claim.by)
    return table.assign(p_by=_p_by(table, claim))[list(COLUMNS)]


def _p_by(table: pd.DataFrame, claim: Claim) -> pd.Series:
    """Of Welch's statistic against a difference of ``by`` in the direction that is better, by its own interval."""
    if not claim.by:
        return table.p
    better = claim.by if claim.metric in HIGHER_IS_BETTER else -claim.by
    low, high, df, difference = (table[name].astype(float) for name in ("ci_low", "ci_high", "df", "difference"))
    error = (high - low) / (2 * stdtrit(df, 0.975))
    return 2 * stdtr(df, -np.abs(difference - better) / error)
