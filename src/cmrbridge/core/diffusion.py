"""One noise schedule and one objective; `core.solvers` turns noise into samples.

Variance-preserving diffusion x_t = √ᾱ_t x_0 + √(1 − ᾱ_t) ε with T = 1000 (Ho et al. 2020), betas rescaled to zero
signal at the last step (Lin et al. 2024, algorithm 1), so that sampling starts from what training saw and samples
keep their full contrast. The error is measured in the velocity v = √ᾱ ε − √(1 − ᾱ) x_0 (Salimans & Ho 2022). The
network itself answers with x_0, from which v follows (Li & He 2025): anatomy is smooth and of few dimensions, noise is
not, and a small network with folded pixels cannot carry noise from its input to its output, as predicting v would ask.
"""

from collections.abc import Callable
from typing import TypeVar

import torch
from diffusers import DDIMScheduler
from torch import Tensor
from torch.nn import functional as F

from cmrbridge.errors import InputError

STEPS = 1000
BETAS = {"cosine": "squaredcos_cap_v2", "linear": "linear"}

Network = Callable[[Tensor, Tensor], Tensor]
Part = TypeVar("Part", float, Tensor)


def signal_shares(schedule: str) -> Tensor:
    """ᾱ_t, t = 0…999, falling from about 1 to 0: the share of the signal's variance that step t keeps."""
    if schedule not in BETAS:
        raise InputError(f"schedule: {schedule!r} is not one of {', '.join(BETAS)}")
    scheduler = DDIMScheduler(num_train_timesteps=STEPS, beta_schedule=BETAS[schedule], rescale_betas_zero_snr=True)
    return scheduler.alphas_cumprod.float().clamp(0, 1)


def shifted(part: Part, shift: float) -> Part:
    """Where ``part`` (0…1) of the way to noise lies once times are shifted: s p / (1 + (s − 1) p), eq. 23 of Esser et
    al. 2024. With s = 3 half of all times are in the noisiest quarter."""
    return shift * part / (1 + (shift - 1) * part)


def diffusion_loss(
    network: Network,
    x0: Tensor,
    shares: Tensor,
    generator: torch.Generator,
    least: float = 0.1,
    shift: float = 1.0,
) -> Tensor:
    """Mean squared error of the velocity, over times drawn evenly across the batch, then `shifted`.

    network: (x_t, t) → x_0, all (batch, channel, y, x), t (batch,) integers; x0 in [-1, 1]; shares: `signal_shares`,
    on x0's device. An error of x_0 is an error of v times √(1 − ᾱ); the weight of its square grows no more where the
    share of noise 1 − ᾱ is below ``least``: a large one lets shape count for more than grain.
    The times are one uniform draw shifted by i / batch (Kingma et al. 2021), which lowers the variance.
    """
    batch, device = len(x0), x0.device
    offset = torch.rand(1, generator=generator, device=device)
    parts = shifted((offset + torch.arange(batch, device=device) / batch) % 1, shift)
    times = (parts * STEPS).long().clamp(max=STEPS - 1)
    noise = torch.randn(x0.shape, generator=generator, device=device)
    share = shares[times].view(-1, 1, 1, 1)
    noisy = share.sqrt() * x0 + (1 - share).sqrt() * noise
    error = (network(noisy, times).float() - x0).square()
    return (error / (1 - share).clamp(min=least)).mean()


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """Labels (batch, y, x) → indicator channels (batch, class, y, x) of 0 and 1, float32."""
    return F.one_hot(labels.long(), classes).movedim(-1, 1).float()
