"""Overlap of two masks."""

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def dice(prediction: Mask, reference: Mask) -> float | None:
    """2 |P ∩ R| / (|P| + |R|), 0…1; masks of one shape. One of the two empty: 0. Both empty: None, nothing to score."""
    total = np.count_nonzero(prediction) + np.count_nonzero(reference)
    return 2 * np.count_nonzero(prediction & reference) / total if total else None
