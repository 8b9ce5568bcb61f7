"""Solvers of the reverse process for networks that answer with x_0, each step a few fused lines.

All coefficients are Python floats made once per ladder, and an estimate of x_0 is clipped to the data's range by one
pass: diffusers' schedulers, which the tests hold these against, sort every sample at every step to do the same.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cmrbridge.core.diffusion import STEPS, Network, shifted, signal_shares
from cmrbridge.errors import InputError

LEAST = 2.0**-24  # ᾱ of the last step as diffusers has it, where the ratio itself is infinite

Adjust = Callable[[Tensor, Tensor, "Rung"], Tensor]


@dataclass(frozen=True)
class Rung:
    """One step down. time: 0…999, what the network is told; share: ᾱ there; after: ᾱ that the step ends at."""

    time: int
    share: float
    after: float


def ladder(schedule: str, calls: int, top: float = 1.0, shift: float = 1.0) -> tuple[Rung, ...]:
    """``calls`` rungs from the share ``top`` (0…1] of the schedule's steps down to the data, evenly spaced, then
    `shifted`; fewer where two would fall on one step.

    "Trailing" spacing (Lin et al. 2024, table 2): the first rung is the noisiest, so that sampling starts from what
    training saw there; the last step ends at ᾱ = 1.
    """
    highest = round(top * STEPS)
    if not 1 <= calls <= highest <= STEPS:
        raise InputError(
            f"calls: {calls} network calls from {top:.3g} of {STEPS} steps; ask for 1 to {max(1, min(highest, STEPS))}"
        )
    shares = signal_shares(schedule).double().tolist()
    ends_at = [shifted(1 - index / calls, shift) for index in range(calls)]
    times = list(dict.fromkeys(max(round(highest * end), 1) - 1 for end in ends_at))
    ends = [shares[time] for time in times[1:]] + [1.0]
    return tuple(Rung(time, shares[time], after) for time, after in zip(times, ends))


def noised(x0: Tensor, share: float, noise: Tensor) -> Tensor:
    """x_t = √ᾱ x_0 + √(1 − ᾱ) ε."""
    return math.sqrt(share) * x0 + math.sqrt(1 - share) * noise


def ddim_step(x: Tensor, x0: Tensor, rung: Rung, noise: Tensor | None = None, eta: float = 0.0) -> Tensor:
    """From ᾱ = rung.share to rung.after (Song et al. 2021, eq. 12 and 16); η = 1 is the ancestral step of DDPM.

    noise: as x; wanted where η > 0.
    """
    spread = math.sqrt(1 - rung.share)
    keep = rung.after - rung.share  # 0 where neighbouring steps of a coarse float share one ᾱ
    sigma = eta * math.sqrt(max(0.0, (1 - rung.after) / (1 - rung.share) * keep / rung.after)) if eta else 0.0
    along = math.sqrt(max(0.0, 1 - rung.after - sigma**2)) / spread
    out = along * x + (math.sqrt(rung.after) - along * math.sqrt(rung.share)) * x0
    if sigma and noise is None:
        raise ValueError("an ancestral step draws noise: hand it over")
    return out + sigma * noise if sigma and noise is not None else out


def tempered(x: Tensor, x0: Tensor, share: float, factor: float) -> Tensor:
    """The estimate of x_0 whose noise is that of ``x0`` divided by ``factor`` (epsilon scaling, Ning et al. 2024).

    An estimate is a mean over what may be there, so a walk along estimates removes a little texture with the noise at
    every step; a factor of a few hundredths above 1 leaves it in.
    """
    return x * ((1 - 1 / factor) / math.sqrt(share)) + x0 / factor


def _log_ratio(share: float) -> float:
    """λ = ln √(ᾱ / (1 − ᾱ)), half the logarithm of the signal-to-noise ratio; bounded where either share is 0."""
    return 0.5 * (math.log(max(share, LEAST)) - math.log(max(1 - share, LEAST)))


class _Multistep:
    """DPM-Solver++(2M) (Lu et al. 2022, algorithm 2), first order at both ends, where ratios are infinite."""

    def __init__(self) -> None:
        self.last: Tensor | None = None
        self.last_rung: Rung | None = None

    def __call__(self, x: Tensor, x0: Tensor, rung: Rung, noise: Tensor | None) -> Tensor:
        estimate = x0
        if self.last is not None and self.last_rung is not None and rung.after < 1:
            step = _log_ratio(rung.after) - _log_ratio(rung.share)
            before = _log_ratio(rung.share) - _log_ratio(self.last_rung.share)
            gain = 0.5 * step / before
            estimate = torch.lerp(x0, self.last, -gain)
        self.last, self.last_rung = x0, rung
        return ddim_step(x, estimate, rung)


def _ddim(x: Tensor, x0: Tensor, rung: Rung, noise: Tensor | None) -> Tensor:
    return ddim_step(x, x0, rung)


def _ddpm(x: Tensor, x0: Tensor, rung: Rung, noise: Tensor | None) -> Tensor:
    return ddim_step(x, x0, rung, noise, eta=1.0)


Step = Callable[[Tensor, Tensor, Rung, Tensor | None], Tensor]
SOLVERS: dict[str, Callable[[], Step]] = {
    "dpm-solver++": _Multistep,
    "ddim": lambda: _ddim,
    "ddpm": lambda: _ddpm,
}
DRAWS_NOISE = ("ddpm",)


@torch.inference_mode()
def solve(
    network: Network,
    x: Tensor,
    rungs: Sequence[Rung],
    *,
    solver: str,
    generator: torch.Generator,
    precision: str = "float32",
    adjust: Adjust | None = None,
    temper: float = 1.0,
) -> Tensor:
    """Walk x (batch, channel, y, x) down the ladder to an estimate of x_0 in [-1, 1].

    generator: of the noise that "ddpm" adds, on x's device. precision: of the network alone; the solver's arithmetic
    is float32. adjust: (x after a step, estimate of x_0, rung) → x, the hook of guided translation. temper: factor of
    `tempered`, applied once half of x is signal.
    """
    if solver not in SOLVERS:
        raise InputError(f"solver: {solver!r} is not one of {', '.join(SOLVERS)}")
    step = SOLVERS[solver]()
    for rung in rungs:
        times = torch.full((len(x),), rung.time, device=x.device)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            estimate = network(x, times)
        estimate = estimate.float().clamp(-1, 1)
        if temper != 1 and rung.share >= 0.5:
            estimate = tempered(x, estimate, rung.share, temper)
        draws = solver in DRAWS_NOISE and rung.after < 1
        noise = torch.randn(x.shape, generator=generator, device=x.device) if draws else None
        x = step(x, estimate, rung, noise)
        if adjust is not None:
            x = adjust(x, estimate, rung)
    return x.clamp(-1, 1)


def sample(
    network: Network,
    shape: tuple[int, int, int, int],
    *,
    schedule: str,
    solver: str,
    calls: int,
    generator: torch.Generator,
    precision: str = "float32",
    shift: float = 1.0,
) -> Tensor:
    """Samples (batch, channel, y, x) in [-1, 1] from pure noise; ``generator`` also says the device."""
    x = torch.randn(shape, generator=generator, device=generator.device)
    rungs = ladder(schedule, calls, shift=shift)
    return solve(network, x, rungs, solver=solver, generator=generator, precision=precision)
