"""Train SPADE image diffusion: images of the source's look that show a given mask."""

import dataclasses
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cmrbridge.core.anatomy import CLASSES
from cmrbridge.core.checkpoint import Resume, write_model
from cmrbridge.core.diffusion import diffusion_loss, one_hot, signal_shares
from cmrbridge.core.labels import labelled_slices, training_slices
from cmrbridge.core.loop import Average, Report, fit
from cmrbridge.core.pack import read_pack
from cmrbridge.core.pictures import colour_labels, grey, tile, write_png
from cmrbridge.synthesis.model import SpadeTraining, build, draw_images, to_signal

SHOWN = 8  # held-out masks of the sample sheet
CALLS = 20  # of the network, for the sample sheet

Bytes = NDArray[np.uint8]


def train_spade_diffusion(
    *,
    settings: SpadeTraining,
    training: Path,
    model: Path,
    samples: Path,
    seed: int,
    checkpoint: Resume | None,
    device: str,
    report: Report,
) -> None:
    """Train on the foreground slices of ``training``'s train split; write ``model`` and the sheet ``samples`` (PNG)."""
    pack = read_pack(training)
    images, labels = training_slices(pack, training)
    stores = [torch.from_numpy(part).to(device) for part in (images, labels)]
    shares = signal_shares(settings.schedule).to(device)
    torch.manual_seed(seed)
    network = build(settings).to(device)

    def loss_at(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        rows = torch.randint(len(images), (settings.batch,), generator=generator, device=device)
        x0, condition = to_signal(stores[0][rows]), one_hot(stores[1][rows], CLASSES)
        return diffusion_loss(lambda x, time: network(x, time, condition), x0, shares, generator), {}

    held_out = labelled_slices(pack, "val")
    shown = _spread(*(held_out if len(held_out[0]) else (images, labels)))

    def inspect(step: int, average: Average | None) -> dict[str, float]:
        assert average is not None  # SpadeTraining insists on one
        _draw_sheet(network, average, settings, shown, samples, seed, device)
        return {}

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
    about = {"kind": "SPADE diffusion", "size": labels.shape[-1], "settings": dataclasses.asdict(settings)}
    write_model(model, network, average.values, about)


def _spread(images: Bytes, labels: Bytes) -> tuple[Bytes, Bytes]:
    """A few slices, evenly spread over all."""
    rows = np.linspace(0, len(images) - 1, min(SHOWN, len(images))).round().astype(int)
    return images[rows], labels[rows]


def _draw_sheet(
    network: nn.Module,
    average: Average,
    settings: SpadeTraining,
    shown: tuple[Bytes, Bytes],
    samples: Path,
    seed: int,
    device: str,
) -> None:
    """Masks above, images generated from them with the averaged weights in the middle, the true images below."""
    images, labels = shown
    generator = torch.Generator(device).manual_seed(seed)
    with average.applied_to(network):
        drawn = draw_images(network, labels, settings, calls=CALLS, generator=generator)
    rows = np.concatenate([colour_labels(labels), grey(drawn), grey(images)])
    write_png(samples, tile(rows, columns=len(images)))
