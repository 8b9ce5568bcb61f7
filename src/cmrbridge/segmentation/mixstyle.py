"""MixStyle (Zhou et al., ICLR 2021): early feature maps take on statistics between their own and another image's.

What a scanner adds to an image is largely in the mean and the deviation of early features: mixing them between the
images of a batch shows the network scanners that are not there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

TINY = 1e-6  # added to the variance, as in the authors' code


@dataclass(frozen=True)
class MixStyleSettings:
    """chance: of a batch to be mixed, anew for each of the early parts (the paper: 0.5). alpha: α of the Beta(α, α)
    that shares are drawn from (the paper: 0.1, mostly near 0 or 1)."""

    chance: float
    alpha: float


def mix_statistics(features: Tensor, order: Tensor, shares: Tensor) -> Tensor:
    """γ_mix (x − μ(x)) / σ(x) + β_mix, with γ_mix = λ σ(x) + (1 − λ) σ(x̃) and β_mix likewise of μ (section 2.2).

    features: x (n, channel, …), statistics over all but the first two axes. order: (n,), the row of each x̃. shares: λ
    (n,), 0…1, of which 1 leaves an image as it is. No gradient flows through the statistics, as in the paper.
    """
    space = tuple(range(2, features.ndim))
    with torch.no_grad():
        variance, mean = torch.var_mean(features.float(), dim=space, keepdim=True, correction=0)
        deviation = (variance + TINY).sqrt()
        own = shares.view(-1, *[1] * (features.ndim - 1))
        scale = (own * deviation + (1 - own) * deviation[order]) / deviation
        centre = own * mean + (1 - own) * mean[order]
    return ((features.float() - mean) * scale + centre).to(features.dtype)


def mix_styles(parts: Sequence[nn.Module], settings: MixStyleSettings) -> None:
    """From now on each of ``parts`` mixes what it gives while it trains; in evaluation it gives what it gave before.

    Draws from torch's own generator, as dropout does: the loop restates it at every step.
    """
    beta = torch.distributions.Beta(settings.alpha, settings.alpha)

    def mix(part: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        if not part.training or torch.rand(()) >= settings.chance:
            return output
        order = torch.randperm(len(output)).to(output.device)
        return mix_statistics(output, order, beta.sample((len(output),)).to(output.device))

    for part in parts:
        part.register_forward_hook(mix)
