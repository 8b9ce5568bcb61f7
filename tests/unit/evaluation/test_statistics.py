"""Against scipy and statsmodels, and against closed forms."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.meta_analysis import effectsize_smd
from statsmodels.stats.multitest import multipletests

from cmrbridge.evaluation.statistics import (
    hedges_g,
    hedges_interval,
    holm,
    paired_p,
    share_of_gap,
    welch,
    wilcoxon_p,
)

RNG = np.random.default_rng(5)
A, B = RNG.normal(0.85, 0.05, 14), RNG.normal(0.80, 0.11, 9)


def test_welch_is_scipys() -> None:
    ours, theirs = welch(A, B), stats.ttest_ind(A, B, equal_var=False)
    interval = theirs.confidence_interval(0.95)
    expected = (theirs.statistic, theirs.df, theirs.pvalue, interval.low, interval.high)
    assert ours == pytest.approx(expected, rel=1e-12)


def test_welch_by_hand() -> None:
    """Means 2 and 5, both variances 1, both n 3: t = −3 / √(2/3), four degrees of freedom."""
    ours = welch([1, 2, 3], [4, 5, 6])
    assert (ours.t, ours.df) == pytest.approx((-3 / math.sqrt(2 / 3), 4))


def test_hedges_g_is_statsmodels() -> None:
    expected, _ = effectsize_smd(A.mean(), A.std(ddof=1), len(A), B.mean(), B.std(ddof=1), len(B))
    assert hedges_g(A, B) == pytest.approx(expected, rel=1e-12)


def test_hedges_g_by_hand() -> None:
    assert hedges_g([1, 2, 3], [4, 5, 6]) == pytest.approx(-3 * (1 - 3 / 15))


@pytest.mark.parametrize(
    ("g", "sizes"), [(0.3, (14, 9)), (-1.7, (22, 22)), (0.0, (5, 5)), (6.0, (3, 3)), (9.0, (45, 45))]
)
def test_hedges_interval_ends_where_the_observed_t_is_a_2_5th_percentile(g: float, sizes: tuple[int, int]) -> None:
    count, root = sum(sizes), math.sqrt(1 / sizes[0] + 1 / sizes[1])
    t = g / (1 - 3 / (4 * count - 9)) / root
    low, high = hedges_interval(g, *sizes)
    assert stats.nct.sf(t, count - 2, low / root) == pytest.approx(0.025, abs=1e-10)
    assert stats.nct.cdf(t, count - 2, high / root) == pytest.approx(0.025, abs=1e-10)


@pytest.mark.parametrize(("g", "size"), [(990, 2), (3000, 2), (-1e5, 20)])
def test_hedges_interval_of_a_spread_near_none_is_that_of_the_spread(g: float, size: int) -> None:
    """Where g is huge, only the pooled SD is uncertain: chi-squared."""
    df = 2 * size - 2
    biased = g / (1 - 3 / (8 * size - 9))
    ends = biased * np.sqrt(stats.chi2.ppf([0.025, 0.975], df) / df)
    assert hedges_interval(g, size, size) == pytest.approx(tuple(sorted(ends)), rel=3e-3)


DIFFERENCES = {
    "exact": RNG.normal(0.2, 1, 22),
    "two subjects": np.array([1.0, -3.0]),
    "ties": np.array([1, 1, -1, 2, 3, -2, 4.0]),
    "no difference for one": np.array([0, 1, -2, 3, 5, 4.5]),
    "many": RNG.normal(0.2, 1, 60),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_wilcoxon_is_scipys(name: str) -> None:
    differences = DIFFERENCES[name]
    expected = stats.wilcoxon(differences).pvalue
    assert wilcoxon_p(differences, np.zeros_like(differences)) == pytest.approx(expected, abs=1e-10)


def test_paired_p_is_scipys() -> None:
    assert paired_p(A[:9], B) == pytest.approx(stats.ttest_rel(A[:9], B).pvalue, rel=1e-12)


def test_holm_by_hand_leaves_out_the_undefined() -> None:
    np.testing.assert_allclose(holm([0.04, math.nan, 0.01, 0.03]), [0.06, math.nan, 0.03, 0.06])


def test_holm_is_statsmodels() -> None:
    p = RNG.uniform(0, 0.2, 30)
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], rtol=1e-12)


def test_too_few_subjects_or_no_spread_is_undefined_not_a_crash() -> None:
    for arm, baseline in [([0.8], [0.7, 0.9]), ([], [0.1]), ([0.5, 0.5], [0.6, 0.6])]:
        assert all(map(math.isnan, (*welch(arm, baseline), hedges_g(arm, baseline))))
    assert all(map(math.isnan, hedges_interval(math.nan, 1, 2)))
    for test in (paired_p, wilcoxon_p):
        assert math.isnan(test([0.8], [0.7]))
        assert math.isnan(test([0.8, 0.9], [0.7, 0.8]))
    assert np.isnan(holm([math.nan])).all()


def test_share_of_gap_has_a_direction() -> None:
    assert share_of_gap(0.85, 0.80, 0.90, higher_is_better=True) == pytest.approx(0.5)
    assert share_of_gap(9.0, 12.0, 6.0, higher_is_better=False) == pytest.approx(0.5)
    assert math.isnan(share_of_gap(0.85, 0.90, 0.80, higher_is_better=True))
