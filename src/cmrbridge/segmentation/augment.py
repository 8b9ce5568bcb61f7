"""Augmentation on the device, a batch at a time: parameters are drawn first, then applied without further chance.

The kinds of disturbance follow nnU-Net (Isensee et al. 2021, supplement 4) and BigAug (Zhang et al., TMI 2020):
geometry, then what the coil and the sampling do (bias field, blur, coarse pixels), then grey scale, then noise.
"""

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from cmrbridge.core.anatomy import CLASSES
from cmrbridge.segmentation import painted
from cmrbridge.segmentation.fourier import mix_amplitudes
from cmrbridge.segmentation.nonlinear import Layer, draw_layers, transform

BIAS_KNOTS = 4  # knots a side of the coarse grid that a bias field is interpolated from
Range = tuple[float, float]


@dataclass(frozen=True)
class AugmentSettings:
    """How often (``*_chance``, 0…1 per image) and how strongly images are disturbed; the defaults disturb nothing.

    mirror_chance: of an image's rows to be mirrored, and of its columns. rotation: ± degrees. scale: smallest and
    largest magnification. shift: ± share of the image side.
    gamma: exponents of grey values in [0, 1]. contrast: factors about the image's mean. brightness: ± added grey.
    bias: largest standard deviation of the log of the smooth multiplicative field.
    blur: largest standard deviation of the Gaussian, pixels. coarse: largest pixel size sampled at, pixels.
    noise: largest standard deviation of the added noise, grey. fourier: largest share of another image's amplitudes
    (`fourier.mix_amplitudes`). nonlinear: largest share of a random network's output (`nonlinear.transform`).
    painted: regions of the background in images that are painted from their masks (`painted`), 0 for none.
    Factors are drawn uniformly in their logarithm.
    """

    mirror_chance: float = 0.0
    geometry_chance: float = 0.0
    rotation: float = 0.0
    scale: Range = (1.0, 1.0)
    shift: float = 0.0
    bias_chance: float = 0.0
    bias: float = 0.0
    blur_chance: float = 0.0
    blur: float = 0.0
    coarse_chance: float = 0.0
    coarse: float = 1.0
    contrast_chance: float = 0.0
    contrast: Range = (1.0, 1.0)
    brightness_chance: float = 0.0
    brightness: float = 0.0
    gamma_chance: float = 0.0
    gamma: Range = (1.0, 1.0)
    noise_chance: float = 0.0
    noise: float = 0.0
    fourier_chance: float = 0.0
    fourier: float = 0.0
    nonlinear_chance: float = 0.0
    nonlinear: float = 0.0
    painted_chance: float = 0.0
    painted: int = 0


@dataclass(frozen=True)
class Paint:
    """happens: (n,) bool, which images are painted. means, deviations: (n, region) grey. grain: (n, 1, y, x)."""

    happens: Tensor
    means: Tensor
    deviations: Tensor
    grain: Tensor


@dataclass(frozen=True)
class Draw:
    """The parameters of one batch of n images; None where a kind of disturbance is switched off.

    affine: (n, 2, 3) of `F.affine_grid`. bias: (n, 1, knots, knots) log field. blur, coarse: (n,) pixels.
    contrast, brightness, gamma: (n,). noise: (n, 1, y, x) added grey. partner: (n,) whose amplitudes are mixed in;
    fourier, nonlinear: (n,) shares. layers: of `nonlinear.draw_layers`. paint: what images are painted with.
    """

    affine: Tensor | None = None
    bias: Tensor | None = None
    blur: Tensor | None = None
    coarse: Tensor | None = None
    contrast: Tensor | None = None
    brightness: Tensor | None = None
    gamma: Tensor | None = None
    noise: Tensor | None = None
    partner: Tensor | None = None
    fourier: Tensor | None = None
    layers: tuple[Layer, ...] | None = None
    nonlinear: Tensor | None = None
    paint: Paint | None = None


