"""A SPADE diffusion U-Net whose mask is read once: noisy image into the encoder, mask into the decoder.

The layout is that of Wang et al. 2022 (semantic diffusion model): every normalisation of the decoder takes its scale
and its shift, pixel by pixel, from the mask (Park et al. 2019). What is spent where differs, and is measured in
``benchmarks/spade.py``: one trunk reads the mask for all of them and each map is a 1×1 convolution of the trunk, where
usual networks run three 3×3 convolutions per normalisation; skips are merged by 1×1 before a block and the resolution
changes by folding pixels into channels, so that 3×3 convolutions of wide inputs are left out at the costly resolution.
Maps depend on the mask alone: `SpadeUNet.condition` makes them once for all calls of a solver.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cmrbridge.core.anatomy import CLASSES
from cmrbridge.core.diffusion import signal_shares
from cmrbridge.core.moves import MOVES

GROUPS = 8  # of every normalisation: channels are multiples of it
HEAD = 32  # channels of an attention head, where they divide evenly
SPREAD = 0.5  # standard deviation of prepared images in [-1, 1]


@dataclass(frozen=True)
class Modulation:
    """What a mask asks of the decoder.

    maps: per level and block (scale, shift, scale, shift), each (batch, channel, y, x);
    aside: (batch, width), what is added to the embedding of the time, or None.
    """

    maps: tuple[tuple[tuple[Tensor, ...], ...], ...]
    aside: Tensor | None


class SpadeUNet(nn.Module):
    """(x_t, t, `Modulation`) → x_0 for images (batch, 1, y, x); y and x divisible by fold · 2^(levels − 1).

    The estimate is a(t) x_t + b(t) F(x_t, t) with the weights of Karras et al. 2022, table 1: F draws where there is
    mostly noise, and corrects where there is mostly image, so that its errors are never larger than the noise. A
    smaller SPREAD, which leaves almost clean images to be redrawn from folded pixels, gave grainy ones.
    """

    def __init__(
        self, channels: Sequence[int], layers: int, spade_channels: int, fold: int, schedule: str, domains: int = 0
    ) -> None:
        super().__init__()
        self.fold, width = fold, 4 * channels[0]
        self.frequencies = channels[0] // 2
        self.time = nn.Sequential(nn.Linear(2 * self.frequencies, width), nn.SiLU(), nn.Linear(width, width))
        self.domain = nn.Embedding(domains, width) if domains else None
        self.moved = nn.Linear(MOVES, width, bias=False)
        self.first = nn.Conv2d(fold**2, channels[0], 3, padding=1)
        steps = list(itertools.pairwise(channels))
        self.down = nn.ModuleList(nn.Conv2d(4 * fine, coarse, 1) for fine, coarse in steps)
        self.up = nn.ModuleList(nn.Conv2d(coarse, 4 * fine, 1) for fine, coarse in steps)
        self.encoder = nn.ModuleList(_Level(c, width, layers) for c in channels)
        self.middle = _Residual(channels[-1], width)
        self.attention = _Attention(channels[-1])
        self.merge = nn.ModuleList(nn.Conv2d(2 * c, c, 1) for c in channels)
        depths = [layers] * (len(channels) - 1) + [layers + 1]  # one more where pixels are few
        levels = zip(channels, depths)
        self.decoder = nn.ModuleList(_Level(c, width, depth, affine=False) for c, depth in levels)
        self.reader = _MaskReader(CLASSES * fold**2, spade_channels, channels, depths)
        self.last = nn.Sequential(
            nn.GroupNorm(GROUPS, channels[0]), nn.SiLU(), _zero(nn.Conv2d(channels[0], fold**2, 3, padding=1))
        )
        past, drawn = _blend(schedule)
        self.past: Tensor  # of shape (1000,)
        self.drawn: Tensor
        self.register_buffer("past", past, persistent=False)
        self.register_buffer("drawn", drawn, persistent=False)

    def condition(self, mask: Tensor, domain: Tensor | None = None, moves: Tensor | None = None) -> Modulation:
        """Read masks, one-hot (batch, class, y, x), or all zeros for "any mask".

        domain: (batch,) indices; moves: (batch, 4) of `augment.draw_moves`, None for images as they are.
        """
        maps = self.reader(F.pixel_unshuffle(mask, self.fold))
        told = [] if moves is None else [self.moved(moves)]
        if self.domain is not None and domain is not None:
            told.append(self.domain(domain))
        return Modulation(maps, torch.stack(told).sum(0) if told else None)

    def forward(self, x: Tensor, time: Tensor, modulation: Modulation) -> Tensor:
        embedding = self.time(_waves(time, self.frequencies))
        if modulation.aside is not None:
            embedding = embedding + modulation.aside
        embedding = F.silu(embedding)
        h, skips = self.first(F.pixel_unshuffle(x, self.fold)), []
        for level, blocks in enumerate(self.encoder):
            if level:
                h = self.down[level - 1](F.pixel_unshuffle(h, 2))
            h = blocks(h, embedding)
            skips.append(h)
        h = self.attention(self.middle(h, embedding))
        for level in reversed(range(len(skips))):
            h = self.merge[level](torch.cat([h, skips[level]], dim=1))
            h = self.decoder[level](h, embedding, modulation.maps[level])
            if level:
                h = F.pixel_shuffle(self.up[level - 1](h), 2)
        past, drawn = (weights[time].view(-1, 1, 1, 1) for weights in (self.past, self.drawn))
        return past * x + drawn * F.pixel_shuffle(self.last(h), self.fold)


class _Residual(nn.Module):
    """Normalise, modulate, SiLU, convolve, twice; the time comes in between. Maps replace the affine weights."""

    def __init__(self, channels: int, width: int, affine: bool = True) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.GroupNorm(GROUPS, channels, affine=affine) for _ in range(2))
        self.enter = nn.Conv2d(channels, channels, 3, padding=1)
        self.leave = _zero(nn.Conv2d(channels, channels, 3, padding=1))
        self.time = nn.Linear(width, channels)

    def forward(self, x: Tensor, embedding: Tensor, maps: Sequence[Tensor] = ()) -> Tensor:
        h = self.enter(F.silu(_modulated(self.norms[0](x), maps[:2])))
        h = h + self.time(embedding)[:, :, None, None]
        return x + self.leave(F.silu(_modulated(self.norms[1](h), maps[2:])))


class _Level(nn.Module):
    """The residual blocks of one resolution."""

    def __init__(self, channels: int, width: int, depth: int, affine: bool = True) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_Residual(channels, width, affine) for _ in range(depth))

    def forward(self, x: Tensor, embedding: Tensor, maps: Sequence[Sequence[Tensor]] = ()) -> Tensor:
        for index, block in enumerate(self.blocks):
            x = block(x, embedding, maps[index] if maps else ())
        return x


def _modulated(x: Tensor, maps: Sequence[Tensor]) -> Tensor:
    """Scale and shift by ``maps`` = (scale, shift), or leave as it is where there are none."""
    return torch.addcmul(maps[1], x, maps[0]) if maps else x


class _MaskReader(nn.Module):
    """Masks → every map of the decoder: a 3×3 convolution per level, then one 1×1 for all maps of that level."""

    def __init__(self, classes: int, trunk: int, channels: Sequence[int], depths: Sequence[int]) -> None:
        super().__init__()
        self.levels = [[c] * 4 * depth for c, depth in zip(channels, depths)]
        self.trunk = nn.ModuleList(
            nn.Conv2d(classes if level == 0 else trunk, trunk, 3, stride=1 if level == 0 else 2, padding=1)
            for level in range(len(channels))
        )
        maps = [nn.Conv2d(trunk, sum(sizes), 1) for sizes in self.levels]
        for convolution, sizes in zip(maps, self.levels):
            scales = torch.arange(len(sizes)) % 2 == 0
            assert convolution.bias is not None
            with torch.no_grad():  # at first close to scale 1, shift 0: a plain normalisation
                convolution.weight.normal_(std=0.02)
                convolution.bias.copy_(scales.repeat_interleave(sizes[0]))
        self.maps = nn.ModuleList(maps)

    def forward(self, mask: Tensor) -> tuple[tuple[tuple[Tensor, ...], ...], ...]:
        read = []
        for trunk, maps, sizes in zip(self.trunk, self.maps, self.levels):
            mask = F.silu(trunk(mask))
            parts = maps(mask).split(sizes, dim=1)
            read.append(tuple(parts[start : start + 4] for start in range(0, len(parts), 4)))
        return tuple(read)


class _Attention(nn.Module):
    """Every pixel of the coarsest level attends to every other."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = channels // math.gcd(channels, HEAD)
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.ask = nn.Conv2d(channels, 3 * channels, 1)
        self.answer = _zero(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, rows, columns = x.shape
        asked = self.ask(self.norm(x)).view(batch, 3, self.heads, channels // self.heads, rows * columns)
        query, key, value = asked.transpose(-1, -2).unbind(1)
        found = F.scaled_dot_product_attention(query, key, value).transpose(-1, -2)
        return x + self.answer(found.reshape(batch, channels, rows, columns))


def _zero(convolution: nn.Conv2d) -> nn.Conv2d:
    """Zero weights: a block that starts as the identity."""
    nn.init.zeros_(convolution.weight)
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
    return convolution


def _waves(time: Tensor, count: int) -> Tensor:
    """Times (batch,) → (batch, 2 count) cosines and sines of falling frequency (Vaswani et al. 2017)."""
    scale = torch.exp(-math.log(10_000) * torch.arange(count, device=time.device) / count)
    angles = time[:, None] * scale
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def _blend(schedule: str) -> tuple[Tensor, Tensor]:
    """Weights (1000,) of x_t and of what the network draws."""
    shares = signal_shares(schedule)
    total = SPREAD**2 * shares + 1 - shares
    return SPREAD**2 * shares.sqrt() / total, ((1 - shares) / total).sqrt()
