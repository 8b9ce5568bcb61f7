"""All 48 ways to lay a case's axes into a file: 16 give the same mask in world space, 32 are refused by name."""

from itertools import permutations, product

import numpy as np
import pytest

from cmrbridge.core.geometry import Grid, crop_labels, orientation, restore, upright
from cmrbridge.data.check.facts import stack_faults

SPACING = (1.5, 1.5, 8.0)
AFFINE = np.array([[-1.5, 0, 0, 60], [0, -1.2, 4.8, 50], [0, -0.9, -6.4, 10], [0, 0, 0, 1.0]])
WAYS = [(order, flips) for order in permutations(range(3)) for flips in product((False, True), repeat=3)]


def laid(order: tuple[int, ...], flips: tuple[bool, ...]) -> np.ndarray:
    """4 × 4: voxel of the file as it is laid → voxel of the file as it was; exact."""
    shape = (60, 48, 5)
    matrix = np.zeros((4, 4))
    for new, old in enumerate(order):
        matrix[old, new] = -1 if flips[new] else 1
        matrix[old, 3] = shape[old] - 1 if flips[new] else 0
    matrix[3, 3] = 1
    return matrix


def world(labels: np.ndarray, affine: np.ndarray) -> set[tuple[float, ...]]:
    """Millimetres and label of every labelled voxel."""
    voxels = np.argwhere(labels)
    places = (np.c_[voxels, np.ones(len(voxels))] @ affine.T)[:, :3]
    return {(*place, int(label)) for place, label in zip(places.round(6).tolist(), labels[tuple(voxels.T)])}


def segmented(labels: np.ndarray, spacing: tuple[float, ...], affine: np.ndarray) -> np.ndarray:
    """The file's labels through the canonical crop and back, as a network without fault would return them."""
    transpose, rows, columns = orientation(affine)
    grid = Grid(labels.shape, spacing, transpose, rows, columns, (0.0, 0.0), 64, 1.5)  # type: ignore[arg-type]
    middle = tuple((edge - 1) / 2 for edge in grid.plane)
    grid = Grid(labels.shape, spacing, transpose, rows, columns, middle, 64, 1.5)  # type: ignore[arg-type]
    cropped = crop_labels(upright(labels, grid), grid, 4)
    return restore(np.stack([cropped == code for code in range(4)], axis=1).astype(np.float32), grid)


def test_there_are_48() -> None:
    assert len(set(WAYS)) == 48


@pytest.mark.parametrize(("order", "flips"), WAYS)
def test_the_same_mask_in_world_space_or_a_refusal(order: tuple[int, ...], flips: tuple[bool, ...]) -> None:
    truth = np.zeros((60, 48, 5), np.uint8)
    truth[20:40, 14:30] = 2
    truth[24:34, 18:26] = 1
    truth[12:20, 16:22, :3] = 3
    back = laid(order, flips)
    turned = np.transpose(truth, order)[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]
    spacing = tuple(SPACING[axis] for axis in order)
    assert world(turned, AFFINE @ back) == world(truth, AFFINE)  # the file is what it says
    faults = [fault.check for fault in stack_faults(turned.shape, spacing)]  # type: ignore[arg-type]
    if order[2] != 2:
        assert faults == ["slice_axis"]
        return
    assert faults == []
    assert world(segmented(turned, spacing, AFFINE @ back), AFFINE @ back) == world(truth, AFFINE)
