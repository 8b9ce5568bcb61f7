"""Four ways to give a reference image the source's look with the source's diffusion model, behind one function.

All start the reverse process from the reference itself, noised part of the way; they differ in what ties the result
to it. DDA (Gao et al., CVPR 2023) pulls the estimate's low frequencies to the reference's by a gradient through the
network; ILVR (Choi et al., ICCV 2021) replaces them at every step; SDEdit (Meng et al., ICLR 2022) has no tie but the
start; inversion (Song et al., ICLR 2021, section 4.3) starts from the noise that the model itself assigns.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from cmrbridge.core.diffusion import Network
from cmrbridge.core.solvers import Rung, ddim_step, ladder, noised
from cmrbridge.errors import InputError
from cmrbridge.translation.settings import LOW_PASSED, Translation
from cmrbridge.translation.shading import FLOOR, gaussian

WIDTH = 3 / 64  # standard deviation over which brightness is taken from the network, share of the side
ASKED = 2  # times: the first answer is timid


@dataclass(frozen=True)
class Guided:
    """What a method works with. network: (x_t, t) → x_0; reference: (batch, 1, y, x) in [-1, 1]; fields: noise of the
    start and after each step, (calls + 1, batch or 1, 1, y, x); settings."""

    network: Network
    reference: Tensor
    fields: Tensor
    settings: Translation


def low_pass(images: Tensor, factor: int) -> Tensor:
    """Keep what survives downscaling by ``factor``: φ_D of Choi et al. 2021, eq. 7.

    images: (batch, channel, y, x); y and x divisible by ``factor``.
    """
    small = F.interpolate(images, scale_factor=1 / factor, mode="bicubic", antialias=True)
    return F.interpolate(small, size=images.shape[-2:], mode="bicubic")


def translate(
    network: Network,
    reference: Tensor,
    settings: Translation,
    fields: Tensor,
    *,
    schedule: str,
    precision: str = "float32",
) -> Tensor:
    """``reference`` (batch, 1, y, x) in [-1, 1] with the look that ``network`` learnt, same shape and range.

    fields: see `Guided`; slices that share them are translated alike, and none depends on its batch.
    precision: of the network alone.
    """
    size = reference.shape[-2:]
    if settings.method in LOW_PASSED and (size[0] % settings.factor or size[1] % settings.factor):
        raise InputError(f"factor: {settings.factor} does not divide the images' {size[0]}×{size[1]} pixels")

    def estimate(x: Tensor, time: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            answer = network(x, time)
        return answer.float().clamp(-1, 1)

    if settings.reshade:
        for noise in fields[:ASKED]:
            reference = reshaded(estimate, reference, ladder(schedule, 1, settings.reshade)[0], noise)
    rungs = ladder(schedule, settings.calls, settings.start)
    guided = Guided(estimate, reference, fields, settings)
    return METHODS[settings.method](guided, rungs).clamp(-1, 1)


@torch.no_grad()
def reshaded(network: Network, reference: Tensor, rung: Rung, noise: Tensor) -> Tensor:
    """``reference`` (batch, 1, y, x) as bright, over `WIDTH`, as the network's estimate from ``rung``; its own detail.

    Guidance keeps the reference's low frequencies, where most of what scanners do to an image lies: it would undo what
    the network knows of them. The network is therefore asked before, and its answer is what guidance then keeps.
    """
    estimate = network(noised(reference, rung.share, noise), _times(reference, rung))
    rows, columns = (
        torch.from_numpy(gaussian(size, WIDTH * size)).to(reference)
        for size in (reference.shape[-2], reference.shape[-1])
    )
    floor = 1 + FLOOR / 127.5
    gain = rows @ ((estimate + floor).log() - (reference + floor).log()) @ columns.T
    return ((reference + floor) * gain.exp() - floor).clamp(-1, 1)


def _unchanged(guided: Guided, rungs: Sequence[Rung]) -> Tensor:
    return guided.reference


def _times(x: Tensor, rung: Rung) -> Tensor:
    return torch.full((len(x),), rung.time, device=x.device)


@torch.no_grad()
def _sdedit(guided: Guided, rungs: Sequence[Rung]) -> Tensor:
    x = noised(guided.reference, rungs[0].share, guided.fields[0])
    for rung, noise in zip(rungs, guided.fields[1:]):
        x = ddim_step(x, guided.network(x, _times(x, rung)), rung, noise, guided.settings.eta)
    return x


@torch.no_grad()
def _ilvr(guided: Guided, rungs: Sequence[Rung]) -> Tensor:
    """x ← x' + φ(q(reference)) − φ(x'), eq. 6: low frequencies are the reference's, noised as x' is."""
    x = noised(guided.reference, rungs[0].share, guided.fields[0])
    for rung, noise in zip(rungs, guided.fields[1:]):
        x = ddim_step(x, guided.network(x, _times(x, rung)), rung, noise, guided.settings.eta)
        x = x + low_pass(noised(guided.reference, rung.after, noise) - x, guided.settings.factor)
    return x


def _dda(guided: Guided, rungs: Sequence[Rung]) -> Tensor:
    """x ← x' − s ∇_x ‖φ(reference) − φ(x̂_0(x))‖₂, algorithm 1: the gradient runs through the network."""
    x = noised(guided.reference, rungs[0].share, guided.fields[0])
    for rung, noise in zip(rungs, guided.fields[1:]):
        x = x.detach().requires_grad_()
        estimate = guided.network(x, _times(x, rung))
        gap = low_pass(guided.reference - estimate, guided.settings.factor).flatten(1).norm(dim=1).sum()
        (gradient,) = torch.autograd.grad(gap, x)
        x = ddim_step(x, estimate, rung, noise, guided.settings.eta) - guided.settings.scale * gradient
    return x.detach()


@torch.no_grad()
def _inversion(guided: Guided, rungs: Sequence[Rung]) -> Tensor:
    """DDIM's step run backwards with the estimate made at the rung above, then forwards; draws no noise."""
    x = guided.reference
    for rung in reversed(rungs):
        estimate = guided.network(x, _times(x, rung))
        noise = (x - math.sqrt(rung.share) * estimate) / math.sqrt(1 - rung.share)
        clean = (x - math.sqrt(1 - rung.after) * noise) / math.sqrt(rung.after)
        x = noised(clean, rung.share, noise)
    for rung in rungs:
        x = ddim_step(x, guided.network(x, _times(x, rung)), rung)
    return x


METHODS: dict[str, Callable[[Guided, Sequence[Rung]], Tensor]] = {
    "none": _unchanged,
    "dda": _dda,
    "ilvr": _ilvr,
    "sdedit": _sdedit,
    "inversion": _inversion,
}
