"""Whether a frozen segmenter finds the masks that images were made from: Dice pooled over a set, with its interval."""

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.evaluation.distributions import Estimate

RESAMPLES = 2000

Bytes = NDArray[np.uint8]
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


def pooled_dice(predicted: Bytes, given: Bytes, units: NDArray, generator: np.random.Generator) -> dict[str, Estimate]:
    """ "dice_LV", "dice_MYO", "dice_RV" and their mean "dice" of label maps (n, y, x).

    2 Σ |P ∩ G| / Σ (|P| + |G|), summed over the slices before dividing, so that a slice in which a structure is two
    pixels large weighs little. units: (n,) what the bootstrap draws (interval: percentiles 2.5 and 97.5): subjects
    where the slices are real, slices where each was generated alone.
    """
    sums = _per_unit(_overlaps(predicted, given), units)
    whole, drawn = (_with_mean(_dice(part)) for part in (sums.sum(0), _resampled(sums, generator)))
    low, high = np.percentile(drawn, (2.5, 97.5), axis=0)
    names = [*(f"dice_{name}" for name in STRUCTURES), "dice"]
    return {name: Estimate(*map(float, triple)) for name, *triple in zip(names, whole, low, high)}


def share(flags: NDArray[np.bool_], units: NDArray, generator: np.random.Generator) -> Estimate:
    """The share of (n,) flags that are set, with the interval of a bootstrap over ``units``."""
    sums = _per_unit(np.stack([flags, np.ones_like(flags)], axis=1).astype(np.int64), units)
    drawn = _resampled(sums, generator)
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], (2.5, 97.5))
    return Estimate(float(flags.mean()), float(low), float(high))


def _overlaps(predicted: Bytes, given: Bytes) -> Counts:
    """(slice, structure, 2): pixels in common, and pixels of the one plus pixels of the other."""
    columns = []
    for code in STRUCTURES.values():
        a, b = predicted == code, given == code
        columns.append(np.stack([(a & b).sum((1, 2)), a.sum((1, 2)) + b.sum((1, 2))], axis=1))
    return np.stack(columns, axis=1)


def _per_unit(counts: Counts, units: NDArray) -> Counts:
    names, index = np.unique(units, return_inverse=True)
    sums = np.zeros((len(names), *counts.shape[1:]), np.int64)
    np.add.at(sums, index, counts)
    return sums


def _resampled(sums: Counts, generator: np.random.Generator) -> Counts:
    """(resample, …): sums over as many units as there are, drawn with replacement."""
    draws = generator.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=RESAMPLES)
    return np.tensordot(draws, sums, axes=1)


def _dice(sums: Counts) -> Floats:
    """NaN for a structure that is nowhere."""
    with np.errstate(invalid="ignore"):
        return np.asarray(2 * sums[..., 0] / sums[..., 1])


def _with_mean(values: Floats) -> Floats:
    return np.concatenate([values, values.mean(-1, keepdims=True)], axis=-1)
