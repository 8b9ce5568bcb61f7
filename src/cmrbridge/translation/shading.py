"""Smooth brightness over the image, as coils leave it: estimated per volume, brought towards the source's. Numpy only.

A low-pass guided translation keeps the reference's low frequencies by design, and with them what its coils did to
them. What of that is common to all slices of a volume is therefore taken out before the diffusion model sees it.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

RADIUS = 10 / 64  # standard deviation of the smoothing, share of the image's side: wider than a ventricle
FLOOR = 30.0  # grey values added before the logarithm, so that lungs and their noise weigh little
TRUNCATE = 3.5  # standard deviations at which a Gaussian ends


def blurred(images: NDArray[np.generic], deviation: float) -> NDArray[np.float64]:
    """Gaussian smoothing of images (…, y, x) in the plane; at the border the weights inside are scaled to sum to 1.

    deviation: pixels.
    """
    rows, columns = (gaussian(size, deviation) for size in images.shape[-2:])
    return np.asarray(rows @ images.astype(np.float64) @ columns.T)


def gaussian(size: int, deviation: float) -> NDArray[np.float64]:
    """The matrix (size, size) that smooths a line of pixels; each row sums to 1."""
    distance = np.arange(size)[:, None] - np.arange(size)
    weights = np.exp(-0.5 * (distance / deviation) ** 2) * (abs(distance) <= int(TRUNCATE * deviation + 0.5))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def shading(volume: NDArray[np.generic]) -> Floats:
    """Smooth log-brightness (y, x) that the slices of one volume (slice, y, x), 0…255, have in common."""
    logarithm = np.log(volume.astype(np.float64) + FLOOR).mean(axis=0)
    return blurred(logarithm, RADIUS * volume.shape[-1]).astype(np.float32)


def mean_shading(images: NDArray[np.uint8], case: NDArray[np.int32]) -> Floats:
    """The mean of `shading` over the volumes of a pack: ``case`` (n,) says to which each image (n, y, x) belongs."""
    return np.asarray(np.mean([shading(images[case == index]) for index in np.unique(case)], axis=0), np.float32)


def evened(volume: NDArray[np.uint8], towards: Floats, share: float) -> Floats:
    """One volume (slice, y, x) whose shading went ``share`` (0…1) of the way ``towards`` (y, x) another; 0…255.

    Half the way is the sensible default: the other half of a volume's difference from a mean is its own anatomy.
    """
    if share == 0:
        return volume.astype(np.float32)
    gain = np.exp(share * (towards - shading(volume)))
    return np.clip((volume + np.float32(FLOOR)) * gain - np.float32(FLOOR), 0, 255).astype(np.float32)
