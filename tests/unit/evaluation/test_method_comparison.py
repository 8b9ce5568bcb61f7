"""Agreement of two measurements against a published example and closed forms."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cmrbridge.evaluation.limits import limits_of_agreement
from cmrbridge.evaluation.method_comparison import KEYS, agreement, agreements, measured, over_runs

# Peak expiratory flow (L/min) of 17 people by two meters: Bland & Altman, Lancet 1986, table 1, first readings
LARGE = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def test_the_published_example() -> None:
    """Its printed bias, interval, SD and correlation; it rounds 1.96 to 2 for the limits."""
    found = agreement(LARGE, MINI)
    assert found.n == 17
    assert [round(value, 1) for value in (found.bias, found.bias_low, found.bias_high)] == [-2.1, -22.0, 17.8]
    assert (found.upper - found.bias) / stats.norm.ppf(0.975) == pytest.approx(38.8, abs=0.05)
    assert found.pearson == pytest.approx(0.94, abs=0.005)


def test_limits_and_their_intervals_are_the_closed_form() -> None:
    differences = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])  # mean 0, SD √2.5
    found = agreement(100 + differences, np.full(5, 100.0))
    sd, z, t = math.sqrt(2.5), 1.959963984540054, 2.7764451051977987  # t: 97.5 %, 4 degrees of freedom
    margin = t * sd * math.sqrt(1 / 5 + z**2 / 8)
    np.testing.assert_allclose(found[1:4], [0, -t * sd / math.sqrt(5), t * sd / math.sqrt(5)], atol=1e-12)
    np.testing.assert_allclose(found[4:7], [-z * sd, -z * sd - margin, -z * sd + margin])
    np.testing.assert_allclose(found[7:10], [z * sd, z * sd - margin, z * sd + margin])
    assert math.isnan(found.pearson)
    assert found.concordance == 0


@pytest.mark.parametrize(("slope", "shift"), [(1, 0), (1, 3), (2, 0), (-1, 0)])
def test_concordance_punishes_shift_and_slope_that_correlation_ignores(slope: float, shift: float) -> None:
    """Of x with variance v and slope·x + shift about mean 0: 2 slope v / (v (1 + slope²) + shift²)."""
    x = np.array([-3.0, -1.0, 1.0, 3.0])  # v = 5
    found = agreement(slope * x + shift, x)
    assert found.pearson == pytest.approx(np.sign(slope))
    assert found.concordance == pytest.approx(2 * slope * 5 / (5 * (1 + slope**2) + shift**2))


def test_one_pair_has_a_bias_and_nothing_else() -> None:
    found = agreement([5.0], [3.0])
    assert found[:2] == (1, 2.0)
    assert all(math.isnan(value) for value in found[2:])


def test_the_reference_is_prediction_less_error() -> None:
    keys = {"source": "a", "target": "b", "architecture": "unet2d", "arm": "real", "structure": "LV",
            "region": "whole", "subject": "007"}  # fmt: skip
    values = {("volume_ml", "ED"): 120, ("volume_error_ml", "ED"): 20, ("ef_percent", "ED-ES"): 50,
              ("ef_error_points", "ED-ES"): -4}  # fmt: skip
    rows = [
        {**keys, "seed": seed, "metric": metric, "phase": phase, "value": value + 2 * seed}
        for (metric, phase), value in values.items()
        for seed in (0, 1)
    ]
    runs = measured(pd.DataFrame(rows))
    pairs = over_runs(runs).set_index("quantity")
    assert list(pairs.index) == ["EDV", "EF"]  # no end-systolic row, no ESV
    assert pairs.predicted.to_dict() == {"EDV": 121, "EF": 51}
    assert pairs.reference.to_dict() == {"EDV": 100, "EF": 54}
    table = agreements(runs).set_index("quantity")
    assert table.bias.to_dict() == {"EDV": 21, "EF": -3}


def test_limits_are_those_of_one_training_run_as_in_the_clinical_table() -> None:
    """Averaged over three runs the errors vary less than those of any network that somebody uses."""
    draw = np.random.default_rng(0)
    errors = draw.normal(0, 2, (1, 20)) + draw.normal(0, 3, (3, 1)) + draw.normal(0, 1, (3, 20))
    rows = [("a", "b", "unet2d", "real", "LV", "EDV", f"s{subject:02}", seed, 100 + errors[seed, subject], 100.0)
            for seed in range(3) for subject in range(20)]  # fmt: skip
    runs = pd.DataFrame(rows, columns=[*KEYS, "seed", "predicted", "reference"])
    (found,) = agreements(runs).itertuples()
    table = limits_of_agreement(runs.assign(value=runs.predicted - runs.reference), KEYS[:-1]).iloc[0]
    assert (found.bias, found.lower, found.upper) == pytest.approx((table.bias, table.low, table.high))
    assert found.upper - found.lower > 1.3 * 2 * 1.96 * errors.mean(axis=0).std(ddof=1)
