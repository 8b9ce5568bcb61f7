"""Label-based domain randomisation (SynthSeg, Billot et al., MedIA 2023): an image painted from its mask.

Every structure gets a random mean grey and a random spread, whatever its scanner showed there. Of the background our
masks know nothing, so it is split into regions by the grey values of the image itself (k-means); which of them is
bright is then random too.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from cmrbridge.core.anatomy import CLASSES

MEANS = (25 / 255, 225 / 255)  # drawn uniformly, as are the deviations: the authors' defaults, as grey of 0…1
DEVIATIONS = (5 / 255, 25 / 255)
ROUNDS = 5  # of k-means; from quantiles, one-dimensional clusters hardly move after


def regions(images: Tensor, labels: Tensor, count: int) -> Tensor:
    """(n, y, x): structures keep their labels; background becomes 0 and the numbers from `CLASSES` on, by grey.

    images: (n, 1, y, x). labels: (n, y, x). count: regions of the background, darkest first. What a mask does not
    annotate is background there, and is split with it.
    """
    numbers = clusters(images.flatten(1), (labels == 0).flatten(1), count).view_as(labels)
    background = torch.where(numbers == 0, 0, numbers + CLASSES - 1)
    return torch.where(labels == 0, background, labels.long())


def clusters(values: Tensor, members: Tensor, count: int) -> Tensor:
    """(n, value): 0…count − 1 in rising order, the k-means of each row's ``members`` (bool); others mean nothing."""
    inside = members.sum(1, keepdim=True)
    ranks = ((torch.arange(count, device=values.device) + 0.5) / count * inside).long()
    centres = torch.where(members, values, torch.inf).sort(dim=1).values.gather(1, ranks.clamp_max(values.shape[1] - 1))
    for _ in range(ROUNDS):
        shares = F.one_hot(_nearest(values, centres), count) * members[:, :, None]
        totals = shares.sum(1)
        means = (values.unsqueeze(1) @ shares.to(values.dtype)).squeeze(1) / totals.clamp_min(1)
        centres = torch.where(totals > 0, means, centres)
    return _nearest(values, centres)


def _nearest(values: Tensor, centres: Tensor) -> Tensor:
    """The number of each value's nearest centre; centres (n, count) rise."""
    middles = (centres[:, 1:] + centres[:, :-1]) / 2
    return (values[:, :, None] > middles[:, None, :]).sum(-1)


def paint(places: Tensor, means: Tensor, deviations: Tensor, grain: Tensor) -> Tensor:
    """(n, 1, y, x): at each place the mean of its region plus ``grain`` times its deviation (a Gaussian a region).

    places: (n, y, x) of `regions`. means, deviations: (n, region) grey. grain: (n, 1, y, x) standard normal.
    """
    flat = places.flatten(1)
    mean, deviation = (one.gather(1, flat).view_as(grain) for one in (means, deviations))
    return mean + deviation * grain
