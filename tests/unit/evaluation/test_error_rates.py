"""Each test errs as often as it says where its own null hypothesis holds; where another holds, as docs/ report."""

import numpy as np
import pytest

from cmrbridge.evaluation.error_rates import Scenario, draw, error_rates, family_wise_rate, scenarios

TYPICAL = Scenario("typical", slope=1.0, run=1.0)
SCENARIOS = {scenario.name: scenario for scenario in scenarios(TYPICAL, steep=4.5)}
OWN = [name for name, scenario in SCENARIOS.items() if scenario.own]


def test_paired_tests_mistake_the_spread_of_runs_for_an_effect() -> None:
    rates = error_rates(SCENARIOS["runs and gains vary"], 500, seed=0, bootstrap=400).set_index("test").rejected
    assert min(rates.paired, rates.wilcoxon) > 0.4
    assert rates.welch < 0.04
    for test in ("mixed", "mixed_slope", "bootstrap"):
        assert 0.025 < rates[test] < 0.085


def test_drawn_scores_have_the_spreads_that_were_asked_for() -> None:
    many = Scenario("many", subjects=4000, runs=400, subject=5, slope=3, run=1, residual=2, difference=-4)
    arm, baseline = draw(many, np.random.default_rng(0))
    gains = arm.mean(0) - baseline.mean(0)
    assert gains.mean() == pytest.approx(-4, abs=0.25)
    assert gains.std() == pytest.approx(3, rel=0.05)
    assert baseline.mean(0).std() == pytest.approx(5, rel=0.05)
    assert baseline.mean(1).std() == pytest.approx(1, rel=0.15)


@pytest.mark.long
@pytest.mark.parametrize("name", OWN)
def test_under_its_own_null_each_test_rejects_5_in_100_and_each_interval_holds_95(name: str) -> None:
    scenario = SCENARIOS[name]
    rates = error_rates(scenario, 4000, seed=1).set_index("test").loc[list(scenario.own)]
    held = rates.covered.dropna()
    assert ((held - 0.95).abs() <= 0.01).all(), rates
    border = rates.index.isin(["no_worse", "equivalent"])
    if scenario.difference == 0 or border.all():
        assert ((rates.rejected - 0.05).abs() <= 0.01).all(), rates


@pytest.mark.long
def test_a_difference_as_large_as_the_mde_is_found_in_80_of_100_studies() -> None:
    rates = error_rates(SCENARIOS["as large as the mde"], 4000, seed=1).set_index("test")
    assert rates.rejected.mixed_slope == pytest.approx(0.8, abs=0.03)


@pytest.mark.long
def test_holm_rejects_a_true_hypothesis_in_5_of_100_families_at_most() -> None:
    assert family_wise_rate(12, SCENARIOS["two groups of patients"], 4000, seed=1) <= 0.06
