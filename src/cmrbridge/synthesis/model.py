"""The image diffusion model: its settings, its network, and drawing images from it."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils import convert_conv2d_weight_memory_format

from cmrbridge.core.anatomy import CLASSES
from cmrbridge.core.checkpoint import load_weights, read_tensors, write_model
from cmrbridge.core.diffusion import STEPS, one_hot
from cmrbridge.core.loop import LoopSettings
from cmrbridge.core.solvers import Rung, ladder, solve
from cmrbridge.errors import InputError
from cmrbridge.synthesis.network import GROUPS, SpadeUNet

KIND = "SPADE diffusion"
LAST = 5  # of the 1000 steps: noise of a fiftieth of white is what the last estimate is made from
TEMPER = 1.03  # of `core.solvers.tempered`: of 1 to 1.08 about the best on the phantom's validation masks

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class SpadeTraining(LoopSettings):
    """SPADE image diffusion: the loop's settings and these.

    batch: images a step; channels: of each level, multiples of 8, the resolution halves between two; layers: residual
    blocks a level; spade_channels: width of the layer between mask and modulation; fold: pixels a side that are folded
    into channels before the network (2 quarters its work, and blurs fine texture sooner); schedule: "cosine" or
    "linear"; drop: chance that an image is shown without its mask, for classifier-free guidance (Ho & Salimans 2022);
    moves: chance that an image is moved with its mask, by up to ``rotate`` degrees, ``shift`` (share of the side) and
    ``scale`` (share); keep: steps at which the averaged weights are written too.
    """

    average: float = 0.999
    batch: int = 16
    channels: Sequence[int] = (32, 64, 96)
    layers: int = 1
    spade_channels: int = 32
    fold: int = 1
    schedule: str = "cosine"
    drop: float = 0.0
    moves: float = 0.5
    rotate: float = 10.0
    shift: float = 0.04
    scale: float = 0.08
    keep: Sequence[int] = ()

    def __post_init__(self) -> None:
        if not 0 < self.average < 1:
            raise InputError(
                f"average: {self.average} must lie between 0 and 1: images are drawn with averaged weights"
            )
        if not 0 <= self.drop < 1:
            raise InputError(f"drop: {self.drop} must be at least 0 and below 1: it is the share of masks left out")
        if not 0 <= self.moves <= 1:
            raise InputError(f"moves: {self.moves} must lie between 0 and 1: it is a chance")
        if any(channels % GROUPS for channels in (*self.channels, self.spade_channels)):
            raise InputError(f"channels: {list(self.channels)} and spade_channels must be multiples of {GROUPS}")
        if list(self.keep) != sorted({step for step in self.keep if 0 < step <= self.steps}):
            raise InputError(f"keep: {list(self.keep)} must be rising steps from 1 to steps ({self.steps})")


def build(settings: SpadeTraining, vendors: Sequence[str] = ()) -> SpadeUNet:
    """The network of these settings, with fresh weights from torch's global seed; one embedding for each vendor."""
    return SpadeUNet(
        settings.channels, settings.layers, settings.spade_channels, settings.fold, settings.schedule, len(vendors)
    )


def check_size(shape: Sequence[int], settings: SpadeTraining) -> None:
    """InputError unless rows and columns of ``shape`` (…, y, x) can be folded and halved as the settings ask."""
    step = settings.fold * 2 ** (len(settings.channels) - 1)
    if any(side % step for side in shape[-2:]):
        raise InputError(
            f"images of {shape[-2]}×{shape[-1]} can't be folded by {settings.fold} and halved "
            f"{len(settings.channels) - 1} times: make image.size a multiple of {step}, or take fewer channels"
        )


@dataclass(frozen=True)
class Model:
    """A trained network, its settings, the side of its images in pixels, the vendors it tells apart (one: none)."""

    network: SpadeUNet
    settings: SpadeTraining
    size: int
    vendors: tuple[str, ...]


def save_model(path: Path, model: Model, average: dict[str, Tensor]) -> None:
    """Write raw and averaged weights, with what `load_model` rebuilds the network from."""
    about = {"kind": KIND, "size": model.size, "settings": dataclasses.asdict(model.settings)}
    write_model(path, model.network, average, about | {"vendors": list(model.vendors)})


def load_model(path: Path, device: str) -> Model:
    """The model on its averaged weights, from its file alone."""
    tensors, about = read_tensors(path)
    if about.get("kind") != KIND:
        raise InputError(f"{path}: holds {about.get('kind')}, not a {KIND} model")
    settings = SpadeTraining(**about["settings"])
    network = build(settings, about["vendors"])
    load_weights(tensors, network)
    # a float32 call on the CPU takes a quarter less time
    convert_conv2d_weight_memory_format(network, torch.channels_last)
    return Model(network.to(device).eval(), settings, about["size"], tuple(about["vendors"]))


def to_signal(images: Tensor) -> Tensor:
    """Images (batch, y, x) uint8 → (batch, 1, y, x) in [-1, 1]."""
    return images[:, None].float() / 127.5 - 1


def descent(schedule: str, calls: int) -> tuple[Rung, ...]:
    """Rungs at times that fall with the square from pure noise to `LAST`: many where the noise is fine.

    The last estimate is a denoised image, without any grain finer than the noise it was made from, so that evenly
    spaced times blur; further down than LAST the phantom's images no longer change.
    """
    if not 1 <= calls <= STEPS - LAST:
        raise InputError(f"calls: {calls} must be a number from 1 to {STEPS - LAST}")
    every = ladder(schedule, STEPS)
    left = [1 - index / max(calls - 1, 1) for index in range(calls)]
    times = [LAST + max(round((STEPS - 1 - LAST) * share**2), calls - 1 - index) for index, share in enumerate(left)]
    shares = [every[STEPS - 1 - time].share for time in times]
    return tuple(Rung(*step) for step in zip(times, shares, [*shares[1:], 1.0]))


@torch.inference_mode()
def draw_images(
    network: SpadeUNet,
    labels: Bytes,
    settings: SpadeTraining,
    *,
    calls: int,
    generator: torch.Generator,
    solver: str = "dpm-solver++",
    guidance: float = 1.0,
    domain: Tensor | None = None,
) -> Bytes:
    """One image (n, y, x) for each mask of ``labels`` (n, y, x); domain: (n,) index of each one's vendor.

    guidance w ≠ 1: x_0 = x_0(no mask) + w (x_0(mask) − x_0(no mask)), two images a call.
    """
    device = generator.device
    guided = guidance != 1.0
    condition = one_hot(torch.from_numpy(labels).to(device), CLASSES)
    domain = None if domain is None else domain.to(device)
    if guided:
        condition = torch.cat([torch.zeros_like(condition), condition])
        domain = None if domain is None else domain.repeat(2)
    with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
        modulation = network.condition(condition, domain)

    def denoise(noisy: Tensor, time: Tensor) -> Tensor:
        if not guided:
            return network(noisy, time, modulation)
        without, with_mask = network(noisy.repeat(2, 1, 1, 1), time.repeat(2), modulation).float().chunk(2)
        return torch.lerp(without, with_mask, guidance)

    n, y, x = labels.shape
    noise = torch.randn((n, 1, y, x), generator=generator, device=device)
    rungs = descent(settings.schedule, calls)
    signal = solve(
        denoise, noise, rungs, solver=solver, generator=generator, precision=settings.precision, temper=TEMPER
    )
    return ((signal[:, 0] + 1) * 127.5).round().to(torch.uint8).cpu().numpy()
