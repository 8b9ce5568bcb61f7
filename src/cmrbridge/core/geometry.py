"""Between a file's voxel grid and the canonical, heart-centred one: separable, exact, numpy only."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Voxel = TypeVar("Voxel", bound=np.generic)

THICK = 1.5  # times the third axis' spacing, from which on another axis is taken for that of the slices


@dataclass(frozen=True)
class Grid:
    """How one volume's canonical crop lies in its file.

    shape, spacing: of the file's array with the slices last (x, y, slice), voxels and mm.
    transpose, flip_rows, flip_columns: bring a file plane (x, y) to the upright (row, column) view, in this order.
    centre: (row, column) of the heart in the upright view, in file pixels.
    size, spacing_mm: of the canonical square crop, pixels and mm.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    transpose: bool
    flip_rows: bool
    flip_columns: bool
    centre: tuple[float, float]
    size: int
    spacing_mm: float

    @property
    def plane(self) -> tuple[int, int]:
        """(rows, columns) of the upright view."""
        x, y, _ = self.shape
        return (y, x) if self.transpose else (x, y)

    @property
    def plane_spacing(self) -> tuple[float, float]:
        """mm per (row, column) of the upright view."""
        x, y, _ = self.spacing
        return (y, x) if self.transpose else (x, y)


def slice_axis(shape: tuple[int, ...], spacing: tuple[float, ...]) -> int:
    """Which axis of a file, 0 to 2, counts its slices: the last of a stack as scanned.

    Another has fewer voxels that lie farther apart, by more than `THICK`, where an export laid the axes along the body.
    shape, spacing: voxels and mm along the file's axes; a time axis behind them is left out.
    """
    others = [axis for axis in (0, 1) if shape[axis] < shape[2] and spacing[axis] > THICK * spacing[2]]
    return max(others, key=lambda axis: spacing[axis], default=2)


def slices_last(volume: NDArray[Voxel], axis: int) -> NDArray[Voxel]:
    """A file's array whose ``axis`` counts slices → (x, y, slice), the other two in their order; time stays last."""
    return np.moveaxis(volume, axis, 2)


def slices_back(volume: NDArray[Voxel], axis: int) -> NDArray[Voxel]:
    """Inverse of `slices_last`."""
    return np.moveaxis(volume, 2, axis)


def columns_last(axis: int) -> list[int]:
    """Order of the axes, and so of an affine's columns, after `slices_last`."""
    return [*(one for one in range(3) if one != axis), axis]


def orientation(affine: NDArray[np.float64]) -> tuple[bool, bool, bool]:
    """(transpose, flip_rows, flip_columns) that turn a file's plane upright, from its voxel → RAS matrix (4, 4).

    Upright: rows run toward the patient's back and feet, columns toward the left, as near as the plane allows; of a
    short axis the right ventricle then lies left of the left one. Directions need not be orthonormal.
    """
    edges = affine[:3, :2] / np.maximum(np.linalg.norm(affine[:3, :2], axis=0), 1e-12)
    down = np.array([0.0, -1.0, -1.0]) @ edges / np.sqrt(2)  # how far the file's x and y each run down …
    across = np.array([-1.0, 0.0, 0.0]) @ edges  # … and toward the left
    transpose = bool(abs(down[1]) + abs(across[0]) >= abs(down[0]) + abs(across[1]))
    row, column = (1, 0) if transpose else (0, 1)
    return transpose, bool(down[row] < 0), bool(across[column] < 0)


def upright(volume: NDArray[Voxel], grid: Grid) -> NDArray[Voxel]:
    """File array (x, y, slice) → upright stack (slice, row, column)."""
    stack = np.moveaxis(volume, 2, 0)
    if grid.transpose:
        stack = stack.swapaxes(1, 2)
    if grid.flip_rows:
        stack = stack[:, ::-1]
    return stack[:, :, ::-1] if grid.flip_columns else stack


def lay_back(stack: NDArray[Voxel], grid: Grid) -> NDArray[Voxel]:
    """Inverse of `upright`: (slice, row, column) → file array (x, y, slice)."""
    if grid.flip_columns:
        stack = stack[:, :, ::-1]
    if grid.flip_rows:
        stack = stack[:, ::-1]
    if grid.transpose:
        stack = stack.swapaxes(1, 2)
    return np.ascontiguousarray(np.moveaxis(stack, 0, 2))


def resampling(positions: NDArray[np.float64], count: int, width: float) -> Floats:
    """Matrix (len(positions), count) of triangle weights that sample a line of ``count`` pixels at ``positions``.

    width: half-width of the triangle in pixels; 1 is linear interpolation, the ratio of the spacings (> 1) averages
    while it shrinks. Rows sum to 1 inside the line and to 0 outside it.
    """
    distance = np.abs(positions[:, None] - np.arange(count)[None])
    weights = np.clip(1 - distance / max(width, 1.0), 0, None)
    inside = (positions >= -0.5) & (positions <= count - 0.5)
    total = weights.sum(axis=1, keepdims=True)
    return (np.divide(weights, total, out=np.zeros_like(weights), where=total > 0) * inside[:, None]).astype(np.float32)


def _canonical_positions(grid: Grid, axis: int) -> NDArray[np.float64]:
    offsets = np.arange(grid.size, dtype=np.float64) - (grid.size - 1) / 2
    return np.asarray(grid.centre[axis] + offsets * grid.spacing_mm / grid.plane_spacing[axis], np.float64)


def _file_positions(grid: Grid, axis: int) -> NDArray[np.float64]:
    offsets = np.arange(grid.plane[axis], dtype=np.float64) - grid.centre[axis]
    return np.asarray(offsets * grid.plane_spacing[axis] / grid.spacing_mm + (grid.size - 1) / 2, np.float64)


def crop(stack: NDArray[np.generic], grid: Grid) -> Floats:
    """Upright stack (slice, row, column) → canonical crop (slice, size, size); outside the field of view is 0."""
    rows, columns = (
        resampling(_canonical_positions(grid, axis), grid.plane[axis], grid.spacing_mm / grid.plane_spacing[axis])
        for axis in (0, 1)
    )
    return np.asarray(rows @ stack.astype(np.float32) @ columns.T, np.float32)


def crop_labels(stack: NDArray[np.generic], grid: Grid, classes: int) -> NDArray[np.uint8]:
    """Upright labels (slice, row, column) → canonical ones: each class is resampled as an image, the largest wins."""
    shares = np.stack([crop(stack == label, grid) for label in range(1, classes)])
    background = 1 - shares.sum(axis=0, keepdims=True)
    return np.concatenate([background, shares]).argmax(axis=0).astype(np.uint8)


def restore(probabilities: Floats, grid: Grid) -> NDArray[np.uint8]:
    """Canonical class probabilities (slice, class, size, size) → label map (x, y, slice) of the file's own grid.

    Probabilities, not labels, are interpolated; outside the crop everything is background.
    """
    rows, columns = (
        resampling(_file_positions(grid, axis), grid.size, grid.plane_spacing[axis] / grid.spacing_mm)
        for axis in (0, 1)
    )
    labels = np.stack([(rows @ one @ columns.T)[1:] for one in probabilities])
    background = 1 - labels.sum(axis=1, keepdims=True)
    return lay_back(np.concatenate([background, labels], axis=1).argmax(axis=1).astype(np.uint8), grid)
