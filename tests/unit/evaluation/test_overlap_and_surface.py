"""Shapes whose scores are known on paper; MONAI as a second opinion where its definitions are ours."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from cmrbridge.evaluation.overlap import dice
from cmrbridge.evaluation.surface import TOLERANCE, diagonal, surface_distances

SPACING = (1.5, 1.25, 8.0)
SHAPE = (40, 36, 12)
Index = tuple[int, int, int]


def box(x: slice, y: slice, z: slice) -> NDArray[np.bool_]:
    mask = np.zeros(SHAPE, bool)
    mask[x, y, z] = True
    return mask


def points(voxels: set[Index], moved: Index) -> NDArray[np.bool_]:
    mask = np.zeros(SHAPE, bool)
    mask[tuple((np.array(sorted(voxels)) + moved).T)] = True
    return mask


def ball(centre: tuple[float, float, float], radius: float) -> NDArray[np.bool_]:
    """Radius in mm on a grid of SPACING."""
    axes = np.ogrid[tuple(slice(count) for count in SHAPE)]
    return sum(((axis - c) * step) ** 2 for axis, c, step in zip(axes, centre, SPACING)) <= radius**2


def test_dice_of_half_overlapping_boxes_is_one_half() -> None:
    a, b = (box(slice(start, start + 10), slice(5, 9), slice(2, 4)) for start in (10, 15))
    assert dice(a, b) == 0.5


def test_dice_of_one_empty_mask_is_zero_and_of_two_is_nothing() -> None:
    full, empty = box(slice(1, 3), slice(1, 3), slice(1, 3)), np.zeros(SHAPE, bool)
    assert dice(full, empty) == dice(empty, full) == 0
    assert dice(empty, empty) is None


@pytest.mark.parametrize(("axis", "voxels"), [(0, 4), (1, 4), (2, 3)])
def test_flat_plates_are_as_far_apart_as_their_shift_in_mm(axis: int, voxels: int) -> None:
    sides: list[slice] = [slice(None)] * 3
    shifted = list(sides)
    sides[axis], shifted[axis] = slice(3, 4), slice(3 + voxels, 4 + voxels)
    distances = surface_distances(box(*sides), box(*shifted), SPACING)
    assert distances == (*[voxels * SPACING[axis]] * 3, 0.0)


def test_two_points_give_the_euclidean_distance() -> None:
    a, b = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    a[3, 4, 5] = b[5, 8, 6] = True
    expected = math.hypot(2 * 1.5, 4 * 1.25, 8)
    assert surface_distances(a, b, SPACING) == pytest.approx((expected, expected, expected, 0))


def test_hd95_is_the_larger_directed_percentile_not_the_pooled_one() -> None:
    """A line of 20 voxels against its first: directed percentiles 18.05 steps and 0, the pooled one lies between."""
    line, point = box(slice(0, 20), slice(4, 5), slice(3, 4)), box(slice(0, 1), slice(4, 5), slice(3, 4))
    hd95, hd, assd, shares = surface_distances(line, point, SPACING) or (0, 0, 0, 0)
    assert hd95 == pytest.approx(0.95 * 19 * 1.5)
    assert hd == 19 * 1.5
    assert assd == pytest.approx(1.5 * sum(range(20)) / 21)
    assert shares == 3 / 21  # the point, and of the line the voxels at 0 and at 1.5 mm


@pytest.mark.parametrize(("voxels", "share"), [(1, 1.0), (2, 0.0)])
def test_plates_within_the_tolerance_are_one_surface(voxels: int, share: float) -> None:
    a, b = (box(slice(3 + step, 4 + step), slice(None), slice(None)) for step in (0, voxels))  # 1.5 mm a voxel
    assert surface_distances(a, b, SPACING) == (*[1.5 * voxels] * 3, share)


def test_equal_masks_are_at_no_distance_and_order_does_not_matter() -> None:
    a, b = ball((20, 18, 6), 14), ball((23, 16, 6), 12)
    assert surface_distances(a, a, SPACING) == (0, 0, 0, 1)
    assert surface_distances(a, b, SPACING) == surface_distances(b, a, SPACING)


def test_half_overlapping_slabs_are_apart_by_their_offset() -> None:
    """Slabs four slices thick, two apart, across the whole image: every voxel of theirs is surface (the image's border
    is outside where they end), of each half the slices are shared, one is 8 mm from the other slab and one 16 mm."""
    a, b = (box(slice(0, 1), slice(None), slice(start, start + 4)) for start in (3, 5))
    assert dice(a, b) == 0.5
    assert surface_distances(a, b, SPACING) == (16, 16, (0 + 0 + 8 + 16) / 4, 0.5)


def test_one_stray_voxel_moves_hd_alone() -> None:
    """HD is the worst voxel of a surface; HD95 forgives one in twenty."""
    heart = box(slice(2, 12), slice(2, 12), slice(2, 4))
    stray = heart.copy()
    stray[30, 2, 2] = True
    hd95, hd, assd, _ = surface_distances(stray, heart, SPACING) or (0, 0, 0, 0)
    assert (hd95, hd) == (0, (30 - 11) * 1.5)
    assert assd == pytest.approx(hd / (2 * 200 + 1))


FEW_VOXELS = st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=12)


@given(FEW_VOXELS, FEW_VOXELS, st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 8)))
@settings(max_examples=60, deadline=None)
def test_distances_are_symmetric_and_do_not_depend_on_the_place(
    one: set[Index], other: set[Index], moved: Index
) -> None:
    a, b, far_a, far_b = (points(found, away) for away in ((0, 0, 0), moved) for found in (one, other))
    found = surface_distances(a, b, SPACING)
    assert found is not None
    assert surface_distances(b, a, SPACING) == pytest.approx(found, rel=1e-12)
    assert surface_distances(far_a, far_b, SPACING) == pytest.approx(found, rel=1e-12)
    assert 0 <= found.hd95 <= found.hd <= diagonal((6, 6, 4), SPACING)
    assert found.assd <= found.hd
    assert dice(a, b) == dice(far_b, far_a)


def test_concentric_balls_are_apart_by_the_difference_of_their_radii() -> None:
    fine = (0.5, 0.5, 0.5)
    axes = np.ogrid[-40:41, -40:41, -40:41]
    square = sum((0.5 * axis) ** 2 for axis in axes)
    distances = surface_distances(square <= 18**2, square <= 12**2, fine)
    assert distances == pytest.approx((6, 6, 6, 0), abs=0.5)


def test_a_missing_structure_scores_the_diagonal_and_two_score_nothing() -> None:
    full, empty = box(slice(1, 3), slice(1, 3), slice(1, 3)), np.zeros(SHAPE, bool)
    worst = math.hypot(40 * 1.5, 36 * 1.25, 12 * 8)
    assert diagonal(SHAPE, SPACING) == pytest.approx(worst)
    assert surface_distances(full, empty, SPACING) == surface_distances(empty, full, SPACING) == (*[worst] * 3, 0)
    assert surface_distances(empty, empty, SPACING) is None


@pytest.mark.parametrize("spacing", [SPACING, (8.0, 1.25, 1.5), (0.7, 0.7, 0.7), (40.0, 1.0, 3.0)])
@pytest.mark.parametrize("seed", range(3))
def test_scipys_distance_transform_agrees_near_and_far(seed: int, spacing: tuple[float, float, float]) -> None:
    generator = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(generator.normal(size=(2, *SHAPE)), (0, 2, 2, 1))
    one, other = smooth > np.quantile(smooth, (0.8, 0.95))[:, None, None, None]
    edges = [mask & ~ndimage.binary_erosion(mask) for mask in (one, other)]
    there, back = (
        ndimage.distance_transform_edt(~goal, sampling=spacing)[start] for start, goal in (edges, edges[::-1])
    )
    both = np.concatenate([there, back])
    hd95 = max(np.percentile(there, 95), np.percentile(back, 95))
    expected = (hd95, both.max(), both.mean(), (both <= TOLERANCE).mean())
    assert surface_distances(one, other, spacing) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_monai_agrees(seed: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from monai.metrics import (
            compute_average_surface_distance,
            compute_dice,
            compute_hausdorff_distance,
            compute_surface_dice,
        )
    generator = np.random.default_rng(seed)
    masks = [ball(tuple(generator.uniform((15, 14, 4), (25, 22, 8))), generator.uniform(10, 20)) for _ in range(2)]
    one_hot = [torch.from_numpy(mask)[None, None] for mask in masks]
    distances = surface_distances(*masks, SPACING)
    assert dice(*masks) == pytest.approx(compute_dice(*one_hot).item())
    assert distances is not None
    hd95 = compute_hausdorff_distance(*one_hot, include_background=True, percentile=95, spacing=SPACING)
    hd = compute_hausdorff_distance(*one_hot, include_background=True, spacing=SPACING)
    assd = compute_average_surface_distance(*one_hot, include_background=True, symmetric=True, spacing=SPACING)
    near = compute_surface_dice(*one_hot, [TOLERANCE], include_background=True, spacing=SPACING)
    assert distances == pytest.approx((hd95.item(), hd.item(), assd.item(), near.item()), rel=1e-5)
