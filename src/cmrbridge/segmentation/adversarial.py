"""Domain-adversarial training (Ganin et al., JMLR 2016): features from which the domain cannot be told.

A classifier learns to name each image's domain from the network's features, and the reversed gradient teaches
the features to mislead it. Works for every architecture that names its feature modules.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cmrbridge.segmentation.architectures.stacked import depth_of, feature_slices


@dataclass(frozen=True)
class DannSettings:
    """weight: λ that the reversal rises to. start: share of the training before it begins to rise, in which the
    classifier learns from features that it does not disturb yet. hidden: width of the classifier's hidden layer."""

    weight: float = 0.1
    start: float = 0.25
    hidden: int = 64


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, scale: float) -> Tensor:
        ctx.scale = scale
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.scale * gradients[0], None


def reverse(values: Tensor, scale: float) -> Tensor:
    """The identity, whose gradient is multiplied by -``scale``."""
    reversed_values: Tensor = _Reverse.apply(values, scale)
    return reversed_values


def reversal_at(progress: float, start: float = 0.0) -> float:
    """λ(p) = 2 / (1 + exp(−10 p)) − 1 (Ganin et al., section 5.2.2), p in 0…1 counted from ``start`` of the progress.

    Waiting for a segmenter and a classifier that know their task follows Scannell et al. (STACOM 2020).
    """
    p = max(0.0, (progress - start) / (1 - start))
    return 2 / (1 + math.exp(-10 * p)) - 1


class Adversary(nn.Module):
    """Domain classifier on the outputs of a network's feature modules, which it listens to.

    It convolves before it pools over space: the mean of an instance-normalised map is nearly the same for every image.
    """

    def __init__(self, parts: list[nn.Module], channels: int, domains: int, hidden: int) -> None:
        super().__init__()
        self.classifier = nn.Sequential(
            nn.Conv2d(channels, hidden, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(hidden, domains),
        )
        self._heard: list[Tensor] = []
        for part in parts:
            part.register_forward_hook(self._listen)

    def _listen(self, part: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if self.training:
            self._heard.append(output)

    def forward(self, scale: float) -> Tensor:
        """Domain logits (n, domain) of the images that went through the network last; the features see -``scale``.

        All features are averaged to the coarsest one's grid: the bottleneck's. Those of stacks give logits a slice.
        Each feature is normalised over the batch first: otherwise all features escape the classifier together, by
        drifting one way and growing, its loss explodes and the clipped gradient has no room left for segmentation.
        """
        height, width = min(part.shape[-2:] for part in self._heard)
        depth = max((part.shape[2] for part in self._heard if part.ndim == 5), default=1)  # the decoder's: every slice
        maps = [feature_slices(part.float(), depth, (height, width)) for part in self._heard]
        features = torch.cat(maps, dim=1)
        self._heard.clear()
        logits: Tensor = self.classifier(reverse(F.batch_norm(features, None, None, training=True), scale))
        return logits


def feature_channels(network: nn.Module, parts: list[nn.Module], size: int) -> int:
    """Channels of all feature modules together, counted by sending one empty image or stack through."""
    widths: list[int] = []
    hooks = [part.register_forward_hook(lambda _, __, output: widths.append(output.shape[1])) for part in parts]
    training = network.training
    network.eval()  # an empty image leaves no trace in the statistics of batch norm
    with torch.no_grad():
        network(torch.zeros(depth_of(network), 1, size, size))
    network.train(training)
    for hook in hooks:
        hook.remove()
    return sum(widths)


def domain_loss(logits: Tensor, domains: Tensor) -> tuple[Tensor, Tensor]:
    """(cross-entropy, accuracy) with every domain counting the same, however many images it has in the batch.

    logits: (n, domain); domains: (n,) integers. Accuracy 1 / (number of domains) is chance.
    """
    counts = torch.bincount(domains, minlength=logits.shape[1])
    weights = 1 / (counts[domains] * (counts > 0).sum())
    losses = F.cross_entropy(logits.float(), domains, reduction="none")
    right = (logits.argmax(dim=1) == domains).float()
    return (losses * weights).sum(), (right * weights).sum()
