import math

import numpy as np
import pytest

from cmrbridge.core.shapes import thickness_in_range, thickness_range, wall_profile, wall_thickness
from cmrbridge.errors import InputError


def ring(inner: float, outer: float, size: int = 96) -> np.ndarray:
    y, x = np.ogrid[:size, :size]
    radius = np.hypot(y - size // 2, x - size // 2)
    return np.where(radius <= inner, 1, np.where(radius <= outer, 2, 0)).astype(np.uint8)


@pytest.mark.parametrize("wall", [3, 7, 12])
def test_a_ring_is_as_thick_as_its_radii_say(wall: int) -> None:
    profile = wall_profile(ring(18, 18 + wall))
    assert profile.mean() == pytest.approx(wall, abs=0.5)
    assert profile.max() - profile.min() < 1.5
    assert wall_thickness(ring(18, 18 + wall), 1.75) == pytest.approx(1.75 * profile.mean())


def test_a_straight_wall_is_exact_and_an_open_one_is_0() -> None:
    labels = np.zeros((9, 20), np.uint8)
    labels[:, :4], labels[:, 4:9] = 1, 2
    np.testing.assert_array_equal(wall_profile(labels), 5)
    labels[:, 4:9] = 0
    labels[0, 4] = 2
    assert wall_profile(labels).min() == 0


def test_without_cavity_or_wall_there_is_no_thickness() -> None:
    only_lv, only_myo = np.full((2, 8, 8), [[[1]], [[2]]], np.uint8)
    for labels in (np.zeros((8, 8), np.uint8), only_lv, only_myo):
        assert math.isnan(wall_thickness(labels, 1))
        assert thickness_in_range(labels, 1, (5, 6))
    with pytest.raises(InputError, match="both LV and myocardium"):
        thickness_range(np.stack([only_lv, only_myo]), 1)


def test_the_range_is_of_percentiles_and_judges_masks() -> None:
    masks = np.stack([ring(15, 15 + wall) for wall in (4, 6, 8)])
    values = [wall_thickness(mask, 2) for mask in masks]
    low, high = thickness_range(masks, 2)
    assert (low, high) == pytest.approx(tuple(np.percentile(values, (0.5, 99.5))))
    assert thickness_in_range(masks[1], 2, (low, high))
    assert not thickness_in_range(ring(15, 17), 2, (low, high))
    assert not thickness_in_range(ring(15, 30), 2, (low, high))
