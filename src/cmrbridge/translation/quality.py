"""How near an image came to the truth: PSNR, SSIM, Dice, and how far outlines moved. Numpy only."""

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.anatomy import STRUCTURES, Bools, grow
from cmrbridge.translation.shading import blurred

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]

WHITE = 255.0  # the range of the images
WINDOW = 1.5  # standard deviation of SSIM's Gaussian window, pixels
BORDER = 5  # pixels at which that window would leave the image


def psnr(images: Bytes, truth: Bytes) -> Floats:
    """Peak signal-to-noise ratio (dB) of each image (n, y, x) → (n,); an error below 0.1 grey values counts as 0.1."""
    error = (images.astype(np.float64) - truth).reshape(len(images), -1)
    return np.asarray(20 * np.log10(WHITE / np.maximum(np.sqrt((error**2).mean(axis=1)), 0.1)))


def ssim(images: Bytes, truth: Bytes) -> Floats:
    """Structural similarity (Wang et al. 2004, eq. 13; Gaussian window of 11 × 11) of images (n, y, x) → (n,)."""
    a, b = images.astype(np.float64), truth.astype(np.float64)
    mean_a, mean_b, square_a, square_b, product = (blurred(part, WINDOW) for part in (a, b, a * a, b * b, a * b))
    var_a, var_b, both = square_a - mean_a**2, square_b - mean_b**2, product - mean_a * mean_b
    c1, c2 = (0.01 * WHITE) ** 2, (0.03 * WHITE) ** 2
    index = (2 * mean_a * mean_b + c1) * (2 * both + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    return np.asarray(index[:, BORDER:-BORDER, BORDER:-BORDER].mean(axis=(1, 2)))


def dice(predicted: Bytes, truth: Bytes) -> float:
    """Dice overlap over a whole stack (n, y, x), mean over the structures that either shows; NaN where none does."""
    scores = []
    for code in STRUCTURES.values():
        mine, theirs = predicted == code, truth == code
        if total := int(mine.sum() + theirs.sum()):
            scores.append(2 * (mine & theirs).sum() / total)
    return float(np.mean(scores)) if scores else float("nan")


def edge_distance(predicted: Bytes, truth: Bytes, spacing_mm: float) -> float:
    """Mean distance (mm, both ways) between the outlines of each structure in each slice (n, y, x) that shows it twice.

    What one of the two misses has no outline to measure by; Dice counts it.
    """
    distances = []
    for mine, theirs in zip(predicted, truth):
        for code in STRUCTURES.values():
            one, two = (np.argwhere(_outline(part == code)) for part in (mine, theirs))
            if len(one) and len(two):
                apart = np.linalg.norm(one[:, None] - two[None], axis=-1)
                distances.append((apart.min(axis=1).mean() + apart.min(axis=0).mean()) / 2)
    return float(np.mean(distances)) * spacing_mm if distances else float("nan")


def _outline(mask: Bools) -> Bools:
    """Pixels of ``mask`` (y, x) beside one that is not."""
    return mask & grow(~mask)
