"""The image diffusion network: noisy image into the encoder, mask into the decoder by SPADE (Wang et al. 2022)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from monai.networks.nets import SPADEDiffusionModelUNet
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from cmrbridge.core.anatomy import CLASSES
from cmrbridge.core.diffusion import one_hot
from cmrbridge.core.loop import LoopSettings
from cmrbridge.core.solvers import sample
from cmrbridge.errors import InputError


@dataclass(frozen=True, kw_only=True)
class SpadeTraining(LoopSettings):
    """SPADE image diffusion: the loop's settings and these.

    batch: images a step; channels: of each level, multiples of 8, the resolution halves between two; layers: residual
    blocks a level; spade_channels: width of the layer between mask and modulation; fold: pixels a side that are folded
    into channels before the network (2 quarters its work); schedule: "cosine" or "linear".
    """

    average: float = 0.999
    batch: int = 16
    channels: Sequence[int] = (32, 64, 96)
    layers: int = 1
    spade_channels: int = 32
    fold: int = 1
    schedule: str = "cosine"

    def __post_init__(self) -> None:
        if not 0 < self.average < 1:
            raise InputError(
                f"average: {self.average} must lie between 0 and 1: images are drawn with averaged weights"
            )


class SpadeDenoiser(nn.Module):
    """(x_t, t, mask) → x_0 for images (batch, 1, y, x); y and x divisible by fold · 2^(levels − 1).

    mask: one-hot (batch, class, y, x). Image and mask are folded alike, so the mask keeps its full resolution.
    """

    def __init__(self, channels: Sequence[int], layers: int, spade_channels: int, fold: int) -> None:
        super().__init__()
        self.fold = fold
        levels = len(channels)
        self.net = SPADEDiffusionModelUNet(
            spatial_dims=2,
            in_channels=fold**2,
            out_channels=fold**2,
            label_nc=CLASSES * fold**2,
            num_res_blocks=[layers] * levels,  # MONAI wants lists here, not tuples
            channels=list(channels),
            attention_levels=[False] * levels,  # the middle block has one anyway
            norm_num_groups=8,
            num_head_channels=8,
            spade_intermediate_channels=spade_channels,
        )

    def forward(self, x: Tensor, time: Tensor, mask: Tensor) -> Tensor:
        image, condition = F.pixel_unshuffle(x, self.fold), F.pixel_unshuffle(mask, self.fold)
        return F.pixel_shuffle(self.net(image, time, condition), self.fold)


def build(settings: SpadeTraining) -> SpadeDenoiser:
    """The network of these settings, with fresh weights from torch's global seed."""
    return SpadeDenoiser(settings.channels, settings.layers, settings.spade_channels, settings.fold)


def to_signal(images: Tensor) -> Tensor:
    """Images (batch, y, x) uint8 → (batch, 1, y, x) in [-1, 1]."""
    return images[:, None].float() / 127.5 - 1


def draw_images(
    network: nn.Module,
    labels: NDArray[np.uint8],
    settings: SpadeTraining,
    *,
    calls: int,
    generator: torch.Generator,
    solver: str = "dpm-solver++",
) -> NDArray[np.uint8]:
    """One image (n, y, x) for each mask of ``labels`` (n, y, x)."""
    condition = one_hot(torch.from_numpy(labels).to(generator.device), CLASSES)
    n, y, x = labels.shape
    signal = sample(
        lambda noisy, time: network(noisy, time, condition),
        (n, 1, y, x),
        schedule=settings.schedule,
        solver=solver,
        calls=calls,
        generator=generator,
        precision=settings.precision,
    )
    return ((signal[:, 0] + 1) * 127.5).round().to(torch.uint8).cpu().numpy()