class _Dice:
    """Random numbers for n images from one generator, with the share that a chance leaves undisturbed.

    All but `grain` are drawn once for each stack of ``depth`` images, which then share them.
    """

    def __init__(self, n: int, generator: torch.Generator, depth: int) -> None:
        self.n, self.generator, self.device, self.depth = n, generator, generator.device, depth

    @property
    def stacks(self) -> int:
        return self.n // self.depth

    def shared(self, values: Tensor) -> Tensor:
        """(n, …) from the values (stack, …) of each stack."""
        return values.repeat_interleave(self.depth, dim=0)

    def uniform(self, low: float, high: float) -> Tensor:
        return low + (high - low) * self.shared(torch.rand(self.stacks, generator=self.generator, device=self.device))

    def factor(self, between: Range) -> Tensor:
        return self.uniform(math.log(between[0]), math.log(between[1])).exp()

    def normal(self, *shape: int) -> Tensor:
        return self.shared(torch.randn(self.stacks, *shape, generator=self.generator, device=self.device))

    def grain(self, *shape: int) -> Tensor:
        return torch.randn(self.n, *shape, generator=self.generator, device=self.device)

    def happens(self, chance: float) -> Tensor:
        return self.uniform(0, 1) < chance

    def sometimes(self, chance: float, values: Tensor, identity: float) -> Tensor:
        return torch.where(self.happens(chance), values, torch.full_like(values, identity))


def draw(settings: AugmentSettings, n: int, size: int, generator: torch.Generator, depth: int = 1) -> Draw:
    """Parameters for n images of size × size pixels, on the generator's device.

    depth: images of a stack, which are disturbed alike but for their noise; n is a multiple of it.
    """
    dice, s = _Dice(n, generator, depth), settings
    drawn = Draw(
        affine=_draw_affine(s, dice) if s.geometry_chance or s.mirror_chance else None,
        bias=(
            dice.sometimes(s.bias_chance, dice.uniform(0, s.bias), 0)[:, None, None, None]
            * dice.normal(1, BIAS_KNOTS, BIAS_KNOTS)
            if s.bias_chance
            else None
        ),
        blur=dice.sometimes(s.blur_chance, dice.uniform(0, s.blur), 0) if s.blur_chance else None,
        coarse=dice.sometimes(s.coarse_chance, dice.uniform(1, s.coarse), 1) if s.coarse_chance else None,
        contrast=dice.sometimes(s.contrast_chance, dice.factor(s.contrast), 1) if s.contrast_chance else None,
        brightness=(
            dice.sometimes(s.brightness_chance, dice.uniform(-s.brightness, s.brightness), 0)
            if s.brightness_chance
            else None
        ),
        gamma=dice.sometimes(s.gamma_chance, dice.factor(s.gamma), 1) if s.gamma_chance else None,
        noise=(
            dice.sometimes(s.noise_chance, dice.uniform(0, s.noise), 0)[:, None, None, None] * dice.grain(1, size, size)
            if s.noise_chance
            else None
        ),
    )
    if s.fourier_chance:
        places = torch.arange(n, device=generator.device)
        ahead = torch.randint(min(1, dice.stacks - 1), dice.stacks, (1,), generator=generator, device=generator.device)
        partner = (places + depth * ahead) % n  # the slice of the same place in another stack
        share = dice.sometimes(s.fourier_chance, dice.uniform(0, s.fourier), 0)
        drawn = replace(drawn, partner=partner, fourier=share)
    if s.nonlinear_chance:
        share = dice.sometimes(s.nonlinear_chance, dice.uniform(0, s.nonlinear), 0)
        layers = tuple((dice.shared(w), dice.shared(b)) for w, b in draw_layers(dice.stacks, generator))
        drawn = replace(drawn, layers=layers, nonlinear=share)
    if s.painted_chance and s.painted:
        drawn = replace(drawn, paint=_draw_paint(s, dice, size))
    return drawn


def _draw_paint(s: AugmentSettings, dice: _Dice, size: int) -> Paint:
    several = CLASSES - 1 + s.painted
    means, deviations = (
        torch.stack([dice.uniform(*between) for _ in range(several)], dim=1)
        for between in (painted.MEANS, painted.DEVIATIONS)
    )
    return Paint(dice.happens(s.painted_chance), means, deviations, dice.grain(1, size, size))


def _draw_affine(s: AugmentSettings, dice: _Dice) -> Tensor:
    """(n, 2, 3): where each output pixel is read from, in `F.affine_grid`'s coordinates (side = 2)."""
    happens = dice.happens(s.geometry_chance).float()
    angle = happens * dice.uniform(-s.rotation, s.rotation) * math.pi / 180
    shrink = dice.factor(s.scale) ** -happens
    columns, rows = (happens * dice.uniform(-2 * s.shift, 2 * s.shift) for _ in range(2))
    cos, sin = shrink * angle.cos(), shrink * angle.sin()
    affine = torch.stack([cos, -sin, columns, sin, cos, rows], dim=1).view(-1, 2, 3)
    if not s.mirror_chance:
        return affine
    sides = torch.stack([1 - 2 * dice.happens(s.mirror_chance).float() for _ in range(2)], dim=1)
    return affine * sides[:, :, None]


