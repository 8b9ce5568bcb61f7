"""Tests of subjects' means: Welch, paired t, Wilcoxon, Hedges' g, Holm's correction: plain numbers in and out.

An undefined number (too few subjects, no spread at all) is NaN, never an exception.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.optimize import brentq
from scipy.special import nctdtr
from statsmodels.stats.multitest import multipletests


class Welch(NamedTuple):
    """Arm minus baseline. t, df, p (two-sided); ci_low, ci_high: 95 % interval of the difference of the means."""

    t: float
    df: float
    p: float
    ci_low: float
    ci_high: float


SPREAD = 1e-9  # scores carry six decimals: less spread than this is rounding
EXACT = 50  # subjects, up to which ranks are counted out
HUGE = 1000.0  # of t, beyond which its distribution is not computed
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


def hedges_interval(g: float, arm_count: int, baseline_count: int) -> tuple[float, float]:
    """95 % interval of the true difference in SDs, from `hedges_g` of independent subjects of equal spread.

    Exact: noncentral t distributions at whose 2.5th and 97.5th percentile the observed t lies (Cumming & Finch 2001).
    """
    if math.isnan(g):
        return math.nan, math.nan
    count, root = arm_count + baseline_count, math.sqrt(1 / arm_count + 1 / baseline_count)
    t = g / (1 - 3 / (4 * count - 9)) / root
    low, high = (root * _noncentrality(t, count - 2, share) for share in (0.975, 0.025))
    return low, high


def _noncentrality(t: float, df: int, share: float) -> float:
    """Of the noncentral t distribution that has ``share`` of its mass below ``t``."""
    if t < 0:  # its lower tail is not computed well
        return -_noncentrality(-t, df, 1 - share)
    if t > HUGE:  # only the spread is uncertain
        return float(t * math.sqrt(stats.chi2.isf(share, df) / df))

    def surplus(shift: float) -> float:
        mass = nctdtr(df, shift, t)
        return (float(shift < t) if math.isnan(mass) else mass) - share  # NaN: as good as none, or all

    reach = 4.0
    while surplus(t + reach) > 0 or surplus(t - reach) < 0:
        reach *= 2
    return float(brentq(surplus, t - reach, t + reach, xtol=1e-13))


def paired_p(arm: ArrayLike, baseline: ArrayLike) -> float:
    """Two-sided p of the paired t-test; the two are aligned subject by subject."""
    differences = np.asarray(arm, float) - np.asarray(baseline, float)
    if len(differences) < 2 or np.ptp(differences) < SPREAD:
        return math.nan
    return float(stats.ttest_1samp(differences, 0).pvalue)


def wilcoxon_p(arm: ArrayLike, baseline: ArrayLike) -> float:
    """Two-sided p of Wilcoxon's signed-rank test (1945), subjects without a difference left out.

    Exact up to 50 subjects without ties, otherwise by scipy's rule (the normal approximation, unless there are few).
    """
    differences = np.asarray(arm, float) - np.asarray(baseline, float)
    if len(differences) < 2 or np.ptp(differences) < SPREAD:
        return math.nan
    sizes = np.abs(differences)
    if len(sizes) > EXACT or not sizes.all() or len(np.unique(sizes)) < len(sizes):
        return float(stats.wilcoxon(differences).pvalue)
    ranks = np.argsort(np.argsort(sizes)) + 1
    rarer = min(ranks[differences > 0].sum(), ranks[differences < 0].sum())
    return min(1.0, 2 * float(_rank_sums(len(sizes))[rarer]))


@cache
def _rank_sums(count: int) -> NDArray[np.float64]:
    """P(sum of the positive ranks ≤ w), w = 0, 1, …: a table that scipy makes anew for every test, in 10 ms."""
    chances = np.ones(1)
    for rank in range(1, count + 1):
        chances = (np.pad(chances, (0, rank)) + np.pad(chances, (rank, 0))) / 2
    return np.cumsum(chances)


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
