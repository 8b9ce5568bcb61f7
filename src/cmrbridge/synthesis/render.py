"""Render one image per mask with a trained SPADE diffusion model."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.core.checkpoint import load_weights, read_tensors
from cmrbridge.core.labels import read_labels, training_slices
from cmrbridge.core.loop import Report, step_generator
from cmrbridge.core.pack import Case, Pack, read_pack, write_pack
from cmrbridge.core.pictures import beside, colour_labels, grey, tile, write_png
from cmrbridge.errors import InputError
from cmrbridge.synthesis.model import SpadeTraining, build, draw_images

SHOWN = 24  # masks in the gallery, in two blocks

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class ImageRendering:
    """solver: of `core.solvers.SOLVERS`; calls: of the network per image; batch: images at a time (another batch
    gives other images)."""

    solver: str = "dpm-solver++"
    calls: int = 20
    batch: int = 32


def render_images(
    *,
    settings: ImageRendering,
    training: Path,
    model: Path,
    masks: Path,
    images: Path,
    gallery: Path,
    seed: int,
    device: str,
    report: Report,
) -> None:
    """Write ``images``, a pack of one case, and ``gallery``: mask, image, nearest real mask, its real image."""
    pack = read_pack(training)
    labels = read_labels(masks)
    network, trained, size = load_model(model, device)
    if labels.shape[1:] != (size, size):
        raise InputError(f"{masks}: masks are {labels.shape[1:]}, {model} draws {size}×{size}: sample them anew")
    parts = []
    for start in range(0, len(labels), settings.batch):
        chosen = labels[start : start + settings.batch]
        generator = step_generator(seed, start, device)
        parts.append(
            draw_images(network, chosen, trained, calls=settings.calls, generator=generator, solver=settings.solver)
        )
        report(start + len(chosen), len(labels))
    drawn = np.concatenate(parts)
    write_pack(images, _as_pack(drawn, labels, pack.cases[0]))
    _draw_gallery(gallery, drawn, labels, *training_slices(pack, training))


def load_model(model: Path, device: str) -> tuple[nn.Module, SpadeTraining, int]:
    """(network on averaged weights, its settings, side of its images in pixels) from the model file alone."""
    tensors, about = read_tensors(model)
    if about.get("kind") != "SPADE diffusion":
        raise InputError(f"{model}: holds {about.get('kind')}, not a SPADE diffusion model")
    settings = SpadeTraining(**about["settings"])
    network = build(settings)
    load_weights(tensors, network)
    return network.to(device).eval(), settings, about["size"]


def _as_pack(images: Bytes, labels: Bytes, like: Case) -> Pack:
    """Images and masks (n, y, x) as the slices of one synthetic training case, on the grid of the real one ``like``."""
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
    case = Case(
        dataset="synthetic",
        domain=like.domain,
        subject="synthetic",
        phase="",
        split="train",
        annotated=tuple(STRUCTURES),
        spacing=like.spacing,
        grid=grid,
    )
    return Pack(images, labels, np.zeros(count, np.int32), np.arange(count, dtype=np.int32), (case,))


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
