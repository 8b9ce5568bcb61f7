"""A guess at end-diastole and end-systole from the images alone, for cines that nobody has contoured."""

import numpy as np
from numpy.typing import NDArray


def propose_phases(cine: NDArray[np.generic]) -> tuple[int, int]:
    """(ED, ES) frames of a cine (x, y, slice, frame) in time order: the first, which follows the R wave, and the one
    that differs most from it, a pixel counting by how much it changes over time. Good enough to show a network both;
    no volume may rest on it.
    """
    frames = np.moveaxis(cine, 3, 0).astype(np.float32)
    apart = np.abs(frames - frames[0]) * frames.std(axis=0)
    return 0, int(apart.mean(axis=(1, 2, 3)).argmax())
