"""Welch's and Student's tests as oracles, and how often both err where cells, groups and subjects vary unequally."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.regression.linear_model import OLS

from cmrbridge.evaluation.mixed import Estimate
from cmrbridge.evaluation.statistics import welch
from cmrbridge.evaluation.subject_effects import between_subjects, levels_of_subjects, within_subjects

GROUPS = np.repeat([0, 1, 2], [9, 5, 7])
DUMMIES = np.column_stack([np.ones(21), GROUPS == 1, GROUPS == 2]).astype(float)


def test_groups_alone_are_welchs_test() -> None:
    values = np.random.default_rng(0).normal(GROUPS, 1 + 3 * GROUPS)
    for group, found in enumerate(between_subjects(values, DUMMIES, GROUPS)[1:], start=1):
        oracle = welch(values[group == GROUPS], values[GROUPS == 0])
        assert (found.df, found.p, found.low) == pytest.approx((oracle.df, oracle.p, oracle.ci_low))


def test_beside_other_columns_errors_are_hc2() -> None:
    draw = np.random.default_rng(1)
    columns = np.column_stack([DUMMIES, draw.normal(size=(21, 2))])
    values = draw.normal(GROUPS, 1 + GROUPS)
    found, oracle = between_subjects(values, columns, GROUPS), OLS(values, columns).fit(cov_type="HC2")
    np.testing.assert_allclose([one.difference for one in found], oracle.params)
    np.testing.assert_allclose([one.se for one in found], oracle.bse)


def test_with_one_group_and_a_straight_line_of_two_halves_it_is_students_test() -> None:
    values, half = np.random.default_rng(2).normal(size=20), np.arange(20) % 2
    found = between_subjects(values, np.column_stack([np.ones(20), half]), np.zeros(20, int))[1]
    oracle = stats.ttest_ind(values[half == 1], values[half == 0])
    assert (found.df, found.p) == pytest.approx((18, oracle.pvalue))


def test_a_group_of_one_subject_has_an_effect_but_no_interval() -> None:
    values = np.arange(5.0) ** 2
    groups = np.array([0, 0, 1, 1, 2])
    columns = np.column_stack([np.ones(5), groups == 1, groups == 2]).astype(float)
    _, pair, single = between_subjects(values, columns, groups)
    assert pair.p == pytest.approx(welch(values[2:4], values[:2]).p)
    assert single.difference == pytest.approx(15.5)
    assert math.isnan(single.p)
    assert within_subjects(np.array([0.5])).difference == 0.5
    assert math.isnan(within_subjects(np.array([])).difference)


def test_levels_of_subjects_hold_the_cells_and_need_a_chain_between_them() -> None:
    level, cell = np.array([-2.0, 0.5, 1.5]), np.array([70.0, 80.0, 90.0, 95.0])
    scores = level[:, None] + cell
    scores[0, :2] = scores[2, 2:] = math.nan
    np.testing.assert_allclose(levels_of_subjects(scores), level)
    scores[1, :2] = math.nan
    assert np.isnan(levels_of_subjects(scores)).all()


def drawn(draw: np.random.Generator) -> np.ndarray:
    """(subject, arm, structure, level) without any effect, in points: trainings (3 an arm) differ by 1 point, gains by
    4.6 between subjects, as what they lose by structure and level; subjects from the twelfth on differ twice as much,
    and a score of twenty is missing."""
    shape = (22, 4, 3, 3)
    spread = np.where(np.arange(22) < 12, 1, 2)[:, None, None, None]
    scores = spread * draw.normal(0, 5, (22, 1, 1, 1)) + draw.normal(0, 1 / math.sqrt(3), (1, 4, 1, 1))
    for varies in np.eye(4, dtype=int)[1:]:
        scores = scores + draw.normal(0, 4.6, [22, *np.where(varies, shape, 1)[1:]])
    scores = scores + draw.normal(0, 1.4 / math.sqrt(3), shape)
    return np.where(draw.random(shape) < 0.05, math.nan, scores)


def estimates_of(scores: np.ndarray) -> dict[str, list[Estimate]]:
    """Of structure and level within subjects; of vendor and pathology, each beside the other, between them."""
    alone = np.zeros(22, int)
    vendor, pathology = (np.arange(22) >= 12).astype(int), np.arange(22) % 3
    columns = np.column_stack([alone + 1, vendor, pathology == 1, pathology == 2]).astype(float)
    apart = [np.nanmean(scores - scores.take([0], axis), axis=tuple({1, 2, 3} - {axis})) for axis in (2, 3)]
    structure, level = ([within_subjects(one[:, place]) for place in (1, 2)] for one in apart)
    values = levels_of_subjects(scores.reshape(22, -1))
    by_vendor, by_pathology = (between_subjects(values, columns, groups) for groups in (vendor, pathology))
    return {"structure": structure, "level": level, "vendor": by_vendor[1:2], "pathology": by_pathology[2:]}


@pytest.mark.parametrize(("count", "doubt"), [(200, 0.04), pytest.param(4000, 0.01, marks=pytest.mark.long)])
def test_of_studies_without_an_effect_5_in_100_show_one(count: int, doubt: float) -> None:
    draw = np.random.default_rng(0)
    studies = [estimates_of(drawn(draw)) for _ in range(count)]
    for name in studies[0]:
        smallest = np.array([len(study[name]) * min(one.p for one in study[name]) for study in studies])  # Holm's
        wrong = np.mean(smallest < 0.05)
        missed = np.mean([not one.low <= 0 <= one.high for study in studies for one in study[name]])
        print(f"{name}: wrong in {wrong:.4f} of the studies, missed by {missed:.4f} of the intervals")
        assert wrong == pytest.approx(0.05, abs=doubt)
        assert missed == pytest.approx(0.05, abs=doubt)
