"""Whole packs on the device, as bytes: what a segmenter learns from and is checked on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cmrbridge.core.anatomy import CLASSES, STRUCTURES
from cmrbridge.core.pack import Pack, read_pack
from cmrbridge.errors import InputError


@dataclass(frozen=True)
class Slices:
    """images, labels: (n, y, x) uint8. known: (n, class) bool, which classes the slice's labels tell apart.
    case: (n,) number of the volume that a slice belongs to, counted through all packs."""

    images: Tensor
    labels: Tensor
    known: Tensor
    case: Tensor

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> int:
        """Pixels a side."""
        return int(self.images.shape[-1])


def known_classes(pack: Pack) -> np.ndarray:
    """(n, class) bool: background and the annotated structures of each slice's case."""
    table = np.zeros((len(pack.cases), CLASSES), bool)
    table[:, 0] = True
    for row, case in zip(table, pack.cases):
        row[[STRUCTURES[name] for name in case.annotated]] = True
    return table[pack.case]


def read_labelled(path: Path) -> Pack:
    """A pack that has labels; InputError where it has none."""
    pack = read_pack(path)
    if pack.labels is None:
        raise InputError(f"{path}: holds images without labels; name a labelled pack (training.npz)")
    return pack


def gather(packs: Sequence[Pack], device: str) -> Slices:
    """The slices of several labelled packs of one image size, one after another."""
    sizes = {pack.images.shape[1:] for pack in packs}
    if len(sizes) > 1:
        raise InputError(
            f"the packs differ in image size, {sorted(sizes)}: prepare them with the same size and spacing"
        )
    offsets = np.cumsum([0] + [len(pack.cases) for pack in packs])
    return Slices(
        images=_stacked([pack.images for pack in packs], device),
        labels=_stacked([pack.labels for pack in packs if pack.labels is not None], device),
        known=_stacked([known_classes(pack) for pack in packs], device),
        case=_stacked([pack.case.astype(np.int64) + offset for pack, offset in zip(packs, offsets)], device),
    )


def _stacked(arrays: Sequence[np.ndarray], device: str) -> Tensor:
    return torch.from_numpy(np.concatenate(arrays)).to(device)


def read_images(path: Path, size: int, device: str) -> Tensor:
    """(n, y, x) uint8 images of a pack whose labels, if any, nobody looks at."""
    images = read_pack(path).images
    if len(images) == 0 or images.shape[1:] != (size, size):
        raise InputError(f"{path}: holds images of shape {images.shape}; wanted (1 or more, {size}, {size})")
    return torch.from_numpy(images).to(device)


def first_slices(pack: Pack, count: int, path: Path) -> Pack:
    """The first ``count`` slices of a pack: smaller counts are subsets of larger ones."""
    if count > len(pack.images):
        raise InputError(
            f"{path}: holds {len(pack.images)} synthetic pairs and the arm wants {count}; "
            "generate more (masks count) or lower the arm's synthetic ratio"
        )
    labels = None if pack.labels is None else pack.labels[:count]
    return Pack(pack.images[:count], labels, pack.case[:count], pack.position[:count], pack.cases)
