"""Volumes, function and mass of the heart, and the thirds of the ventricle from base to apex."""

import math

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
REGIONS = ("base", "mid", "apex")
DENSITY = 1.05  # g/mL, of myocardium


def volume_ml(mask: Mask, spacing: tuple[float, float, float]) -> float:
    """Voxels × voxel volume; spacing in mm, result in mL."""
    return int(mask.sum()) * math.prod(spacing) / 1000


def chamber_function(edv: float, esv: float) -> dict[str, float]:
    """End-diastolic, end-systolic and stroke volume (mL) and ejection fraction (%) of one chamber."""
    return {"edv_ml": edv, "esv_ml": esv, "sv_ml": edv - esv, "ef_percent": ejection_fraction(edv, esv)}


def ejection_fraction(edv: float, esv: float) -> float:
    """100 (EDV − ESV) / EDV, in percent; 0 where there is no end-diastolic volume, so that a missed cavity costs."""
    return 100 * (edv - esv) / edv if edv > 0 else 0.0


def thirds(ventricle: Mask) -> dict[str, NDArray[np.intp]]:
    """Slice indices of base, mid and apex: thirds of the slices that hold the reference's LV or MYO (x, y, slice).

    Files run either way, so the base is the outer third with the larger area; on a tie, the file's first slices. A
    remainder goes to the base first, then to the middle. Fewer than three slices have no thirds.
    """
    areas = ventricle.sum(axis=(0, 1))
    slices = np.flatnonzero(areas)
    if len(slices) < 3:
        return {}
    outer = len(slices) // 3
    if areas[slices[-outer:]].sum() > areas[slices[:outer]].sum():
        slices = slices[::-1]
    return dict(zip(REGIONS, np.array_split(slices, 3), strict=True))
