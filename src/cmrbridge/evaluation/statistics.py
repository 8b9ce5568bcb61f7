"""Welch's t-test with its interval, effect size, paired test and Holm's correction: plain numbers in and out.

An undefined number (too few subjects, no spread at all) is NaN, never an exception.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from statsmodels.stats.multitest import multipletests


class Welch(NamedTuple):
    """Arm minus baseline. t, df, p (two-sided); ci_low, ci_high: 95 % interval of the difference of the means."""

    t: float
    df: float
    p: float
    ci_low: float
    ci_high: float


SPREAD = 1e-9  # scores carry six decimals: less spread than this is rounding
UNDEFINED = Welch(*[math.nan] * 5)


def welch(arm: ArrayLike, baseline: ArrayLike) -> Welch:
    """Welch's unequal-variances t-test (Welch 1947), degrees of freedom after Welch and Satterthwaite."""
    a, b = np.asarray(arm, float), np.asarray(baseline, float)
    if min(len(a), len(b)) < 2:
        return UNDEFINED
    va, vb = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    if va + vb < SPREAD**2:
        return UNDEFINED
    difference, error = a.mean() - b.mean(), math.sqrt(va + vb)
    df = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
    margin = stats.t.ppf(0.975, df) * error
    t = difference / error
    return Welch(*map(float, (t, df, 2 * stats.t.sf(abs(t), df), difference - margin, difference + margin)))


def hedges_g(arm: ArrayLike, baseline: ArrayLike) -> float:
    """Difference of the means in pooled SDs, times 1 − 3 / (4 N − 9), N = all subjects (Hedges 1981)."""
    a, b = np.asarray(arm, float), np.asarray(baseline, float)
    count = len(a) + len(b)
    if min(len(a), len(b)) < 2:
        return math.nan
    pooled = ((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / (count - 2)
    if pooled < SPREAD**2:
        return math.nan
    return float((a.mean() - b.mean()) / math.sqrt(pooled) * (1 - 3 / (4 * count - 9)))


def paired_p(arm: ArrayLike, baseline: ArrayLike) -> float:
    """Two-sided p of the paired t-test; the two are aligned subject by subject."""
    differences = np.asarray(arm, float) - np.asarray(baseline, float)
    if len(differences) < 2 or np.ptp(differences) < SPREAD:
        return math.nan
    return float(stats.ttest_1samp(differences, 0).pvalue)


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down correction over all defined p; the undefined stay NaN and do not count."""
    values = np.asarray(p, float)
    corrected = np.full_like(values, math.nan)
    defined = ~np.isnan(values)
    if defined.any():
        corrected[defined] = multipletests(values[defined], method="holm")[1]
    return corrected


def share_of_gap(arm: float, floor: float, ceiling: float, higher_is_better: bool) -> float:
    """(arm − floor) / (ceiling − floor); NaN where the ceiling is not better: no gap, no share."""
    gap = ceiling - floor if higher_is_better else floor - ceiling
    return (arm - floor) / (ceiling - floor) if gap > 0 else math.nan
