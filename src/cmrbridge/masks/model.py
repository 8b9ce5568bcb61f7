"""The label diffusion network: one-hot masks as images of four channels, denoised by a small U-Net."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import UNet2DModel
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from cmrbridge.core.anatomy import CLASSES, STRUCTURES
from cmrbridge.core.diffusion import Network, one_hot
from cmrbridge.core.loop import LoopSettings
from cmrbridge.core.solvers import sample
from cmrbridge.errors import InputError


@dataclass(frozen=True, kw_only=True)
class MaskTraining(LoopSettings):
    """Label diffusion: the loop's settings and these.

    batch: masks a step; channels: of each level, the resolution halves between two; layers: residual blocks a level;
    fold: pixels a side that are folded into channels before the network (2 quarters its work); schedule: "cosine" or
    "linear"; rotate: degrees, shift: share of the side, scale: share; each mask is moved by at most that much.
    conditions: of `masks.conditions.ATTRIBUTES`, what a mask can be asked for, none for unconditional diffusion;
    drop: share of training masks whose conditions are hidden, which classifier-free guidance needs.
    """

    average: float = 0.999
    batch: int = 16
    channels: Sequence[int] = (32, 64, 96)
    layers: int = 1
    fold: int = 1
    schedule: str = "cosine"
    rotate: float = 10.0
    shift: float = 0.04
    scale: float = 0.08
    conditions: Sequence[str] = ()
    drop: float = 0.15

    def __post_init__(self) -> None:
        if not 0 < self.average < 1:
            raise InputError(
                f"average: {self.average} must lie between 0 and 1: samples are drawn with averaged weights"
            )


class LabelDenoiser(nn.Module):
    """(x_t, t, codes) → x_0 for masks (batch, class, y, x); y and x divisible by fold · 2^(levels − 1).

    values: how many values each condition takes; codes: (batch, condition) integers, 0 unknown, 1… a value; without
    conditions, None. The sum of the codes' embeddings joins that of the time (Dhariwal & Nichol 2021).
    """

    def __init__(self, channels: Sequence[int], layers: int, fold: int, values: Sequence[int] = ()) -> None:
        super().__init__()
        self.fold = fold
        width = channels[0] * 4  # of UNet2DModel's time embedding
        self.embeddings = nn.ModuleList(nn.Embedding(1 + count, width) for count in values)
        self.net = UNet2DModel(
            in_channels=CLASSES * fold**2,
            out_channels=CLASSES * fold**2,
            block_out_channels=tuple(channels),
            layers_per_block=layers,
            down_block_types=("DownBlock2D",) * len(channels),
            up_block_types=("UpBlock2D",) * len(channels),
            norm_num_groups=8,
            attention_head_dim=min(32, channels[-1]),  # of the one attention, in the middle, where the mask is smallest
            class_embed_type="identity" if values else None,
        )

    def forward(self, x: Tensor, time: Tensor, codes: Tensor | None = None) -> Tensor:
        embedding = None
        if len(self.embeddings):
            codes = time.new_zeros((len(x), len(self.embeddings))) if codes is None else codes
            embedding = sum(table(code) for table, code in zip(self.embeddings, codes.unbind(1)))
        estimate = self.net(F.pixel_unshuffle(x, self.fold), time, class_labels=embedding).sample
        return F.pixel_shuffle(estimate, self.fold)


def build(settings: MaskTraining, values: Sequence[int]) -> LabelDenoiser:
    """The network of these settings, with fresh weights from torch's global seed."""
    return LabelDenoiser(settings.channels, settings.layers, settings.fold, values)


