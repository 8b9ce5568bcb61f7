"""Whole packs on the device, as bytes: what a segmenter learns from and is checked on."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cmrbridge.core.anatomy import CLASSES, STRUCTURES
from cmrbridge.core.pack import Pack, read_pack
from cmrbridge.errors import InputError
from cmrbridge.segmentation.architectures.fingerprint import Fingerprint


@dataclass(frozen=True)
class Images:
    """images: (n, y, x) uint8. case: (n,) number of the volume that a slice belongs to, counted through all packs; a
    case's slices lie side by side in their order."""

    images: Tensor
    case: Tensor

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> int:
        """Pixels a side."""
        return int(self.images.shape[-1])

    @cached_property
    def _extents(self) -> tuple[Tensor, Tensor]:
        """(n,) row at which each slice's case begins, and how many slices this has."""
        _, counts = self.case.unique_consecutive(return_counts=True)
        return (counts.cumsum(0) - counts).repeat_interleave(counts), counts.repeat_interleave(counts)

    def draw(self, count: int, depth: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """``count`` stacks of ``depth`` neighbouring slices: (rows, whether a row is there for the first time), each
        (count · depth,).

        Each stack lies about a slice drawn at random, moved until it is within the case; of a case with fewer slices
        it is the whole, between repeats of its edge slices. A depth of 1 draws single slices.
        """
        chosen = torch.randint(len(self), (count,), generator=generator, device=generator.device)[:, None]
        first, length = (extent[chosen] for extent in self._extents)
        lowest = -((depth - length).clamp_min(0) // 2)
        start = torch.minimum(chosen - first - depth // 2, length - depth).maximum(lowest)
        places = start + torch.arange(depth, device=generator.device)
        inside = (places >= 0) & (places < length)
        rows = first + places.clamp_min(0).minimum(length - 1)
        return rows.flatten(), inside.flatten()


@dataclass(frozen=True)
class Slices(Images):
    """labels: (n, y, x) uint8. known: (n, class) bool, which classes the slice's labels tell apart."""

    labels: Tensor
    known: Tensor


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
        images=_joined([pack.images for pack in packs], device),
        labels=_joined([pack.labels for pack in packs if pack.labels is not None], device),
        known=_joined([known_classes(pack) for pack in packs], device),
        case=_joined([pack.case.astype(np.int64) + offset for pack, offset in zip(packs, offsets)], device),
    )


def fingerprint(paths: Sequence[Path]) -> Fingerprint:
    """The geometry of the training cases of labelled packs: all that a network may be planned from."""
    packs = [read_pack(path).split("train") for path in paths]
    spacing = np.array([case.spacing for pack in packs for case in pack.cases])
    counts = np.concatenate([np.bincount(pack.case, minlength=len(pack.cases)) for pack in packs])
    slice_mm, pixel_mm, _ = np.median(spacing, axis=0)
    return Fingerprint(
        size=packs[0].images.shape[-1],
        spacing_mm=float(pixel_mm),
        slices=round(float(np.median(counts))),
        slice_mm=float(slice_mm),
    )


def _joined(arrays: Sequence[np.ndarray], device: str) -> Tensor:
    return torch.from_numpy(np.concatenate(arrays)).to(device)


def read_images(path: Path, size: int, device: str) -> Images:
    """The images of a pack whose labels, if any, nobody looks at."""
    pack = read_pack(path)
    images = pack.images
    if len(images) == 0 or images.shape[1:] != (size, size):
        raise InputError(f"{path}: holds images of shape {images.shape}; wanted (1 or more, {size}, {size})")
    return Images(torch.from_numpy(images).to(device), torch.from_numpy(pack.case.astype(np.int64)).to(device))


def first_slices(pack: Pack, count: int, path: Path) -> Pack:
    """The first ``count`` slices of a pack: smaller counts are subsets of larger ones."""
    if count > len(pack.images):
        raise InputError(
            f"{path}: holds {len(pack.images)} synthetic pairs and the arm wants {count}; "
            "generate more (masks count) or lower the arm's synthetic ratio"
        )
    labels = None if pack.labels is None else pack.labels[:count]
    return Pack(pack.images[:count], labels, pack.case[:count], pack.position[:count], pack.cases)
