"""Power, needed sizes and equivalence against statsmodels."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestIndPower, TTestPower
from statsmodels.stats.weightstats import ttost_paired

from cmrbridge.evaluation.equivalence import equivalence
from cmrbridge.evaluation.power import FARTHEST, MOST, POWER, detectable, levers, power
from cmrbridge.evaluation.variance import Components, Design, Error


@pytest.mark.parametrize("effect", [0.0, 0.1, -0.4, 1.0, 3.0])
@pytest.mark.parametrize("count", [3, 12, 45])
def test_power_is_statsmodels(effect: float, count: int) -> None:
    ours = power(effect, Error(1 / math.sqrt(count), count - 1))
    assert ours == pytest.approx(TTestPower().power(abs(effect), count, 0.05), abs=1e-10)


@pytest.mark.parametrize("df", [1, 1.7, 4, 44])
def test_the_detectable_difference_is_found_in_80_of_100_studies(df: float) -> None:
    assert power(detectable(Error(0.3, df)), Error(0.3, df)) == pytest.approx(POWER, abs=1e-10)


def test_a_design_that_finds_nothing_has_no_detectable_difference() -> None:
    """Half a degree of freedom: a t of 30 is not even significant. A study as small still gets its row."""
    assert 2 * stats.t.sf(FARTHEST, 0.5) > 0.05
    assert detectable(Error(0.3, 0.5)) == math.inf
    found = levers(Components(0.1, 2, 2), Design(2, (1, 2)), 1.0)
    assert (found.mde, found.needed_seeds) == (math.inf, math.inf)
    assert found.mde_many_subjects < math.inf


def test_needed_subjects_are_statsmodels_where_only_gains_vary() -> None:
    """One sample of gains with a standard deviation of 4, 1.5 to be found."""
    found = levers(Components(0, 16, 0), Design(20, (3, 3)), 1.5)
    assert found.needed_subjects == math.ceil(TTestPower().solve_power(1.5 / 4, power=0.8, alpha=0.05))
    assert found.needed_seeds == math.inf
    assert math.isnan(found.mde_many_subjects), "runs of no measured spread are not runs alike"
    assert found.mde_many_seeds == pytest.approx(found.mde)


def test_needed_seeds_are_statsmodels_where_only_runs_vary() -> None:
    """Two samples of runs with a standard deviation of 1, 0.7 to be found."""
    found = levers(Components(1, 0, 0), Design(20, (3, 3)), 0.7)
    assert found.needed_seeds == math.ceil(TTestIndPower().solve_power(0.7, power=0.8, alpha=0.05))
    assert found.needed_subjects == math.inf
    assert math.isnan(found.mde_many_seeds)
    assert found.mde_many_subjects == pytest.approx(found.mde)


def test_of_shared_networks_needed_seeds_count_networks() -> None:
    """One sample of networks whose differences have a standard deviation of 1, 0.7 to be found."""
    found = levers(Components(1, 0, 0), Design(20, (3,)), 0.7)
    assert found.needed_seeds == math.ceil(TTestPower().solve_power(0.7, power=0.8, alpha=0.05))
    assert TTestPower().power(found.mde, 3, 0.05) == pytest.approx(POWER, abs=1e-8)


def test_needed_numbers_are_the_smallest_that_do() -> None:
    parts, design = Components(0.3, 9, 2), Design(22, (3, 3))
    found = levers(parts, design, 2.0)
    assert 22 < found.needed_subjects < MOST
    for name, least in (("needed_subjects", found.needed_subjects), ("needed_seeds", found.needed_seeds)):
        changed = {"needed_subjects": "subjects", "needed_seeds": ""}[name]
        for count, enough in ((int(least), True), (int(least) - 1, False)):
            other = design._replace(subjects=count) if changed else Design(22, (count, count))
            assert (levers(parts, other, 2.0).mde <= 2.0) == enough


def test_without_a_wanted_difference_nothing_is_needed() -> None:
    found = levers(Components(1, 1, 1), Design(20, (3, 3)), math.nan)
    assert math.isnan(found.needed_subjects)
    assert math.isnan(found.needed_seeds)
    assert found.mde > max(found.mde_many_subjects, found.mde_many_seeds) > 0


def test_equivalence_is_statsmodels() -> None:
    rng = np.random.default_rng(1)
    arm, baseline = rng.normal(0.004, 0.03, 18), rng.normal(0, 0.03, 18)
    differences = arm - baseline
    error = Error(differences.std(ddof=1) / math.sqrt(18), 17)
    p, lower, upper = ttost_paired(arm, baseline, -0.01, 0.01)
    higher = equivalence(differences.mean(), error, 0.01, higher_is_better=True)
    assert higher == pytest.approx((lower[1], p), abs=1e-10)
    assert equivalence(differences.mean(), error, 0.01, False).no_worse_p == pytest.approx(upper[1], abs=1e-10)


def test_no_worse_has_a_direction() -> None:
    """8 mm more is worse for a distance, better for a score."""
    error = Error(1.0, 20)
    assert equivalence(8, error, 2, higher_is_better=True).no_worse_p < 1e-6
    assert equivalence(8, error, 2, higher_is_better=False).no_worse_p > 0.999
    assert np.isnan(equivalence(math.nan, Error(math.nan, math.nan), 2, True)).all()
