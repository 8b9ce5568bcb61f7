"""Each test errs as often as it says where its own null hypothesis holds; where another holds, as docs/ report."""

import gc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cmrbridge.evaluation.error_rates import Scenario, draw, error_rates, family_wise_rate, scenarios
from cmrbridge.evaluation.mixed import mixed_model

TYPICAL = Scenario("typical", slope=1.0, run=1.0)
SCENARIOS = {scenario.name: scenario for scenario in scenarios(TYPICAL, steep=4.5)}
OWN = [name for name, scenario in SCENARIOS.items() if scenario.own]


def test_paired_tests_mistake_the_spread_of_runs_for_an_effect() -> None:
    rates = error_rates(SCENARIOS["runs and gains vary"], 500, seed=0, bootstrap=400).set_index("test").rejected
    assert min(rates.paired, rates.wilcoxon) > 0.4
    assert rates.welch < 0.04
    for test in ("mixed", "mixed_slope", "bootstrap"):
        assert 0.025 < rates[test] < 0.085


@pytest.mark.parametrize(("studies", "doubt"), [(2000, 0.01), pytest.param(40_000, 0.003, marks=pytest.mark.long)])
def test_networks_that_both_arms_use_are_paired(studies: int, doubt: float) -> None:
    """Held for separate draws, two arms of the same networks are hardly ever told apart, wrongly or rightly."""
    scenario = SCENARIOS["the same networks, all gain alike"]
    generator = np.random.default_rng(1)
    p = np.array([(mixed_model(arm - baseline).p, mixed_model(arm, baseline).p) for arm, baseline in
                  (draw(scenario, generator) for _ in range(studies))])  # fmt: skip
    paired, apart = (p < 0.05).mean(0)
    assert paired == pytest.approx(0.05, abs=doubt)
    assert apart < 0.015
    rates = error_rates(SCENARIOS["the same networks, gains vary much"], 500, seed=0, bootstrap=400)
    own = rates[rates.own].rejected
    assert own.between(0.025, 0.085).all()
    assert len(own) == 2


def test_drawn_scores_have_the_spreads_that_were_asked_for() -> None:
    many = Scenario("many", subjects=4000, runs=400, subject=5, slope=3, run=1, residual=2, difference=-4)
    arm, baseline = draw(many, np.random.default_rng(0))
    gains = arm.mean(0) - baseline.mean(0)
    assert gains.mean() == pytest.approx(-4, abs=0.25)
    assert gains.std() == pytest.approx(3, rel=0.05)
    assert baseline.mean(0).std() == pytest.approx(5, rel=0.05)
    assert baseline.mean(1).std() == pytest.approx(1, rel=0.15)
    assert abs(np.corrcoef(arm.mean(1), baseline.mean(1))[0, 1]) < 0.15
    alike, baseline = draw(replace(many, shared=0.9), np.random.default_rng(0))
    assert np.corrcoef(alike.mean(1), baseline.mean(1))[0, 1] == pytest.approx(0.9, abs=0.03)
    assert baseline.mean(1).std() == pytest.approx(1, rel=0.15)


DOCS = Path(__file__).parents[3] / "docs"
PRINTED = ("welch", "paired", "wilcoxon", "mixed", "mixed_slope", "bootstrap")  # columns of the table in the docs


def test_the_rates_in_the_docs_are_the_simulated_ones() -> None:
    rates = pd.read_csv(DOCS / "results/data/statistics_rates.csv").set_index(["scenario", "test"])
    lines = (DOCS / "explanation/statistics.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    rows = {name: printed for name, *printed in cells if name in SCENARIOS}
    assert len(rows) == 16
    for name, printed in rows.items():
        for test, cell in zip(PRINTED, printed, strict=True):
            if cell == "–":
                assert (name, test) not in rates.index
                continue
            row = rates.loc[(name, test)]
            assert cell.strip("*") == f"{100 * row.rejected:.1f}"
            assert cell.startswith("**") == row.own


def test_the_committed_rates_keep_what_each_test_promises() -> None:
    """5 % ± 1 under each test's own null hypothesis, 95 % ± 1 in each interval, from 4000 studies or more."""
    rates = pd.read_csv(DOCS / "results/data/statistics_rates.csv")
    own = rates[rates.own]
    assert {"welch", "hedges", "paired", "wilcoxon", "mixed", "mixed_slope", "bootstrap", "no_worse"} < set(own.test)
    assert (own.replicates >= 4000).all()
    assert ((own.covered.dropna() - 0.95).abs() <= 0.01).all()
    null = own[(own.difference == 0) | own.test.isin(["no_worse", "equivalent"])]
    assert ((null.rejected - 0.05).abs() <= 0.01).all()


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
    gc.freeze()  # statsmodels collects garbage in each correction: minutes in a process as large as a test's
    assert family_wise_rate(12, SCENARIOS["two groups of patients"], 4000, seed=1) <= 0.06