def guided(network: LabelDenoiser, codes: Tensor, weight: float) -> Network:
    """(x_t, t) → x_0 under ``codes``: x̂(∅) + w (x̂(codes) − x̂(∅)), classifier-free guidance (Ho & Salimans 2022).

    The formula is that of ε, of which x_0 is an affine function at fixed x_t. w = 1 is one call, any other two in one.
    """
    if weight == 1.0:
        return lambda x, time: network(x, time, codes)
    both = torch.cat([codes, torch.zeros_like(codes)])

    def estimate(x: Tensor, time: Tensor) -> Tensor:
        asked, free = network(x.repeat(2, 1, 1, 1), time.repeat(2), both).chunk(2)
        return torch.lerp(free, asked, weight)

    return estimate


def to_signal(labels: Tensor) -> Tensor:
    """Labels (batch, y, x) → one-hot channels (batch, class, y, x) in [-1, 1], their edges softened over 3 pixels.

    The binomial (1, 2, 1) / 4 each way hardly moves the borders of the largest channel (Dice .999 on phantom and ACDC
    at 64²), and spares the network the ragged high frequencies of a one-hot edge: fewer stray pixels, fewer steps.
    """
    hot = one_hot(labels, CLASSES)
    padded = F.pad(hot, (1, 1, 1, 1), mode="replicate")
    rows = (padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]) / 4
    return (rows[..., :-2] + 2 * rows[..., 1:-1] + rows[..., 2:]) / 2 - 1


def moved(labels: Tensor, settings: MaskTraining, generator: torch.Generator) -> Tensor:
    """Labels (batch, y, x), each turned, shifted and scaled a little; what comes in from outside is background.

    The structures are interpolated as images and the largest wins, so that edges stay smooth and joined. A mask whose
    wall that would open stays where it was: few as they are (one in 150 of ACDC's), the model would draw open walls
    more often than they occur.
    """
    draw = torch.rand((4, len(labels)), generator=generator, device=labels.device) * 2 - 1
    angle = draw[0] * settings.rotate * torch.pi / 180
    zoom = 1 + draw[1] * settings.scale
    shift = draw[2:] * 2 * settings.shift  # the grid runs from -1 to 1
    rows = (
        torch.stack([angle.cos() * zoom, -angle.sin() * zoom, shift[0]], dim=1),
        torch.stack([angle.sin() * zoom, angle.cos() * zoom, shift[1]], dim=1),
    )
    structures = one_hot(labels, CLASSES)[:, 1:]
    grid = F.affine_grid(torch.stack(rows, dim=1), list(structures.shape), align_corners=False)
    shares = F.grid_sample(structures, grid, align_corners=False)
    found = torch.cat([1 - shares.sum(1, keepdim=True), shares], dim=1).argmax(1)
    return torch.where(opened(found)[:, None, None], labels, found)


def opened(labels: Tensor) -> Tensor:
    """Which of the masks (batch, y, x) break the rule lv_enclosed of `core.anatomy.RULES`: (batch,) bool."""
    lv = labels == STRUCTURES["LV"]
    outside = ~(lv | (labels == STRUCTURES["MYO"]))
    beside = [
        (inner.narrow(axis, 0, side - 1) & outer.narrow(axis, 1, side - 1)).flatten(1).any(1)
        for inner, outer in ((lv, outside), (outside, lv))
        for axis, side in enumerate(labels.shape[1:], start=1)
    ]
    return torch.stack(beside).any(0)


def draw_masks(
    network: LabelDenoiser,
    count: int,
    size: int,
    settings: MaskTraining,
    *,
    calls: int,
    generator: torch.Generator,
    solver: str = "dpm-solver++",
    codes: Tensor | None = None,
    guidance: float = 1.0,
) -> NDArray[np.uint8]:
    """``count`` label maps (count, size, size) from noise: the largest channel wins.

    codes: (count, condition) what each mask is asked to be, with the weight ``guidance``; None asks for nothing.
    """
    signal = sample(
        network if codes is None else guided(network, codes, guidance),
        (count, CLASSES, size, size),
        schedule=settings.schedule,
        solver=solver,
        calls=calls,
        generator=generator,
        precision=settings.precision,
    )
    return signal.argmax(1).to(torch.uint8).cpu().numpy()
