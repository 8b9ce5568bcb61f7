"""How one subject's images look to a network: texture of the middle slices, whatever their brightness and contrast."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cmrbridge.evaluation.features import scattering

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]


def middle(count: int) -> slice:
    """Of a stack of ``count`` slices the middle half, where the heart is whatever a label says; one at least."""
    return slice(count // 4, max(count - count // 4, count // 4 + 1))


def texture(images: Bytes) -> Floats:
    """(122,) scattering features, mean over slices (n, y, x), each standardised before as networks do: brightness and
    overall contrast, which they never see, don't count. Brought to 0…1, two deviations below the mean to four above."""
    values = images.astype(np.float32)
    spread = values.std(axis=(1, 2), keepdims=True)
    standard = (values - values.mean(axis=(1, 2), keepdims=True)) / np.maximum(spread, 1)
    return scattering(np.clip((standard + 2) / 6, 0, 1), orientations=6, middle=True).mean(axis=0)


def subject_texture(stacks: Sequence[Bytes]) -> Floats:
    """`texture` of one subject's canonical stacks, as many as there are frames at hand: each (slice, y, x) in order."""
    return texture(np.concatenate([stack[middle(len(stack))] for stack in stacks]))
