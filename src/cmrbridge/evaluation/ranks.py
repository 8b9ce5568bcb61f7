"""Which arms rank before which: mean ranks over subjects, Friedman's test, Nemenyi's critical difference."""

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from cmrbridge.evaluation.comparisons import CEILING
from cmrbridge.evaluation.doses import ALL_TARGETS
from cmrbridge.evaluation.frames import HIGHER_IS_BETTER, MEAN, per_subject

ALPHA = 0.05
FEWEST = 3  # arms; two are told apart by their paired difference
COLUMNS = ("source", "architecture", "target", "arm", "n", "mean_rank", "friedman_p", "critical_difference")


def critical_difference(arms: int, subjects: int) -> float:
    """The least difference of two mean ranks that Nemenyi's test at 5 % calls one (Demšar 2006, section 3.2.2).

    q √(k (k + 1) / (6 N)), q being the studentised range of k arms and infinite degrees of freedom over √2. All
    pairs of arms together are wrongly told apart in at most one study of twenty.
    """
    q = float(stats.studentized_range.ppf(1 - ALPHA, arms, np.inf)) / math.sqrt(2)
    return q * math.sqrt(arms * (arms + 1) / (6 * subjects))


def friedman_p(scores: ArrayLike) -> float:
    """p of Friedman's χ² on (subject, arm) scores, corrected for ties; NaN where no subject tells any arms apart."""
    table = np.asarray(scores, float)
    if len(table) < 2 or not np.ptp(table, axis=1).any():
        return math.nan
    return float(stats.friedmanchisquare(*table.T).pvalue)


def ranks(cases: pd.DataFrame, metric: str) -> pd.DataFrame:
    """A table of `COLUMNS` per source and architecture: on all targets but the source together, and on each target.

    A block is a subject that every arm was tested on (mean over structures, phases and seeds); rank 1 is best, ties
    share their mean rank. The ceiling is no remedy and stays out. Fewer than `FEWEST` arms or 2 subjects: no rows.
    """
    values = per_subject(cases[(cases.metric == metric) & (cases.region == "whole") & (cases.arm != CEILING)])
    values = values[values.structure == MEAN]
    sign = -1 if metric in HIGHER_IS_BETTER else 1
    rows = []
    for (source, architecture), run in values.groupby(["source", "architecture"]):
        away = run[run.target != source]
        parts = [(ALL_TARGETS, away)] if away.target.nunique() > 1 else []
        for target, part in [*parts, *away.groupby("target"), *run[run.target == source].groupby("target")]:
            blocks = (sign * part.pivot(index=["target", "subject"], columns="arm", values="value")).dropna()
            keys = {"source": source, "architecture": architecture, "target": target}
            rows += [keys | row for row in _ranked(blocks)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _ranked(blocks: pd.DataFrame) -> list[dict[str, object]]:
    """A row per arm, the best first. blocks: one row per subject, one column per arm, lower is better."""
    n, arms = blocks.shape
    if n < 2 or arms < FEWEST:
        return []
    means = blocks.rank(axis=1).mean().sort_values(kind="stable")
    common = {"n": n, "friedman_p": friedman_p(blocks), "critical_difference": critical_difference(arms, n)}
    return [{"arm": arm, "mean_rank": mean, **common} for arm, mean in means.items()]
