"""Structural similarity of images, and how alike the images of a set are."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cmrbridge.errors import InputError

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, finest first (Wang et al. 2003)
SD, TRUNCATE, RADIUS = 1.5, 3.5, 5  # the Gaussian window of 11 × 11 pixels
LUMINANCE, CONTRAST = (0.01 * 255) ** 2, (0.03 * 255) ** 2

Floats = NDArray[np.float64]


def ssim(a: NDArray, b: NDArray) -> Floats:
    """(n,) mean structural similarity of images (n, y, x) in 0…255 (Wang et al. 2004, eq. 13)."""
    light, structure = _maps(a.astype(np.float64), b.astype(np.float64))
    return np.asarray((light * structure).mean((1, 2)))


def ms_ssim(a: NDArray, b: NDArray) -> Floats:
    """(n,) multi-scale structural similarity (Wang et al. 2003, eq. 7) of images (n, y, x) in 0…255.

    As many of the five scales as leave 11 pixels a side, their weights scaled to the sum 1: three at 64 pixels.
    A negative mean of a scale counts as 0.
    """
    scales = _scale_count(min(a.shape[1:]))
    weights = np.array(WEIGHTS[:scales]) / sum(WEIGHTS[:scales])
    a, b = a.astype(np.float64), b.astype(np.float64)
    product = np.ones(len(a))
    for scale, weight in enumerate(weights):
        light, structure = _maps(a, b)
        part = light * structure if scale == scales - 1 else structure
        product *= np.maximum(part.mean((1, 2)), 0) ** weight
        a, b = _halved(a), _halved(b)
    return product


def _scale_count(side: int) -> int:
    window = 2 * RADIUS + 1
    if side < window:
        raise InputError(f"images of {side} pixels a side: structural similarity needs at least {window}")
    return min(len(WEIGHTS), 1 + int(np.log2(side / window)))


def _maps(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The factors of similarity at every window within the images: luminance; contrast and structure."""
    mean_a, mean_b = _blur(a), _blur(b)
    var_a, var_b, shared = _blur(a * a) - mean_a**2, _blur(b * b) - mean_b**2, _blur(a * b) - mean_a * mean_b
    light = (2 * mean_a * mean_b + LUMINANCE) / (mean_a**2 + mean_b**2 + LUMINANCE)
    return light, (2 * shared + CONTRAST) / (var_a + var_b + CONTRAST)


def _blur(images: Floats) -> Floats:
    blurred = ndimage.gaussian_filter(images, (0, SD, SD), truncate=TRUNCATE)
    return blurred[:, RADIUS:-RADIUS, RADIUS:-RADIUS]


def _halved(images: Floats) -> Floats:
    """Means of 2 × 2 pixels; an odd last row or column is dropped."""
    count, rows, columns = images.shape
    even = images[:, : rows // 2 * 2, : columns // 2 * 2]
    return even.reshape(count, rows // 2, 2, columns // 2, 2).mean((2, 4))
