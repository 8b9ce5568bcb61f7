"""Where the heart is, from images alone: from end-diastole to end-systole blood leaves, and the ventricles darken."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Floats = NDArray[np.float32]

# In mm, chosen once on ACDC, Sunnybrook and the phantom; what the crops cut off is in every subjects.csv.
BLUR = 5.0  # thin edges that shift with the breath cancel, emptying ventricles remain
LOOK_AROUND = 25.0  # local brightness that the darkening is divided by: the chest wall shines near the coil
PRIOR = 50.0  # hearts lie this close to the middle of the image
WINDOW = 50.0  # radius of the neighbourhood that refines the centre
TOWARDS_RIGHT_VENTRICLE = 8.0  # the left ventricle darkens most; the heart's middle lies left of it in the upright view
CAP = 0.3  # of the strongest darkening: what exceeds it counts no more, so that no single wall decides
TAIL = 0.1  # the centre is the middle between this share of the darkening and its mirror image


def image_centre(plane: tuple[int, int]) -> tuple[float, float]:
    """(row, column) of the middle of the image, pixels."""
    return ((plane[0] - 1) / 2, (plane[1] - 1) / 2)


def heart_centre(
    diastole: Floats, systole: Floats, pairs: Sequence[tuple[int, int]], spacing: tuple[float, float]
) -> tuple[float, float]:
    """(row, column) of the heart in pixels, from upright stacks (slice, row, column) of one subject.

    pairs: (slice of diastole, slice of systole) at the same level; spacing: mm per (row, column).
    """
    energy = _darkening(diastole, systole, pairs, spacing)
    rows, columns = ((np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(energy.shape, spacing))
    middle = image_centre((len(rows), len(columns)))
    prior = _bell(rows, columns, (0.0, 0.0), PRIOR)
    energy = np.maximum(energy - np.median(energy), 0)
    energy = np.minimum(energy, CAP * np.percentile(energy * prior, 99)) * prior
    if not energy.any():
        return middle
    centre = _centroid(energy, rows, columns)
    for _ in range(3):
        near = energy * _bell(rows, columns, centre, WINDOW)
        centre = _centroid(near, rows, columns)
    row = _middle(near.sum(axis=1), rows)
    column = _middle(near.sum(axis=0), columns) - TOWARDS_RIGHT_VENTRICLE
    return (middle[0] + row / spacing[0], middle[1] + column / spacing[1])


def _darkening(
    diastole: Floats, systole: Floats, pairs: Sequence[tuple[int, int]], spacing: tuple[float, float]
) -> NDArray[np.float64]:
    """Mean over slices of the blurred fall in brightness, relative to the brightness around; (row, column), ≥ 0."""
    first, second = (np.minimum(stack / max(float(np.percentile(stack, 99)), 1e-6), 1) for stack in (diastole, systole))
    total = np.zeros(first.shape[1:])
    rows, columns = (blurring(edge, LOOK_AROUND / mm) for edge, mm in zip(total.shape, spacing))
    for one, two in pairs:
        change = gaussian_filter(first[one] - second[two], [BLUR / mm for mm in spacing])
        down = (rows @ (first[one] + second[two])).astype(np.float32)
        around = (down @ columns.T).astype(np.float32) / 2
        total += np.maximum(change, 0) / (around + 0.1)
    return total / max(len(pairs), 1)


def blurring(count: int, sigma: float) -> NDArray[np.float64]:
    """(count, count): what scipy's `gaussian_filter1d` does to a line of pixels, as a matrix; sigma in pixels.

    Of a kernel a hundred pixels wide the product takes half the time, and rounds to the same float32.
    """
    radius = int(4 * sigma + 0.5)
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    places = (np.arange(count)[:, None] + offsets) % (2 * count)
    mirrored = np.where(places < count, places, 2 * count - 1 - places)
    cells = np.arange(count)[:, None] * count + mirrored
    shares = np.broadcast_to(weights / weights.sum(), cells.shape)
    return np.asarray(np.bincount(cells.ravel(), shares.ravel(), count**2), np.float64).reshape(count, count)


def _bell(rows: NDArray, columns: NDArray, centre: tuple[float, float], radius: float) -> NDArray[np.float64]:
    square = (rows[:, None] - centre[0]) ** 2 + (columns[None] - centre[1]) ** 2
    return np.exp(-square / (2 * radius**2))


def _centroid(weight: NDArray, rows: NDArray, columns: NDArray) -> tuple[float, float]:
    total = weight.sum()
    return (float(weight.sum(axis=1) @ rows / total), float(weight.sum(axis=0) @ columns / total))


def _middle(weight: NDArray, positions: NDArray) -> float:
    """Halfway between the TAIL and 1 − TAIL quantiles: where the extent is centred, however unequal its two sides."""
    shares = np.cumsum(weight) / weight.sum()
    return float(np.interp([TAIL, 1 - TAIL], shares, positions).mean())
