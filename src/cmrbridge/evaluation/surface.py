"""Distances between the surfaces of two masks, with anisotropic spacing respected."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

RADIUS = 6.0  # mm within which slices are searched row by row; speed alone depends on it
TOLERANCE = 2.0  # mm, of the surface Dice: about a pixel of a cine
ROUNDING = 1e-4  # mm: files hold spacings as float32

Mask = NDArray[np.bool_]
Spacing = tuple[float, float, float]


class SurfaceDistances(NamedTuple):
    """hd95, hd, assd: mm; surface_dice: 0…1."""

    hd95: float
    hd: float
    assd: float
    surface_dice: float


def surface_distances(prediction: Mask, reference: Mask, spacing: Spacing) -> SurfaceDistances | None:
    """HD95, HD, ASSD and surface Dice of two masks (x, y, slice) on a grid of ``spacing`` mm.

    hd95: the larger of the two directed 95th percentiles (linear interpolation), not the percentile of the pooled
    distances. hd: the largest of all distances. assd: mean over all surface voxels of both masks of the distance to
    the other surface. surface_dice: share of the surface voxels of both masks that lie within `TOLERANCE` of the other
    surface (Nikolov et al. 2021, counted in voxels). One mask empty: the diagonal of the image, and 0. Both empty:
    None.
    """
    if not prediction.any() and not reference.any():
        return None
    if not prediction.any() or not reference.any():
        worst = diagonal(prediction.shape, spacing)
        return SurfaceDistances(worst, worst, worst, 0.0)
    box = bounding_box(prediction | reference)
    ours, theirs = surface(prediction[box]), surface(reference[box])
    there, back = _directed(ours, theirs, spacing), _directed(theirs, ours, spacing)
    both = np.concatenate([there, back])
    return SurfaceDistances(
        hd95=float(max(np.percentile(there, 95), np.percentile(back, 95))),
        hd=float(both.max()),
        assd=float(both.mean()),
        surface_dice=float((both <= TOLERANCE + ROUNDING).mean()),
    )


def diagonal(shape: tuple[int, ...], spacing: Spacing) -> float:
    """Length in mm of the image's diagonal, voxel edges included: no distance inside the image is larger."""
    return math.hypot(*(count * step for count, step in zip(shape, spacing, strict=True)))


def surface(mask: Mask) -> Mask:
    """Voxels of the mask that touch the outside through a face; the image's border counts as outside."""
    inside, padded = mask.copy(), np.pad(mask, 1)
    middle = slice(1, -1)
    for axis in range(3):
        for shifted in (slice(None, -2), slice(2, None)):
            inside &= padded[tuple(shifted if other == axis else middle for other in range(3))]
    return mask & ~inside


def bounding_box(mask: Mask) -> tuple[slice, ...]:
    """Smallest box around a mask that is not empty. Surfaces and their distances are the same inside it."""
    plane = np.any(mask, axis=2)
    sides = [np.flatnonzero(part) for part in (np.any(plane, axis=1), np.any(plane, axis=0), np.any(mask, axis=(0, 1)))]
    return tuple(slice(int(side[0]), int(side[-1]) + 1) for side in sides)


def _directed(start: Mask, goal: Mask, spacing: Spacing) -> NDArray[np.float64]:
    """Distance in mm from every voxel of ``start`` to the nearest one of ``goal``.

    Nearly all have one within a few mm in their own slice, where no other slice can be nearer; a tree answers for the
    rest.
    """
    radius = min(RADIUS, spacing[2])
    distances = np.sqrt(_in_slice(goal, spacing, radius)[start])
    far = distances > radius
    if far.any():
        tree = KDTree(np.argwhere(goal) * spacing, balanced_tree=False, compact_nodes=False)
        distances[far] = tree.query(np.argwhere(start)[far] * spacing)[0]
    return distances


def _in_slice(goal: Mask, spacing: Spacing, radius: float) -> NDArray[np.float64]:
    """Squared distance in mm² from every voxel to the nearest one of ``goal`` in its slice, at least where that is
    within ``radius`` mm: the minimum over rows, then over columns (Felzenszwalb & Huttenlocher 2012, section 2)."""
    found = np.where(goal, 0.0, np.inf)
    for step in spacing[:2]:
        before = found.copy()
        for away in range(1, min(int(radius / step), len(found) - 1) + 1):
            cost = (away * step) ** 2
            np.minimum(found[away:], before[:-away] + cost, out=found[away:])
            np.minimum(found[:-away], before[away:] + cost, out=found[:-away])
        found = found.swapaxes(0, 1)
    return found
