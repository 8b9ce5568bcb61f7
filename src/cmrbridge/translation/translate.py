"""Translate every slice of a pack into the source's look; cases, labels and everything else stay."""

import dataclasses
import zlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cmrbridge.core.checkpoint import Resume
from cmrbridge.core.generation import in_batches
from cmrbridge.core.loop import Report, step_generator
from cmrbridge.core.pack import Case, Pack, read_pack, write_pack
from cmrbridge.core.pictures import grey, tile, write_png
from cmrbridge.errors import InputError
from cmrbridge.translation.choose import read_choice
from cmrbridge.translation.methods import translate
from cmrbridge.translation.model import ImageDenoiser, TranslationTraining, load_model, to_images
from cmrbridge.translation.settings import Translation
from cmrbridge.translation.shading import evened

SHOWN = 12  # slices of the gallery

Bytes = NDArray[np.uint8]


def translate_pack(
    *,
    choice: Path,
    model: Path,
    pack: Path,
    translated: Path,
    gallery: Path,
    batch: int,
    seed: int,
    device: str,
    resume: Resume | None,
    report: Report,
) -> None:
    """Write ``translated``, the pack ``pack`` with other images, and ``gallery``: before, after, what changed.

    choice: file of `choose_translation`, which says how.
    batch: slices at a time; it changes the speed, not the result beyond rounding. The splits, val and test among them,
    are translated alike, one volume at a time, knowing nothing of the others.
    """
    before, settings = read_pack(pack), read_choice(choice)
    network, trained, size = load_model(model, device)
    if before.images.shape[1:] != (size, size):
        raise InputError(f"{pack}: images are {before.images.shape[1:]}, {model} knows {size}×{size}: train it anew")
    images = translated_images(
        before, network, trained, settings, batch=batch, seed=seed, device=device, resume=resume, report=report
    )
    write_pack(translated, dataclasses.replace(before, images=images))
    _draw_gallery(gallery, before.images, images)


def translated_images(
    pack: Pack,
    network: ImageDenoiser,
    trained: TranslationTraining,
    settings: Translation,
    *,
    batch: int,
    seed: int,
    device: str,
    resume: Resume | None = None,
    report: Report,
    rows: NDArray[np.int64] | None = None,
) -> Bytes:
    """Images (n, y, x) of ``pack`` in the source's look, in its order; of the slices ``rows`` where those are given.

    The shading is always estimated from whole volumes.
    """
    most = max(settings.start if settings.method != "none" else 0.0, settings.reshade)
    if most > trained.top:
        raise InputError(
            f"start or reshade: {most} is noisier than the model has learnt: at most its top, {trained.top}"
        )
    chosen = np.arange(len(pack.images)) if rows is None else rows
    references = _references(pack, network, settings)[torch.from_numpy(chosen)]
    cases = pack.case[chosen]
    fields = [noise_fields(case, settings.calls, pack.images.shape[-1], seed) for case in pack.cases]

    def draw(start: int, stop: int) -> Bytes:
        noise = torch.stack([fields[case] for case in cases[start:stop]], dim=1)
        signal = translate(
            network,
            references[start:stop].to(device),
            settings,
            noise.to(device),
            schedule=trained.schedule,
            precision=trained.precision,
        )
        return to_images(signal).cpu().numpy()

    return in_batches(draw, len(chosen), batch, resume=resume, report=report)


def noise_fields(case: Case, calls: int, size: int, seed: int) -> Tensor:
    """The noise (calls + 1, 1, size, size) that all slices of one volume share: by its name, not its place in a pack.

    Neighbouring slices are then disturbed alike, and agree after translation as far as they did before.
    """
    name = zlib.crc32(f"{case.dataset} {case.subject} {case.phase}".encode())
    return torch.randn((calls + 1, 1, size, size), generator=step_generator(seed, name, "cpu"))


def _references(pack: Pack, network: ImageDenoiser, settings: Translation) -> Tensor:
    """Signals (n, 1, y, x) of the images, each volume's shading evened, on the CPU."""
    towards = network.shading.cpu().numpy()
    out = np.empty(pack.images.shape, np.float32)
    for index in np.unique(pack.case):
        rows = pack.case == index
        out[rows] = evened(pack.images[rows], towards, settings.even)
    return torch.from_numpy(out / 127.5 - 1)[:, None]


def _draw_gallery(path: Path, before: Bytes, after: Bytes) -> None:
    """Rows: slices evenly spread over the pack, the same translated, and the difference on grey (grey = unchanged)."""
    rows = np.unique(np.linspace(0, len(before) - 1, min(SHOWN, len(before))).round().astype(int))
    change = np.rint((after[rows].astype(np.float32) - before[rows]) / 2 + 127.5).astype(np.uint8)
    write_png(path, tile(grey(np.concatenate([before[rows], after[rows], change])), columns=len(rows)))