def apply(images: Tensor, labels: Tensor | None, drawn: Draw) -> tuple[Tensor, Tensor | None]:
    """Disturb images (n, 1, y, x) in [0, 1], which stay there, and move labels (n, y, x) along with them.

    What is drawn in from outside the image is 0 and background. Images without labels can't be painted, and are not.
    """
    if drawn.affine is not None:
        images, labels = _move(images, labels, drawn.affine)
    if drawn.paint is not None and labels is not None:
        images = _painted(images, labels, drawn.paint)
    if drawn.fourier is not None and drawn.partner is not None:
        images = mix_amplitudes(images, images[drawn.partner], drawn.fourier).clamp(0, 1)
    if drawn.nonlinear is not None and drawn.layers is not None:
        images = transform(images, drawn.layers, drawn.nonlinear).clamp(0, 1)
    if drawn.bias is not None:
        field = F.interpolate(drawn.bias, size=images.shape[-2:], mode="bicubic", align_corners=True)
        images = images * field.exp()
    images = _smooth(images, drawn)
    if drawn.contrast is not None:
        mean = images.mean(dim=(-2, -1), keepdim=True)
        images = mean + (images - mean) * _per_image(drawn.contrast)
    if drawn.brightness is not None:
        images = images + _per_image(drawn.brightness)
    if drawn.gamma is not None:
        images = images.clamp(0, 1) ** _per_image(drawn.gamma)
    if drawn.noise is not None:
        images = images + drawn.noise
    return images.clamp(0, 1), labels


def _painted(images: Tensor, labels: Tensor, drawn: Paint) -> Tensor:
    count = drawn.means.shape[1] - CLASSES + 1
    pictures = painted.paint(painted.regions(images, labels, count), drawn.means, drawn.deviations, drawn.grain)
    return torch.where(_per_image(drawn.happens), pictures.clamp(0, 1), images)


def _per_image(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def _move(images: Tensor, labels: Tensor | None, affine: Tensor) -> tuple[Tensor, Tensor | None]:
    grid = F.affine_grid(affine, list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, mode="bilinear", align_corners=False)
    if labels is None:
        return moved, None
    nearest = F.grid_sample(labels.unsqueeze(1).float(), grid, mode="nearest", align_corners=False)
    return moved, nearest.squeeze(1).to(labels.dtype)


def _smooth(images: Tensor, drawn: Draw) -> Tensor:
    """Blur and coarse sampling are separable and linear: a matrix for the rows and its transpose for the columns."""
    for amounts, matrices in ((drawn.blur, blurring), (drawn.coarse, coarsening)):
        if amounts is not None:
            matrix = matrices(amounts, images.shape[-1])
            images = (matrix @ images.squeeze(1) @ matrix.mT).unsqueeze(1)
    return images


def _weights(distance: Tensor, width: Tensor) -> Tensor:
    return (1 - distance.abs() / width).clamp_min(0)


def blurring(deviations: Tensor, size: int) -> Tensor:
    """(n, size, size): rows are Gaussians of ``deviations`` (n,) pixels that sum to 1; 0 is the identity."""
    places = torch.arange(size, device=deviations.device, dtype=deviations.dtype)
    scaled = (places[:, None] - places) / deviations.clamp_min(1e-3)[:, None, None]
    return torch.softmax(-0.5 * scaled**2, dim=-1)


def coarsening(factors: Tensor, size: int) -> Tensor:
    """(n, size, size): average over pixels ``factors`` (n,) ≥ 1 times as large, then interpolate back linearly."""
    factor = factors[:, None, None]
    places = torch.arange(size, device=factors.device, dtype=factors.dtype)
    centres = (places + 0.5) * factor - 0.5  # (n, 1, coarse pixel); those beyond the image get no weight
    weights = _weights(places[:, None] - centres, factor) * (centres <= size - 0.5)
    coarse_of_fine = weights.mT / weights.mT.sum(-1, keepdim=True).clamp_min(1e-6)
    return weights / weights.sum(-1, keepdim=True).clamp_min(1e-6) @ coarse_of_fine
