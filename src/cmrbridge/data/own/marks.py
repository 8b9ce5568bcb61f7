"""What a file of labels holds before anybody has said which value is which structure."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.anatomy import grow
from cmrbridge.data.volume import read_stacks
from cmrbridge.errors import InputError

MOST_VALUES = 12  # of a file of labels; an image has more
ROUNDED = 1e-3  # how far a label may be from a whole number


@dataclass(frozen=True)
class Mark:
    """One labelled frame. frame: 0-based, None of a 3-D file; voxels: how many each value has; rims: (inner, outer) →
    share of the pixels around ``inner`` that are ``outer``, in the slices that hold both."""

    frame: int | None
    voxels: dict[int, int]
    rims: dict[tuple[int, int], float]


def marks_of(path: Path) -> list[Mark]:
    """The frames of a file that hold labels, in time order; InputError where its values can be no labels."""
    stacks = read_stacks(path)
    if not np.isfinite(stacks).all() or np.abs(stacks - np.rint(stacks)).max() > ROUNDED:
        raise InputError(f"{path}: labels are not whole numbers; export them without interpolation or scaling")
    times = stacks.shape[3]
    marks = []
    for index in np.flatnonzero(stacks.any(axis=(0, 1, 2))).tolist():
        values = np.rint(stacks[..., index]).astype(np.int64)
        if len(np.unique(values)) > MOST_VALUES:
            raise InputError(f"{path}: more than {MOST_VALUES} values, which labels have not; is it an image?")
        marks.append(_mark(values, index if times > 1 else None))
    return marks


def _mark(values: NDArray[np.int64], frame: int | None) -> Mark:
    """Of values (x, y, slice)."""
    found, counts = np.unique(values[values != 0], return_counts=True)
    labels = [int(value) for value in found]
    rims = {(one, other): _share(values, one, other) for one in labels for other in labels if one != other}
    return Mark(frame, dict(zip(labels, counts.tolist())), rims)


def _share(values: NDArray[np.int64], inner: int, outer: int) -> float:
    inside, around = values == inner, values == outer
    both = inside.any(axis=(0, 1)) & around.any(axis=(0, 1))
    inside, around = inside[..., both], around[..., both]
    rim = grow(inside) & ~inside
    return float((rim & around).sum() / max(int(rim.sum()), 1))
