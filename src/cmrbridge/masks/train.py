"""Train label diffusion: from noise to multi-class masks that follow the source's anatomy."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cmrbridge.core.anatomy import valid
from cmrbridge.core.checkpoint import Resume, write_model
from cmrbridge.core.diffusion import diffusion_loss, signal_shares
from cmrbridge.core.labels import labelled_rows, training_slices
from cmrbridge.core.loop import Average, Report, fit
from cmrbridge.core.pack import read_pack
from cmrbridge.core.parallel import spread
from cmrbridge.core.pictures import colour_labels, tile, write_png
from cmrbridge.errors import InputError
from cmrbridge.masks.conditions import Codes, Vocabulary, read_conditions
from cmrbridge.masks.model import SHIFT, LabelDenoiser, MaskTraining, build, draw_masks
from cmrbridge.masks.signal import moved, to_signal

SHOWN = 16  # masks of the sample sheet
CALLS = 20  # of the network, for the sample sheet


def train_label_diffusion(
    *,
    settings: MaskTraining,
    training: Path,
    model: Path,
    samples: Path,
    seed: int,
    checkpoint: Resume | None,
    device: str,
    report: Report,
) -> None:
    """Train on the possible hearts of ``training``'s train split; write ``model`` and the sheet ``samples`` (PNG).

    Slices that break a rule of `core.anatomy` (a basal ring cut open, say) are left out: few as they are, the model
    would draw them more often than they occur.
    """
    labels, vocabulary, codes = possible_hearts(training, settings.conditions)
    store, asked = to_signal(torch.from_numpy(labels)).to(device), torch.from_numpy(codes).to(device)
    shares = signal_shares(settings.schedule).to(device)
    torch.manual_seed(seed)
    network = build(settings, [len(known) for known in vocabulary.values]).to(device)
    shown = vocabulary.draw(SHOWN, np.random.default_rng(seed)) if vocabulary.names else None

    def loss_at(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        rows = torch.randint(len(store), (settings.batch,), generator=generator, device=device)
        masks = moved(store[rows], generator, rotate=settings.rotate, scale=settings.scale, shift=settings.shift)
        if not vocabulary.names:
            return diffusion_loss(spread(network), masks, shares, generator, shift=SHIFT), {}
        told = torch.rand((len(rows), 1), generator=generator, device=device) >= settings.drop
        wanted = asked[rows] * told
        together = spread(network)
        return diffusion_loss(lambda x, t: together(x, t, wanted), masks, shares, generator, shift=SHIFT), {}

    def inspect(step: int, average: Average | None) -> dict[str, float]:
        assert average is not None  # MaskTraining insists on one
        return _draw_sheet(network, average, settings, labels.shape[-1], shown, samples, seed, device)

    average = fit(
        loss_at,
        network,
        settings=settings,
        seed=seed,
        device=device,
        report=report,
        resume=checkpoint,
        inspect=inspect,
    )
    assert average is not None  # as above
    about = {
        "kind": "label diffusion",
        "size": labels.shape[-1],
        "settings": dataclasses.asdict(settings),
        "vocabulary": vocabulary.plain(),
    }
    write_model(model, network, average.values, about)


def possible_hearts(training: Path, conditions: Sequence[str]) -> tuple[NDArray[np.uint8], Vocabulary, Codes]:
    """Masks (n, y, x) of the train split that keep every rule of `core.anatomy`, and what each is an example of."""
    pack = read_pack(training)
    training_slices(pack, training)  # says what is missing where there are none
    rows = labelled_rows(pack, "train")
    vocabulary, codes = read_conditions(pack, rows, conditions)
    assert pack.labels is not None  # labelled_rows insists
    labels = pack.labels[rows]
    kept = np.array([valid(mask) for mask in labels], bool)
    if not kept.any():
        raise InputError(
            f"{training}: none of {len(labels)} masks is a possible heart; look at the label codes in qc.png"
        )
    return labels[kept], vocabulary, codes[kept]


def _draw_sheet(
    network: LabelDenoiser,
    average: Average,
    settings: MaskTraining,
    size: int,
    shown: Codes | None,
    samples: Path,
    seed: int,
    device: str,
) -> dict[str, float]:
    """Sample a few masks with the averaged weights, always from the same noise, and draw them."""
    generator = torch.Generator(device).manual_seed(seed)
    codes = None if shown is None else torch.from_numpy(shown).to(device)
    with average.applied_to(network):
        masks = draw_masks(network, SHOWN, size, settings, calls=CALLS, generator=generator, codes=codes)
    write_png(samples, tile(colour_labels(masks), columns=8))
    return {"valid": float(np.mean([valid(mask) for mask in masks]))}
