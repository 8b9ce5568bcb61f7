"""The source's image diffusion network: no condition, no label, a small U-Net between two fixed linear answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import UNet2DModel
from torch import Tensor, nn
from torch.nn import functional as F

from cmrbridge.core.checkpoint import load_weights, read_tensors
from cmrbridge.core.diffusion import signal_shares
from cmrbridge.core.loop import LoopSettings
from cmrbridge.errors import InputError

KIND = "image diffusion"
SPREAD = 0.5  # standard deviation of the images' values in [-1, 1], about
DETAIL = 0.04  # the same of what neighbouring pixels don't tell: grain; a larger one lets noise through


@dataclass(frozen=True, kw_only=True)
class TranslationTraining(LoopSettings):
    """Image diffusion of the source: the loop's settings and these.

    batch: images a step; channels: of each level, multiples of 8, the resolution halves between two; layers: residual
    blocks a level; fold: pixels a side that are folded into channels before the network (2 quarters its work);
    schedule: "cosine" or "linear"; top: share of the 1000 steps that is learnt, from the least noise up: no translation
    can start above; disturb: standard deviation of the logarithm of the smooth field under which the network sees an
    image (`translation.disturb`), 0 for a plain diffusion model; rotate: degrees, shift: share of the side, scale:
    share; each image is moved by at most that much.
    """

    average: float = 0.999
    batch: int = 16
    channels: Sequence[int] = (32, 64, 96)
    layers: int = 1
    fold: int = 2
    schedule: str = "cosine"
    top: float = 0.3
    disturb: float = 0.7
    rotate: float = 10.0
    shift: float = 0.04
    scale: float = 0.08

    def __post_init__(self) -> None:
        if not 0 < self.average < 1:
            raise InputError(
                f"average: {self.average} must lie between 0 and 1: images are translated with averaged weights"
            )
        if not 0 < self.top <= 1 or self.disturb < 0:
            raise InputError(f"top: {self.top} must be above 0 and at most 1, disturb: {self.disturb} not below 0")


class ImageDenoiser(nn.Module):
    """(x_t, t) → x_0 for images (batch, 1, size, size); size divisible by fold · 2^(levels − 1).

    x_0 = c_skip x_t + c_out U(c_in x_t, t), scaled so that input and answer of U keep their variance at every level of
    noise (Karras et al. 2022, table 1). The skip is the best linear guess of the detail alone: where noise drowns the
    detail, a U-Net of folded pixels answers cleanly, but could not subtract noise that a skip lets through.
    """

    shares: Tensor
    shading: Tensor

    def __init__(self, channels: Sequence[int], layers: int, fold: int, schedule: str, size: int) -> None:
        super().__init__()
        self.fold = fold
        self.register_buffer("shading", torch.zeros(size, size))  # the source's mean, of `translation.shading`
        self.register_buffer("shares", signal_shares(schedule), persistent=False)
        self.net = UNet2DModel(
            in_channels=fold**2,
            out_channels=fold**2,
            block_out_channels=tuple(channels),
            layers_per_block=layers,
            down_block_types=("DownBlock2D",) * len(channels),
            up_block_types=("UpBlock2D",) * len(channels),
            norm_num_groups=8,
            attention_head_dim=min(
                32, channels[-1]
            ),  # of the one attention, in the middle, where the image is smallest
        )

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        share = self.shares[time].view(-1, 1, 1, 1)
        skip, scale = self.parts(share)
        folded = F.pixel_unshuffle(x / (share * SPREAD**2 + 1 - share).sqrt(), self.fold)
        return skip * x + scale * F.pixel_shuffle(self.net(folded, time).sample, self.fold)

    @staticmethod
    def parts(share: Tensor) -> tuple[Tensor, Tensor]:
        """(c_skip, c_out) at the signal's ``share`` ᾱ; c_out is the spread of what the skip gets wrong."""
        noise = 1 - share
        skip = share.sqrt() * DETAIL**2 / (share * DETAIL**2 + noise)
        return skip, ((1 - skip * share.sqrt()).square() * SPREAD**2 + skip.square() * noise).sqrt()


def build(settings: TranslationTraining, size: int) -> ImageDenoiser:
    """The network of these settings for images of ``size`` pixels a side, fresh weights from torch's global seed."""
    return ImageDenoiser(settings.channels, settings.layers, settings.fold, settings.schedule, size)


def load_model(model: Path, device: str) -> tuple[ImageDenoiser, TranslationTraining, int]:
    """(network on averaged weights, its settings, side of its images in pixels) from the model file alone."""
    tensors, about = read_tensors(model)
    if about.get("kind") != KIND:
        raise InputError(f"{model}: holds {about.get('kind')}, not an image diffusion model of translation")
    settings = TranslationTraining(**about["settings"])
    network = build(settings, about["size"])
    load_weights(tensors, network)
    return network.to(device).eval().requires_grad_(False), settings, about["size"]


def to_signal(images: Tensor) -> Tensor:
    """Images (batch, y, x) uint8 → (batch, 1, y, x) in [-1, 1]."""
    return images[:, None].float() / 127.5 - 1


def to_images(signal: Tensor) -> Tensor:
    """Inverse of `to_signal`, rounded to whole grey values."""
    return ((signal[:, 0].clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
