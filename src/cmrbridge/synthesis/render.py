"""Render images of sampled masks with a trained SPADE diffusion model."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.core.checkpoint import Resume
from cmrbridge.core.generation import in_batches
from cmrbridge.core.labels import labelled_slices, pairs_wanted, read_labels, training_slices
from cmrbridge.core.loop import Report, step_generator
from cmrbridge.core.pack import Case, Pack, read_pack, write_pack
from cmrbridge.core.pictures import beside, colour_labels, grey, tile, write_png
from cmrbridge.errors import InputError
from cmrbridge.synthesis.model import Bytes, Model, draw_images, load_model
from cmrbridge.synthesis.train import vendors_of

SHOWN = 24  # masks in the gallery, in two blocks


@dataclass(frozen=True)
class ImageRendering:
    """solver: of `core.solvers.SOLVERS`; calls: of the network per image; batch: images at a time (another batch
    gives other images); guidance: weight of the mask, 1 for none beyond the model's own (other weights cost twice the
    work and want a model that was trained with ``drop``; Wang et al. 2022 take 1.5)."""

    solver: str = "dpm-solver++"
    calls: int = 20
    batch: int = 32
    guidance: float = 1.0


def render_shard(
    *,
    settings: ImageRendering,
    training: Path,
    model: Path,
    masks: Path,
    ratio: float,
    part: Path,
    shard: int,
    shards: int,
    seed: int,
    checkpoint: Resume | None,
    device: str,
    report: Report,
) -> None:
    """Write ``part``, a pack of the images of one of ``shards`` runs of successive masks; shard: 1…shards.

    ratio: images to draw per real training slice, of the first masks.
    Shards are whole batches, and a batch's noise is its own: how many shards there are changes no image.
    """
    pack, trained = read_pack(training), load_model(model, device)
    labels = first_masks(pack, masks, ratio)
    looks = looks_of(pack, len(labels), seed)
    start, stop = bounds(len(labels), settings.batch, shard, shards)
    names = looks[start:stop]
    drawn = (
        _draw(settings, trained, model, labels[start:stop], names, seed, checkpoint, device, report, first=start)
        if stop > start
        else labels[:0]
    )
    rows = np.arange(len(drawn), dtype=np.int32)
    write_pack(part, Pack(drawn, None, np.zeros_like(rows), rows, pack.cases[:1]))


def first_masks(pack: Pack, masks: Path, ratio: float) -> Bytes:
    """The first label maps (n, y, x) of ``masks``, ``ratio`` for each real training slice of ``pack``."""
    labels, count = read_labels(masks), pairs_wanted(ratio, len(pack.split("train").images))
    if not 0 < count <= len(labels):
        raise InputError(f"{masks}: holds {len(labels)} masks, {count} are to be rendered; delete it and run again")
    return labels[:count]


def bounds(count: int, batch: int, shard: int, shards: int) -> tuple[int, int]:
    """Start and stop of a shard (1…shards) of ``count`` items in whole batches; a late shard may be empty."""
    if not 1 <= shard <= shards:
        raise InputError(f"shard {shard} of {shards}: must be a number from 1 to {shards}")
    batches = -(-count // batch)
    start, stop = (batch * (batches * edge // shards) for edge in (shard - 1, shard))
    return min(start, count), min(stop, count)


def looks_of(pack: Pack, count: int, seed: int) -> list[str]:
    """The vendor that each of ``count`` images takes the look of, drawn from the real training slices."""
    return np.random.default_rng(seed).choice(vendors_of(pack, "train"), size=count).tolist()


def join_shards(
    *, training: Path, masks: Path, ratio: float, parts: Sequence[Path], images: Path, gallery: Path, seed: int
) -> None:
    """Write ``images``, a pack of one case a vendor, and ``gallery``: mask, image, nearest real mask, its real image.

    parts: of `render_shard`, in order. Each image has the look of a vendor drawn from the real slices, where the
    model knows several.
    """
    pack = read_pack(training)
    real, labels = training_slices(pack, training), first_masks(pack, masks, ratio)
    drawn = np.concatenate([read_pack(part).images for part in parts])
    if drawn.shape != labels.shape:
        raise InputError(f"{parts[0].parent}: {drawn.shape} images for {labels.shape} masks; delete it and run again")
    kinds = [("train", vendor) for vendor in looks_of(pack, len(labels), seed)]
    write_pack(images, _as_pack(drawn, labels, kinds, pack.cases[0]))
    _draw_gallery(gallery, drawn, labels, *real)


def render_references(
    *,
    settings: ImageRendering,
    training: Path,
    model: Path,
    images: Path,
    seed: int,
    checkpoint: Resume | None,
    device: str,
    report: Report,
) -> None:
    """Write a pack of images rendered from the real masks, each in its own vendor's look, to hold beside the real ones.

    The slices are `labelled_slices` of the train split, then those of the validation split; one case a split (and
    vendor).
    """
    pack = read_pack(training)
    trained = load_model(model, device)
    splits = ["train", "val"]
    labels = np.concatenate([labelled_slices(pack, split)[1] for split in splits])
    kinds = [(split, vendor) for split in splits for vendor in vendors_of(pack, split)]
    # a vendor that only the validation split has is drawn as the first one, as on training's sheet
    known = trained.vendors
    looks = [vendor if vendor in known or not known else known[0] for _, vendor in kinds]
    drawn = _draw(settings, trained, model, labels, looks, seed, checkpoint, device, report)
    write_pack(images, _as_pack(drawn, labels, kinds, pack.cases[0]))


def _draw(
    settings: ImageRendering,
    trained: Model,
    path: Path,
    labels: Bytes,
    vendors: list[str],
    seed: int,
    checkpoint: Resume | None,
    device: str,
    report: Report,
    first: int = 0,
) -> Bytes:
    """Images (n, y, x) of ``labels`` (n, y, x) in the look of ``vendors``, batch after batch; first: number of the
    first among all masks."""
    if labels.shape[1:] != (trained.size, trained.size):
        raise InputError(
            f"masks are {labels.shape[1:]}, {path} draws {trained.size}×{trained.size}: sample the masks anew"
        )
    if settings.guidance != 1 and not trained.settings.drop:
        raise InputError(
            f"guidance: {settings.guidance} needs a model that has seen images without masks: {path} was trained with "
            "drop: 0; train with drop: 0.1 or set guidance: 1"
        )
    unknown = sorted(set(vendors) - set(trained.vendors)) if trained.vendors else []
    if unknown:
        raise InputError(f"{path}: knows no vendor {', '.join(unknown)}, only {', '.join(trained.vendors)}")
    domain = torch.tensor([trained.vendors.index(name) for name in vendors]) if trained.vendors else None

    def draw(start: int, stop: int) -> Bytes:
        return draw_images(
            trained.network,
            labels[start:stop],
            trained.settings,
            calls=settings.calls,
            generator=step_generator(seed, first + start, device),
            solver=settings.solver,
            guidance=settings.guidance,
            domain=None if domain is None else domain[start:stop],
        )

    return in_batches(draw, len(labels), settings.batch, resume=checkpoint, report=report)


def _as_pack(images: Bytes, labels: Bytes, kinds: list[tuple[str, str]], like: Case) -> Pack:
    """Images and masks (n, y, x) of ``kinds`` (split, vendor) as slices of synthetic cases, one for each kind.

    The grid is that of the real case ``like``.
    """
    count, size, _ = images.shape
    middle = (size - 1) / 2
    grid = dataclasses.replace(
        like.grid,
        shape=(size, size, count),
        spacing=(*like.spacing[1:], like.spacing[0]),
        transpose=False,
        flip_rows=False,
        flip_columns=False,
        centre=(middle, middle),
    )
    met = list(dict.fromkeys(kinds))
    cases = tuple(
        Case(
            dataset="synthetic",
            domain=like.domain,
            subject="-".join(filter(None, ["synthetic", "" if split == "train" else split, vendor])),
            phase="",
            split=split,
            annotated=tuple(STRUCTURES),
            spacing=like.spacing,
            grid=grid,
            vendor=vendor,
        )
        for split, vendor in met
    )
    case = np.array([met.index(kind) for kind in kinds], np.int32)
    return Pack(images, labels, case, np.arange(count, dtype=np.int32), cases)


def nearest(labels: Bytes, real: Bytes) -> NDArray[np.int64]:
    """For each of ``labels`` (n, y, x) the index into ``real`` (m, y, x) of the mask with the largest Dice overlap.

    Dice over all structures at once: twice the pixels of equal structure over all structure pixels.
    """
    codes = np.array(list(STRUCTURES.values()), np.uint8)[:, None, None]
    mine, theirs = ((part[:, None] == codes).reshape(len(part), -1).astype(np.float32) for part in (labels, real))
    total = mine.sum(1)[:, None] + theirs.sum(1)[None]
    return np.asarray((2 * mine @ theirs.T / np.maximum(total, 1)).argmax(1))


def _draw_gallery(path: Path, drawn: Bytes, labels: Bytes, real: Bytes, real_labels: Bytes) -> None:
    drawn, labels = drawn[:SHOWN], labels[:SHOWN]
    near = nearest(labels, real_labels)
    columns = [colour_labels(labels), grey(drawn), colour_labels(real_labels[near]), grey(real[near])]
    rows = np.stack(columns, axis=1)
    halves = np.array_split(rows, 2) if len(rows) > 1 else [rows]
    write_png(path, beside(*(tile(half.reshape(-1, *half.shape[2:]), columns=4) for half in halves)))
