"""Show the network images whose brightness another scanner might have left, and ask for the undisturbed one.

A plain diffusion model of the source keeps whatever brightness its input has: at the noise that leaves anatomy in
place, smooth brightness is far louder than the noise, and no likelihood argues with it. A network that has to answer
with the source's own image learns how bright its tissues are. Source images alone are disturbed, by made-up amounts.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

KNOTS = 5  # a side, of the smooth field
BEND = 0.6  # largest |logarithm| of the exponent
GAIN = 0.4  # the same of the overall gain
FLATTEN = 0.7  # largest share of the contrast above a random grey that is lost
BRIGHT = 0.97  # quantile that stays where it was but for the overall gain, as a volume's percentiles would
LEAST = 1e-4


def disturbed(signal: Tensor, amount: Tensor, field: float, generator: torch.Generator) -> Tensor:
    """Images (batch, 1, y, x) in [-1, 1] with flattened contrast, under a smooth field, of another gamma.

    amount: (batch, 1, 1, 1) in 0…1, 0 leaves an image as it is; field: standard deviation of the field's logarithm
    at its knots, at amount 1.
    """

    def drawn(low: float, high: float) -> Tensor:
        values = torch.rand(amount.shape, generator=generator, device=signal.device)
        return low + (high - low) * values

    grey = (signal + 1) / 2
    knee, slope = drawn(0.2, 0.7), 1 - amount * drawn(0, FLATTEN)
    flat = torch.where(grey > knee, knee + (grey - knee) * slope, grey)
    knots = torch.randn((len(signal), 1, KNOTS, KNOTS), generator=generator, device=signal.device) * field * amount
    shaded = flat * F.interpolate(knots, size=signal.shape[-2:], mode="bicubic", align_corners=True).exp()
    level = (_bright(grey) / _bright(shaded)) ** amount * (amount * drawn(-GAIN, GAIN)).exp()
    bent = (shaded * level).clamp(LEAST, 1) ** (amount * drawn(-BEND, BEND)).exp()
    return torch.where(amount > 0, bent * 2 - 1, signal)


def _bright(grey: Tensor) -> Tensor:
    return torch.quantile(grey.flatten(1), BRIGHT, dim=1).clamp(min=0.05).view(-1, 1, 1, 1)
