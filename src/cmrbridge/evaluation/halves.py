"""The real slices that generated ones stand beside, and halves of them that share no subject."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.core.labels import labelled_rows
from cmrbridge.core.pack import read_pack
from cmrbridge.errors import InputError

Bytes = NDArray[np.uint8]
Rows = NDArray[np.int64]


class RealSlices(NamedTuple):
    """images, labels: (n, y, x) uint8; subject: (n,) text; held_out: (n,) whether of the validation split;
    pixel: mm."""

    images: Bytes
    labels: Bytes
    subject: NDArray[np.str_]
    held_out: NDArray[np.bool_]
    pixel: float


def real_slices(training: Path) -> RealSlices:
    """The training split's slices that show a structure, then the validation split's; order of `labelled_slices`."""
    pack = read_pack(training)
    rows = {split: labelled_rows(pack, split) for split in ("train", "val")}
    for split, found in rows.items():
        if len(found) == 0:
            raise InputError(
                f"{training}: no slice of the split {split!r} carries all of {', '.join(STRUCTURES)}: "
                "give the split more subjects"
            )
    both = np.concatenate(list(rows.values()))
    assert pack.labels is not None  # labelled_rows insists
    names = np.array([f"{case.dataset} {case.subject}" for case in pack.cases])
    held_out = np.arange(len(both)) >= len(rows["train"])
    return RealSlices(pack.images[both], pack.labels[both], names[pack.case[both]], held_out, pack.cases[0].spacing[1])


def halvings(subject: NDArray[np.str_], repeats: int, generator: np.random.Generator) -> Iterator[tuple[Rows, Rows]]:
    """Rows of two halves of the subjects, ``repeats`` times: all slices of a subject lie in one half.

    By subject, because a generated heart stands for a new subject, and subjects differ from one another more than
    two random halves of the same subjects' slices do.
    """
    names = np.unique(subject)
    for _ in range(repeats):
        one = generator.permutation(names)[: len(names) // 2]
        within = np.isin(subject, one)
        yield np.flatnonzero(within), np.flatnonzero(~within)
