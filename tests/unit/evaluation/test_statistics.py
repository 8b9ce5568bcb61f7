"""Against scipy and statsmodels, and against closed forms."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.meta_analysis import effectsize_smd
from statsmodels.stats.multitest import multipletests

from cmrbridge.evaluation.statistics import hedges_g, holm, paired_p, share_of_gap, welch

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
    assert hedges_g(A, B) == pytest.approx(expected)


def test_hedges_g_by_hand() -> None:
    assert hedges_g([1, 2, 3], [4, 5, 6]) == pytest.approx(-3 * (1 - 3 / 15))


def test_paired_p_is_scipys() -> None:
    assert paired_p(A[:9], B) == pytest.approx(stats.ttest_rel(A[:9], B).pvalue)


def test_holm_by_hand_leaves_out_the_undefined() -> None:
    np.testing.assert_allclose(holm([0.04, math.nan, 0.01, 0.03]), [0.06, math.nan, 0.03, 0.06])


def test_holm_is_statsmodels() -> None:
    p = RNG.uniform(0, 0.2, 30)
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1])


def test_too_few_subjects_or_no_spread_is_undefined_not_a_crash() -> None:
    for arm, baseline in [([0.8], [0.7, 0.9]), ([], [0.1]), ([0.5, 0.5], [0.6, 0.6])]:
        assert all(map(math.isnan, (*welch(arm, baseline), hedges_g(arm, baseline))))
    assert math.isnan(paired_p([0.8], [0.7]))
    assert math.isnan(paired_p([0.8, 0.9], [0.7, 0.8]))
    assert np.isnan(holm([math.nan])).all()


def test_share_of_gap_has_a_direction() -> None:
    assert share_of_gap(0.85, 0.80, 0.90, higher_is_better=True) == pytest.approx(0.5)
    assert share_of_gap(9.0, 12.0, 6.0, higher_is_better=False) == pytest.approx(0.5)
    assert math.isnan(share_of_gap(0.85, 0.90, 0.80, higher_is_better=True))
