"""The label diffusion network: masks as images of four channels (`masks.signal`), denoised by a small U-Net."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import UNet2DModel
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from cmrbridge.core.diffusion import Network
from cmrbridge.core.loop import LoopSettings
from cmrbridge.core.solvers import sample
from cmrbridge.errors import InputError
from cmrbridge.masks.signal import CHANNELS, to_labels

# Whether a slice shows a large heart, a small one or none is settled where hardly anything but noise is left: at even
# times a model drew the smallest twentieth of hearts half as often as they occur.
SHIFT = 3.0


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
    """(x_t, t, codes) → x_0 for signals (batch, channel, y, x); y and x divisible by fold · 2^(levels − 1).

    values: how many values each condition takes; codes: (batch, condition) integers, 0 unknown, 1… a value; without
    conditions, None. The sum of the codes' embeddings joins that of the time (Dhariwal & Nichol 2021).
    """

    def __init__(self, channels: Sequence[int], layers: int, fold: int, values: Sequence[int] = ()) -> None:
        super().__init__()
        self.fold = fold
        width = channels[0] * 4  # of UNet2DModel's time embedding
        self.embeddings = nn.ModuleList(nn.Embedding(1 + count, width) for count in values)
        self.net = UNet2DModel(
            in_channels=CHANNELS * fold**2,
            out_channels=CHANNELS * fold**2,
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
    """``count`` label maps (count, size, size) from noise.

    codes: (count, condition) what each mask is asked to be, with the weight ``guidance``; None asks for nothing.
    """
    signal = sample(
        network if codes is None else guided(network, codes, guidance),
        (count, CHANNELS, size, size),
        schedule=settings.schedule,
        solver=solver,
        calls=calls,
        generator=generator,
        precision=settings.precision,
        shift=SHIFT,
    )
    return to_labels(signal).cpu().numpy()
