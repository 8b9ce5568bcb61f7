"""Train SPADE image diffusion: images of the source's look that show a given mask."""

import dataclasses
import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cmrbridge.core.anatomy import CLASSES
from cmrbridge.core.checkpoint import Resume
from cmrbridge.core.diffusion import diffusion_loss, one_hot, signal_shares
from cmrbridge.core.labels import labelled_rows, labelled_slices, training_slices
from cmrbridge.core.loop import Average, LossAt, Report, fit
from cmrbridge.core.pack import Pack, read_pack
from cmrbridge.core.parallel import share, spread
from cmrbridge.core.pictures import colour_labels, grey, tile, write_png
from cmrbridge.errors import InputError
from cmrbridge.synthesis.augment import draw_moves, moved
from cmrbridge.synthesis.model import Bytes, Model, SpadeTraining, build, check_size, draw_images, save_model, to_signal

SHOWN = 8  # held-out masks of the sample sheet
CALLS = 20  # of the network, for the sample sheet
LEAST_NOISE = 0.005  # share of noise: errors above noise of a fourteenth of white count fully, grain among them


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
    snapshots: Sequence[Path] = (),
) -> None:
    """Train on the foreground slices of ``training``'s train split; write ``model`` and the sheet ``samples`` (PNG).

    snapshots: one model file for each step of ``settings.keep``.
    """
    if len(snapshots) != len(settings.keep):
        raise InputError(f"keep: {len(settings.keep)} steps, but {len(snapshots)} files to write them to")
    pack = read_pack(training)
    images, labels = training_slices(pack, training)
    check_size(images.shape, settings)
    torch.manual_seed(seed)
    names = vendors_of(pack, "train")
    vendors = tuple(sorted(set(names))) if len(set(names)) > 1 else ()
    trained = Model(build(settings, vendors).to(device), settings, labels.shape[-1], vendors)
    parked = [checkpoint.aside(path.name) if checkpoint else path for path in snapshots]
    average = fit(
        _loss(trained, images, labels, names, device),
        trained.network,
        settings=dataclasses.replace(settings, inspect_every=_common_divisor(settings)),
        seed=seed,
        device=device,
        report=report,
        resume=checkpoint,
        inspect=_inspector(trained, _shown(pack), samples, dict(zip(settings.keep, parked)), seed, device),
    )
    assert average is not None  # SpadeTraining insists on one
    save_model(model, trained, average.values)
    if checkpoint:
        _deliver(parked, snapshots, checkpoint)


def vendors_of(pack: Pack, split: str) -> list[str]:
    """The vendor of each of `labelled_slices`."""
    return [pack.cases[index].vendor for index in pack.case[labelled_rows(pack, split)]]


def _loss(model: Model, images: Bytes, labels: Bytes, names: list[str], device: str) -> LossAt:
    """Loss of one step on slices drawn anew; some lose their mask, so that guidance has what to steer away from."""
    settings, network = model.settings, model.network
    pixels, masks = (torch.from_numpy(part).to(device) for part in (images, labels))
    domains = torch.tensor([model.vendors.index(name) for name in names], device=device) if model.vendors else None
    shares = signal_shares(settings.schedule).to(device)

    def loss_at(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        rows = torch.randint(len(pixels), (settings.batch,), generator=generator, device=device)
        x0, condition = to_signal(pixels[rows]), one_hot(masks[rows], CLASSES)
        moves = draw_moves(len(rows), settings.moves, generator)
        x0, condition = moved(x0, condition, moves, rotate=settings.rotate, scale=settings.scale, shift=settings.shift)
        if settings.drop:
            kept = torch.rand(len(rows), generator=generator, device=device) >= settings.drop
            condition = condition * kept.view(-1, 1, 1, 1)
        domain = None if domains is None else share(domains[rows])
        modulation = network.condition(share(condition), domain, share(moves))
        denoise = spread(lambda x, time: network(x, time, modulation))
        loss = diffusion_loss(denoise, x0, shares, generator, LEAST_NOISE)
        return loss, {}

    return loss_at


def _common_divisor(settings: SpadeTraining) -> int:
    """Steps between two inspections so that none of ``keep`` and ``inspect_every`` is missed."""
    return math.gcd(settings.inspect_every, *settings.keep)


def _deliver(parked: Sequence[Path], snapshots: Sequence[Path], checkpoint: Resume) -> None:
    """Copy what waited aside to where it belongs; it stays there until the job is done and clears its state."""
    missing = [path.name for path in parked if not path.is_file()]
    if missing:
        raise InputError(
            f"{checkpoint.path}: trained past snapshots that are gone ({', '.join(missing)}): delete it and "
            f"{checkpoint.previous.name} and train again"
        )
    for here, there in zip(parked, snapshots):
        shutil.copyfile(here, there)


def _shown(pack: Pack) -> tuple[Bytes, Bytes, list[str]]:
    """A few slices (images, labels, vendors), evenly spread over the validation split, or the training split."""
    split = "val" if len(labelled_rows(pack, "val")) else "train"
    images, labels = labelled_slices(pack, split)
    rows = np.linspace(0, len(images) - 1, min(SHOWN, len(images))).round().astype(int)
    names = vendors_of(pack, split)
    return images[rows], labels[rows], [names[row] for row in rows]


def _inspector(
    model: Model,
    shown: tuple[Bytes, Bytes, list[str]],
    samples: Path,
    snapshots: dict[int, Path],
    seed: int,
    device: str,
) -> Callable[[int, Average | None], dict[str, float]]:
    """Masks above, images generated from them with the averaged weights in the middle, the true images below."""
    settings, (images, labels, names) = model.settings, shown
    # a vendor that only the validation split has is drawn as the first one
    known = [model.vendors.index(name) if name in model.vendors else 0 for name in names]
    domain = torch.tensor(known) if model.vendors else None

    def inspect(step: int, average: Average | None) -> dict[str, float]:
        assert average is not None  # SpadeTraining insists on one
        if step in snapshots:
            save_model(snapshots[step], model, average.values)
        if step == settings.steps or (settings.inspect_every and step % settings.inspect_every == 0):
            generator = torch.Generator(device).manual_seed(seed)
            with average.applied_to(model.network):
                drawn = draw_images(model.network, labels, settings, calls=CALLS, generator=generator, domain=domain)
            rows = np.concatenate([colour_labels(labels), grey(drawn), grey(images)])
            write_png(samples, tile(rows, columns=len(images)))
        return {}

    return inspect
