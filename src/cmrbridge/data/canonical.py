"""One volume in canonical form: what every network, in the workflow and in the app, is shown of it."""

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.geometry import Grid, crop, upright

PERCENTILES = (0.5, 99.5)  # of the whole volume: they become 0 and 255


def canonical_slices(voxels: NDArray[np.float32], grid: Grid) -> NDArray[np.uint8]:
    """A file's voxels (x, y, slice) → upright slices (slice, size, size) around the heart, 8 bits a pixel."""
    low, high = np.percentile(voxels, PERCENTILES)
    scaled = crop(upright(voxels - np.float32(low), grid), grid) * (255 / max(high - low, 1e-6))
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)
