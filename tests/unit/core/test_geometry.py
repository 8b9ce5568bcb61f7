"""Between a file's grid and the canonical one, and back."""

import numpy as np
import pytest

from cmrbridge.core.geometry import Grid, crop, crop_labels, lay_back, orientation, restore, upright


def grid(**changes: object) -> Grid:
    settings = {
        "shape": (70, 90, 2),
        "spacing": (1.4, 1.4, 8.0),
        "transpose": True,
        "flip_rows": False,
        "flip_columns": False,
        "centre": (44.0, 35.0),
        "size": 64,
        "spacing_mm": 1.75,
    }
    return Grid(**(settings | changes))


def disc(shape: tuple[int, int, int], centre: tuple[float, float], radius: float) -> np.ndarray:
    x, y = np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij")
    inside = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= radius**2
    return np.repeat(inside[:, :, None], shape[2], axis=2)


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("flip_rows", [False, True])
@pytest.mark.parametrize("flip_columns", [False, True])
def test_lay_back_undoes_upright(transpose: bool, flip_rows: bool, flip_columns: bool) -> None:
    one = grid(transpose=transpose, flip_rows=flip_rows, flip_columns=flip_columns)
    volume = np.random.default_rng(0).normal(size=one.shape)
    stack = upright(volume, one)
    assert stack.shape == (2, *one.plane)
    np.testing.assert_array_equal(lay_back(stack, one), volume)


def test_same_spacing_is_the_identity() -> None:
    one = grid(shape=(64, 64, 2), spacing=(1.75, 1.75, 8.0), centre=(31.5, 31.5))
    labels = np.random.default_rng(0).integers(0, 4, one.shape).astype(np.uint8)
    cropped = crop_labels(upright(labels, one), one, 4)
    np.testing.assert_array_equal(cropped, upright(labels, one))
    np.testing.assert_allclose(crop(upright(labels, one), one), cropped, atol=1e-6)
    shares = np.stack([cropped == label for label in range(4)], axis=1).astype(np.float32)
    np.testing.assert_array_equal(restore(shares, one), labels)


@pytest.mark.parametrize("spacing", [(0.7, 0.7, 8.0), (1.4, 1.4, 8.0), (1.95, 1.6, 8.0)])
@pytest.mark.parametrize("flip_rows", [False, True])
def test_a_round_trip_keeps_a_smooth_mask(spacing: tuple[float, float, float], flip_rows: bool) -> None:
    shape = (round(110 / spacing[0]), round(130 / spacing[1]), 2)
    one = grid(shape=shape, spacing=spacing, flip_rows=flip_rows, centre=(shape[1] / 2 + 3.3, shape[0] / 2 - 2.1))
    truth = disc(shape, (shape[0] / 2, shape[1] / 2), 30 / spacing[0])
    labels = truth.astype(np.uint8)
    cropped = crop_labels(upright(labels, one), one, 4)
    back = restore(np.stack([cropped == label for label in range(4)], axis=1).astype(np.float32), one)
    dice = 2 * (truth & (back == 1)).sum() / (truth.sum() + (back == 1).sum())
    assert back.shape == shape
    assert dice > 0.97


def test_outside_the_image_is_black_and_background() -> None:
    one = grid(shape=(10, 10, 1), centre=(4.5, 4.5), size=96)
    image = crop(upright(np.full(one.shape, 7.0), one), one)
    assert image[0, 0, 0] == 0
    assert image[0, 48, 48] == pytest.approx(7)
    assert crop_labels(upright(np.ones(one.shape, np.uint8), one), one, 4)[0, 0, 0] == 0


def test_outside_the_crop_is_background() -> None:
    one = grid(size=8)
    shares = np.zeros((2, 4, 8, 8), np.float32)
    shares[:, 1] = 1
    back = restore(shares, one)
    assert back[35, 44, 0] == 1
    assert back[0, 0, 0] == 0


def affine(x: tuple[float, ...], y: tuple[float, ...]) -> np.ndarray:
    """Voxel → RAS, with these directions of x and y."""
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1] = x, y
    return matrix


def test_orientation_of_axis_aligned_files() -> None:
    left, back, right, front = (-1, 0, 0), (0, -1, 0), (1, 0, 0), (0, 1, 0)
    assert orientation(affine(left, back)) == (True, False, False)
    assert orientation(affine(back, left)) == (False, False, False)
    assert orientation(affine(right, back)) == (True, False, True)
    assert orientation(affine(left, front)) == (True, True, False)
    assert orientation(affine(front, right)) == (False, True, True)


def test_orientation_of_an_oblique_short_axis_that_is_not_orthonormal() -> None:
    across, down = (-0.7, -0.7, 0.05), (0.35, -0.36, -0.84)  # RAS: toward left and back; toward the feet
    assert orientation(affine(across, down)) == (True, False, False)
    assert orientation(affine(tuple(-2 * e for e in down), across)) == (False, True, False)
