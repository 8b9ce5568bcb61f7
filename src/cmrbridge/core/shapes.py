"""How thick the wall of a mask is. Numpy only: masks are judged by it wherever they are sampled."""

import math

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.anatomy import STRUCTURES, grow
from cmrbridge.errors import InputError

RANGE = (0.5, 99.5)  # percentiles of real masks between which a wall is taken for possible

Bytes = NDArray[np.uint8]


def wall_profile(labels: Bytes) -> NDArray[np.float64]:
    """Thickness of the wall in pixels, at every pixel of the cavity's edge; labels: (y, x), square pixels.

    From the centre of an edge pixel of the LV to the centre of the nearest pixel that is neither LV nor myocardium,
    less the two half pixels at the ends: w for a straight wall of w pixels, 0 where the wall is open.
    The image's border is no outside. Empty without an LV, without a myocardium, or with nothing outside them.
    """
    lv, myo = labels == STRUCTURES["LV"], labels == STRUCTURES["MYO"]
    heart = lv | myo
    inner = np.argwhere(lv & grow(~lv))
    outer = np.argwhere(~heart & grow(heart))  # the nearest outside pixel always touches the heart by a side
    if not (myo.any() and len(inner) and len(outer)):
        return np.empty(0)
    squared = ((inner[:, None] - outer[None]) ** 2).sum(2)
    return np.asarray(np.sqrt(squared.min(1)) - 1)


def wall_thickness(labels: Bytes, pixel: float) -> float:
    """Mean thickness in mm over the cavity's edge; NaN where there is no wall to measure. pixel: mm."""
    profile = wall_profile(labels)
    return float(profile.mean()) * pixel if len(profile) else math.nan


def thickness_range(labels: Bytes, pixel: float) -> tuple[float, float]:
    """Percentiles 0.5 and 99.5 in mm of `wall_thickness` over real masks (n, y, x)."""
    values = np.array([wall_thickness(mask, pixel) for mask in labels])
    values = values[~np.isnan(values)]
    if len(values) == 0:
        raise InputError("no real mask has both LV and myocardium: a range of wall thickness needs some")
    low, high = np.percentile(values, RANGE)
    return float(low), float(high)


def thickness_in_range(labels: Bytes, pixel: float, limits: tuple[float, float]) -> bool:
    """Rule "wall_thickness": the wall's mean is within ``limits`` (mm), or there is none to measure."""
    value = wall_thickness(labels, pixel)
    return math.isnan(value) or limits[0] <= value <= limits[1]
