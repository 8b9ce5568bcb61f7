import numpy as np
import pytest

from cmrbridge.evaluation.bootstrap import hierarchical_bootstrap
from cmrbridge.evaluation.mixed import mixed_slope


def scores(subjects: int = 20, runs: int = 3, gain: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    people = rng.normal(85, 5, subjects)
    arm, baseline = (people + rng.normal(0, 1, (runs, 1)) + rng.normal(0, 2, (runs, subjects)) for _ in range(2))
    return arm + gain + rng.normal(0, 2, subjects), baseline


def test_of_many_normal_runs_and_subjects_it_is_the_mixed_models_interval() -> None:
    arm, baseline = scores(subjects=200, runs=40)
    ours, exact = hierarchical_bootstrap(arm, baseline, replicates=20000, seed=0), mixed_slope(arm, baseline)
    assert (ours.low, ours.high) == pytest.approx((exact.low, exact.high), abs=0.05 * exact.se)
    assert ours.p == pytest.approx(exact.p, abs=0.02)


def test_a_long_tail_of_losses_reaches_further_down_than_up() -> None:
    """What the mixed model's symmetric interval cannot say."""
    arm, baseline = scores(gain=3)
    arm[:, 0] -= 60
    found = hierarchical_bootstrap(arm, baseline, replicates=4000, seed=0)
    middle = float(arm.mean() - baseline.mean())
    assert middle - found.low > 1.1 * (found.high - middle)


def test_p_and_interval_agree() -> None:
    arm, baseline = scores()
    edge = hierarchical_bootstrap(arm, baseline, replicates=4000, seed=0)
    for beyond, inside in [(0.05, False), (-0.05, True)]:
        shift = beyond - edge.low
        found = hierarchical_bootstrap(arm + shift, baseline, replicates=4000, seed=0)
        assert found.low == pytest.approx(beyond)
        assert found.high > 0
        assert (found.p >= 0.05) == inside


def test_of_shared_networks_it_is_the_mixed_models_interval_of_their_differences() -> None:
    arm, baseline = scores(subjects=200, runs=40)
    ours, exact = hierarchical_bootstrap(arm - baseline, replicates=20000, seed=0), mixed_slope(arm - baseline)
    assert (ours.low, ours.high) == pytest.approx((exact.low, exact.high), abs=0.1 * exact.se)
    assert ours.p == pytest.approx(exact.p, abs=0.05)


def test_equal_seeds_are_equal_numbers_and_others_nearly() -> None:
    first, again, other = (hierarchical_bootstrap(*scores(), replicates=4000, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    assert first == pytest.approx(other, abs=0.2)


@pytest.mark.parametrize("runs", [1, 2])
def test_single_runs_leave_it_undefined(runs: int) -> None:
    arm, baseline = scores(runs=runs)
    assert np.isnan(hierarchical_bootstrap(arm, baseline, replicates=400, seed=0)).all() == (runs == 1)
