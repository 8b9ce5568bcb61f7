"""Closed forms, direct loops, and the mean over many draws."""

import numpy as np
import pytest
from scipy import linalg

from cmrbridge.errors import InputError
from cmrbridge.evaluation.distributions import frechet_distance, kernel_distance, kernel_interval, neighbourhoods

RNG = np.random.default_rng(11)


def test_frechet_of_equal_covariances_is_the_squared_mean_distance() -> None:
    a = RNG.normal(size=(40, 7)) @ RNG.normal(size=(7, 7))
    shift = RNG.normal(size=7)
    assert frechet_distance(a, a + shift) == pytest.approx(shift @ shift)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_frechet_in_one_dimension() -> None:
    """(μ1 − μ2)² + (σ1 − σ2)²."""
    a, b = RNG.normal(1, 2, (50, 1)), RNG.normal(4, 5, (30, 1))
    expected = (a.mean() - b.mean()) ** 2 + (a.std(ddof=1) - b.std(ddof=1)) ** 2
    assert frechet_distance(a, b) == pytest.approx(expected)


def test_frechet_by_the_matrix_root() -> None:
    a, b = RNG.normal(size=(60, 5)) @ RNG.normal(size=(5, 5)), RNG.normal(size=(80, 5))
    one, other = np.cov(a.T), np.cov(b.T)
    root = linalg.sqrtm(one @ other).real
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(one + other - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected)


def test_frechet_with_fewer_items_than_features() -> None:
    a = RNG.normal(size=(10, 40))
    assert frechet_distance(a, 3 * a) == pytest.approx((2 * a.mean(0)) @ (2 * a.mean(0)) + 4 * np.trace(np.cov(a.T)))


def test_kernel_distance_by_loops() -> None:
    a, b = RNG.normal(size=(5, 3)), RNG.normal(1, 1, size=(4, 3))

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return (x @ y / 3 + 1) ** 3

    within = [np.mean([kernel(s[i], s[j]) for i in range(len(s)) for j in range(len(s)) if i != j]) for s in (a, b)]
    between = np.mean([kernel(x, y) for x in a for y in b])
    assert kernel_distance(a, b) == pytest.approx(sum(within) - 2 * between)
    assert kernel_interval(a, b).value == pytest.approx(kernel_distance(a, b))


def test_kernel_distance_is_0_in_the_mean_and_its_interval_holds() -> None:
    draws = [kernel_interval(RNG.normal(size=(30, 4)), RNG.normal(size=(40, 4))) for _ in range(400)]
    values = np.array([draw.value for draw in draws])
    assert abs(values.mean()) < 3 * values.std() / 20
    apart = [kernel_interval(RNG.normal(0.6, 1, (30, 4)), RNG.normal(size=(40, 4))) for _ in range(400)]
    truth = np.mean([draw.value for draw in apart])
    assert np.mean([draw.low <= truth <= draw.high for draw in apart]) > 0.88


def test_the_jackknife_is_the_one_that_leaves_items_out() -> None:
    a, b = RNG.normal(size=(6, 3)), RNG.normal(1, 1, size=(5, 3))
    left = [
        [kernel_distance(np.delete(a, i, 0), b) for i in range(6)],
        [kernel_distance(a, np.delete(b, i, 0)) for i in range(5)],
    ]
    variance = sum((len(one) - 1) * np.var(one) for one in left)
    estimate = kernel_interval(a, b)
    assert estimate.high - estimate.value == pytest.approx(1.96 * np.sqrt(variance))


def test_neighbourhoods_of_equal_and_of_far_sets() -> None:
    items = RNG.normal(size=(50, 4))
    same = neighbourhoods(items, items, 3)
    assert (same.precision, same.recall, same.coverage) == (1, 1, 1)
    assert tuple(neighbourhoods(items, items + 100, 3)) == (0, 0, 0, 0)


def test_neighbourhoods_tell_a_narrow_set_from_a_wide_one() -> None:
    """A set that keeps to one of two modes is precise and recalls half."""
    modes = np.concatenate([RNG.normal(0, 1, (60, 2)), RNG.normal(50, 1, (60, 2))])
    narrow = neighbourhoods(modes, RNG.normal(0, 1, (120, 2)), 5)
    assert narrow.precision > 0.9
    assert narrow.recall == pytest.approx(0.5, abs=0.05)
    assert narrow.coverage == pytest.approx(0.5, abs=0.05)


def test_density_by_hand() -> None:
    """Real at 0, 1, 3 with k = 1: radii 1, 1, 2; a point at 0.5 lies in two balls, one at 4 in one."""
    real, generated = np.array([[0.0], [1.0], [3.0]]), np.array([[0.5], [4.0]])
    assert neighbourhoods(real, generated, 1).density == pytest.approx(1.5)
    assert neighbourhoods(real, generated, 1).coverage == 1


@pytest.mark.parametrize(
    "measure", [frechet_distance, kernel_distance, kernel_interval, lambda a, b: neighbourhoods(a, b, 5)]
)
def test_too_small_a_set_is_refused(measure) -> None:
    with pytest.raises(InputError, match="at least"):
        measure(RNG.normal(size=(1, 3)), RNG.normal(size=(9, 3)))
