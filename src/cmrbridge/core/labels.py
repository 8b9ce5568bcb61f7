"""Label slices as the generators see them: chosen from a pack, drawn anew, kept in a file. Numpy only."""

import os
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.anatomy import CLASSES, STRUCTURES
from cmrbridge.core.pack import Pack
from cmrbridge.errors import InputError

Bytes = NDArray[np.uint8]


def labelled_rows(pack: Pack, split: str) -> NDArray[np.intp]:
    """Rows of ``pack`` that are slices of one split and show any structure, in order.

    Cases in which a structure is not annotated are left out: there, unknown would be learnt as background.
    """
    if pack.labels is None:
        raise InputError("the training pack has no labels: generators need a labelled source domain")
    whole = np.array([case.split == split and set(case.annotated) == set(STRUCTURES) for case in pack.cases], bool)
    return np.flatnonzero(whole[pack.case] & pack.labels.any(axis=(1, 2)))


def labelled_slices(pack: Pack, split: str) -> tuple[Bytes, Bytes]:
    """(images, labels), each (n, y, x), of `labelled_rows`."""
    rows = labelled_rows(pack, split)
    assert pack.labels is not None  # labelled_rows insists
    return pack.images[rows], pack.labels[rows]


def pairs_wanted(ratio: float, slices: int) -> int:
    """Generated pairs for ``slices`` real training slices; one at least, where any are asked for."""
    return max(1, round(ratio * slices)) if ratio else 0


def training_slices(pack: Pack, path: Path) -> tuple[Bytes, Bytes]:
    """`labelled_slices` of the training split; InputError that names ``path`` where there are none."""
    images, labels = labelled_slices(pack, "train")
    if len(labels) == 0:
        raise InputError(
            f"{path}: no slice of the training split carries all of {', '.join(STRUCTURES)}: "
            "choose a source domain in which all three are annotated"
        )
    return images, labels


def write_labels(path: Path, labels: Bytes) -> None:
    """Write label maps (n, y, x) atomically; equal maps give equal bytes."""
    temporary = path.with_name(f".{path.name}.partial")
    with temporary.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, labels=labels)
    os.replace(temporary, path)


def read_labels(path: Path) -> Bytes:
    """Label maps (n, y, x) of a file of `write_labels`; InputError where it is damaged or holds something else."""
    try:
        with np.load(path, allow_pickle=False) as file:
            labels = file["labels"]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a readable file of masks ({error}); delete it and run again") from error
    if labels.dtype != np.uint8 or labels.ndim != 3 or (labels.size and labels.max() >= CLASSES):
        raise InputError(f"{path}: masks must be (n, y, x) uint8 below {CLASSES}; delete it and run again")
    return labels
