"""Global intensity non-linear augmentation (GIN): a random shallow convolutional network changes an image's look."""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

CHANNELS = (1, 2, 2, 2, 1)  # four layers, two channels between them, as in the authors' code
SLOPE = 0.01  # of the leaky rectifier between two layers

Layer = tuple[Tensor, Tensor]


def draw_layers(n: int, generator: torch.Generator) -> tuple[Layer, ...]:
    """A network for each of n images: per layer (weights (n, out, in, 3, 3), biases (n, out)), standard normal.

    Each kernel is 3 × 3 or, with even chance, 1 × 1: zero but for its middle.
    """
    device, layers = generator.device, []
    for entering, leaving in pairwise(CHANNELS):
        weights = torch.randn(n, leaving, entering, 3, 3, generator=generator, device=device)
        point = torch.rand(n, generator=generator, device=device) < 0.5
        middle = torch.zeros(3, 3, device=device)
        middle[1, 1] = 1
        weights = torch.where(point[:, None, None, None, None], weights * middle, weights)
        layers.append((weights, torch.randn(n, leaving, generator=generator, device=device)))
    return tuple(layers)


def transform(images: Tensor, layers: Sequence[Layer], shares: Tensor) -> Tensor:
    """α g(x) + (1 − α) x at the Frobenius norm of x (Ouyang et al., TMI 2022, eq. 2), for images (n, 1, y, x).

    x is an image less its mean, and so is the result before its norm is set: mean and contrast of an image stay, which
    of its tissues are bright does not. shares: α (n,), 0…1.
    """
    mean = images.mean(dim=(-2, -1), keepdim=True)
    centred = images - mean
    mixed = torch.lerp(centred, _networks(centred, layers), shares[:, None, None, None])
    mixed = mixed - mixed.mean(dim=(-2, -1), keepdim=True)
    norms = [part.square().sum(dim=(-2, -1), keepdim=True).sqrt() for part in (centred, mixed)]
    return mean + mixed * (norms[0] / norms[1].clamp_min(1e-6))


def _networks(images: Tensor, layers: Sequence[Layer]) -> Tensor:
    """Image i through network i: all in one grouped convolution a layer."""
    n, _, y, x = images.shape
    h = images.reshape(1, n, y, x)
    for index, (weights, biases) in enumerate(layers):
        h = F.conv2d(
            F.leaky_relu(h, SLOPE) if index else h, weights.flatten(0, 1), biases.flatten(), padding=1, groups=n
        )
    return h.reshape(n, 1, y, x)
