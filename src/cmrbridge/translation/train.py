"""Train the image diffusion model of one source: what its scans look like, labels never looked at."""

import dataclasses
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from cmrbridge.core.checkpoint import Resume, write_model
from cmrbridge.core.diffusion import STEPS
from cmrbridge.core.loop import Average, Report, fit
from cmrbridge.core.moves import MOVES, move_grid
from cmrbridge.core.pack import Pack, read_pack
from cmrbridge.core.parallel import spread
from cmrbridge.core.pictures import Bytes, grey, tile, write_png
from cmrbridge.core.solvers import ladder, noised, solve
from cmrbridge.errors import InputError
from cmrbridge.translation.disturb import disturbed
from cmrbridge.translation.model import KIND, ImageDenoiser, TranslationTraining, build, to_images, to_signal
from cmrbridge.translation.shading import mean_shading

SHOWN = 8  # images a row of the sample sheet
CALLS = 20  # of the network, for the sample sheet
LEVELS = (30, 100, 300)  # of 1000 steps: the noise that translation starts from, and less
DISTURBED = 50  # the same: the least noise at which images are disturbed


def train_image_diffusion(
    *,
    settings: TranslationTraining,
    training: Path,
    model: Path,
    samples: Path,
    seed: int,
    checkpoint: Resume | None,
    device: str,
    report: Report,
) -> None:
    """Train on all slices of ``training``'s train split; write ``model`` and the sheet ``samples`` (PNG).

    The sheet: held-out images, their one-step estimates from growing noise (`LEVELS`), and what sampling makes of them
    from the most noise that is learnt.
    """
    source, shown = source_images(training)
    size = check_size(training, source.images, settings)
    images, held_out = (torch.from_numpy(part).to(device) for part in (source.images, shown))
    torch.manual_seed(seed)
    network = build(settings, size).to(device)
    network.shading.copy_(torch.from_numpy(mean_shading(source.images, source.case)))

    def loss_at(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        rows = torch.randint(len(images), (settings.batch,), generator=generator, device=device)
        x0 = moved(to_signal(images[rows]), settings, generator)
        return denoising_loss(network, x0, settings, generator), {}

    def inspect(step: int, average: Average | None) -> dict[str, float]:
        assert average is not None  # TranslationTraining insists on one
        with average.applied_to(network):
            return _inspected(network, settings, held_out, samples, seed)

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
    about = {"kind": KIND, "size": size, "settings": dataclasses.asdict(settings)}
    write_model(model, network, average.values, about)


def denoising_loss(
    network: ImageDenoiser, x0: Tensor, settings: TranslationTraining, generator: torch.Generator
) -> Tensor:
    """Mean squared error of x_0 in units of c_out (Karras et al. 2022, eq. 8), over steps below ``settings.top``.

    x0: (batch, 1, y, x) in [-1, 1]. Unlike `core.diffusion`'s, the weight of an error goes on growing where noise is
    little: an image's grain, which a mask has none of, counts here. Times are spread evenly over the batch. From
    `DISTURBED` on the network sees disturbed images; below, c_out is too small for it to set brightness right.
    """
    batch, device = len(x0), x0.device
    offset = torch.rand(1, generator=generator, device=device)
    places = (offset + torch.arange(batch, device=device) / batch) % 1
    times = (places * settings.top * STEPS).long().clamp(max=STEPS - 1)
    noise = torch.randn(x0.shape, generator=generator, device=device)
    share = network.shares[times].view(-1, 1, 1, 1)
    seen = x0
    if settings.disturb:
        amount = torch.rand((batch, 1, 1, 1), generator=generator, device=device)
        amount = amount * (times >= DISTURBED).view(-1, 1, 1, 1)
        seen = disturbed(x0, amount, settings.disturb, generator)
    noisy = share.sqrt() * seen + (1 - share).sqrt() * noise
    error = (spread(network)(noisy, times).float() - x0).square()
    return (error / network.parts(share)[1].square()).mean()


def source_images(training: Path) -> tuple[Pack, Bytes]:
    """(the train split, a few images (n, y, x) for inspection): of the val split where there is one."""
    pack = read_pack(training)
    source, held_out = pack.split("train"), pack.split("val")
    if not len(source.images):
        raise InputError(f"{training}: no slice of the training split; choose a source domain with train subjects")
    return source, _spread(held_out if len(held_out.images) else source)


def check_size(path: Path, images: Bytes, settings: TranslationTraining) -> int:
    """Pixels a side of ``images``; InputError where the network can't fold and halve them."""
    size = images.shape[-1]
    factor = settings.fold * 2 ** (len(settings.channels) - 1)
    if size % factor:
        raise InputError(
            f"{path}: images of {size} pixels a side don't divide by {factor} "
            f"(fold {settings.fold}, {len(settings.channels)} levels of channels): change image.size, fold or channels"
        )
    return size


def _spread(pack: Pack) -> Bytes:
    """A few images, evenly spread over all."""
    count = len(pack.images)
    return pack.images[[round(index * (count - 1) / max(SHOWN - 1, 1)) for index in range(SHOWN)]]


def moved(signal: Tensor, settings: TranslationTraining, generator: torch.Generator) -> Tensor:
    """Images (batch, 1, y, x), each turned, shifted and scaled a little; what comes in from outside repeats the border.

    Bicubic, for linear interpolation would blur the texture that the model is there to learn.
    """
    moves = torch.rand((MOVES, len(signal)), generator=generator, device=signal.device).T * 2 - 1
    grid = move_grid(moves, signal.shape, rotate=settings.rotate, scale=settings.scale, shift=settings.shift)
    out = F.grid_sample(signal, grid, mode="bicubic", padding_mode="border", align_corners=False)
    return out.clamp(-1, 1)


@torch.inference_mode()
def _inspected(
    network: ImageDenoiser, settings: TranslationTraining, held_out: Tensor, samples: Path, seed: int
) -> dict[str, float]:
    """Draw the sheet, always from the same noise; one-step PSNR (dB) at each of `LEVELS`."""
    truth = to_signal(held_out)
    generator = torch.Generator(truth.device).manual_seed(seed)
    noise = torch.randn(truth.shape, generator=generator, device=truth.device)
    rows, values = [truth], {}
    for level in LEVELS:
        times = torch.full((len(truth),), level - 1, device=truth.device)
        rows.append(network(noised(truth, float(network.shares[level - 1]), noise), times).float().clamp(-1, 1))
        values[f"psnr_{level}"] = float(10 * torch.log10(4 / (rows[-1] - truth).square().mean()))
    rungs = ladder(settings.schedule, CALLS, settings.top)
    start = noised(truth, rungs[0].share, noise)
    drawn = solve(network, start, rungs, solver="dpm-solver++", generator=generator)
    sheet = to_images(torch.cat([*rows, drawn])).cpu().numpy()
    write_png(samples, tile(grey(sheet), columns=SHOWN))
    return values
