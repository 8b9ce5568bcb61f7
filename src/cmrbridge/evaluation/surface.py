"""Distances between the surfaces of two masks, in mm, with anisotropic spacing respected."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]
Spacing = tuple[float, float, float]


class SurfaceDistances(NamedTuple):
    """hd95, assd: mm."""

    hd95: float
    assd: float


def surface_distances(prediction: Mask, reference: Mask, spacing: Spacing) -> SurfaceDistances | None:
    """HD95 and ASSD of two masks (x, y, slice) on a grid of ``spacing`` mm.

    hd95: the larger of the two directed 95th percentiles (linear interpolation), not the percentile of the pooled
    distances. assd: mean over all surface voxels of both masks of the distance to the other surface.
    One of the two empty: both are the diagonal of the image. Both empty: None.
    """
    if not prediction.any() and not reference.any():
        return None
    if not prediction.any() or not reference.any():
        worst = diagonal(prediction.shape, spacing)
        return SurfaceDistances(worst, worst)
    box = bounding_box(prediction | reference)
    ours, theirs = surface(prediction[box]), surface(reference[box])
    there, back = _directed(ours, theirs, spacing), _directed(theirs, ours, spacing)
    return SurfaceDistances(
        hd95=float(max(np.percentile(there, 95), np.percentile(back, 95))),
        assd=float(np.concatenate([there, back]).mean()),
    )


def diagonal(shape: tuple[int, ...], spacing: Spacing) -> float:
    """Length in mm of the image's diagonal, voxel edges included: no distance inside the image is larger."""
    return math.hypot(*(count * step for count, step in zip(shape, spacing, strict=True)))


def surface(mask: Mask) -> Mask:
    """Voxels of the mask that touch the outside through a face; the image's border counts as outside."""
    return mask & ~ndimage.binary_erosion(mask)


def bounding_box(mask: Mask) -> tuple[slice, ...]:
    """Smallest box around a mask that is not empty. Surfaces and their distances are the same inside it."""
    return ndimage.find_objects(mask.astype(np.uint8))[0]


def _directed(start: Mask, goal: Mask, spacing: Spacing) -> NDArray[np.float64]:
    """Distance in mm from every voxel of ``start`` to the nearest one of ``goal``."""
    return np.asarray(ndimage.distance_transform_edt(~goal, sampling=spacing)[start], np.float64)
