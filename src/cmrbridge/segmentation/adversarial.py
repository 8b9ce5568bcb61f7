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

from cmrbridge.core.parallel import gather
from cmrbridge.segmentation.architectures.stacked import depth_of, feature_slices

SLOPE = 0.1  # below zero: units of the classifier, which learns fast, do not die


@dataclass(frozen=True)
class DannSettings:
    """weight: λ that the reversal rises to. alone: share of the training that the segmenter learns by itself. start:
    share after which λ rises; from ``alone`` to here the classifier learns from features that it does not disturb yet
    (the three phases of Scannell et al., STACOM 2020). hidden: width of the classifier's layers. rate: its learning
    rate in multiples of the segmenter's, which moves what it reads and must not outrun it."""

    weight: float = 0.25
    alone: float = 0.4
    start: float = 0.5
    hidden: int = 64
    rate: float = 10.0


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

    Of every map it reads each channel's mean and standard deviation, and the mean of a convolution: what it does not
    read, the features may keep, and a fresh reader would find there.
    """

    def __init__(self, parts: list[nn.Module], channels: list[int], domains: int, hidden: int) -> None:
        super().__init__()
        self.readers = nn.ModuleList(nn.Conv2d(width, hidden, kernel_size=3, padding=1) for width in channels)
        self.hidden = nn.Linear(2 * sum(channels) + 2 * len(channels) * hidden, hidden)
        self.names = nn.Linear(hidden, domains)
        self._heard: dict[nn.Module, Tensor] = {part: torch.empty(0) for part in parts}
        for part in parts:
            part.register_forward_hook(self._listen)

    def _listen(self, part: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if self.training:
            self._heard[part] = output

    def forward(self, scale: float, count: int) -> Tensor:
        """Domain logits (n, domain) of the last ``count`` images that went through the network, of stacks a slice; the
        features see -``scale``.

        Features, and what is read of them, are normalised over the batch: otherwise all features escape the classifier
        together, by drifting one way and growing, its loss explodes and the clipped gradient has no room left for
        segmentation. And the mean of an instance-normalised map is nearly the same for every image.
        """
        heard = [gather(part.float()) for part in self._heard.values()]
        depth = max((part.shape[2] for part in heard if part.ndim == 5), default=1)  # the decoder's: every slice
        read = []
        for part, reader in zip(heard, self.readers, strict=True):
            maps = feature_slices(part, depth, (part.shape[-2], part.shape[-1]))
            features = _over_batch(reverse(maps[-count:], scale))
            read += _mean_and_spread(features) + _mean_and_spread(F.leaky_relu(reader(features), SLOPE))
        hidden = F.leaky_relu(self.hidden(_over_batch(torch.cat(read, dim=1))), SLOPE)
        logits: Tensor = self.names(hidden)
        return logits


def _mean_and_spread(maps: Tensor) -> list[Tensor]:
    return [maps.mean(dim=(2, 3)), (maps.var(dim=(2, 3), correction=0) + 1e-6).sqrt()]


def _over_batch(values: Tensor) -> Tensor:
    return F.batch_norm(values, None, None, training=True)


def feature_channels(network: nn.Module, parts: list[nn.Module], size: int) -> list[int]:
    """Channels of each feature module, counted by sending one empty image or stack through."""
    widths: list[int] = []
    hooks = [part.register_forward_hook(lambda _, __, output: widths.append(output.shape[1])) for part in parts]
    training = network.training
    network.eval()  # an empty image leaves no trace in the statistics of batch norm
    with torch.no_grad():
        network(torch.zeros(depth_of(network), 1, size, size))
    network.train(training)
    for hook in hooks:
        hook.remove()
    return widths


def domain_loss(logits: Tensor, domains: Tensor) -> tuple[Tensor, Tensor]:
    """(cross-entropy, accuracy) with every domain counting the same, however many images it has in the batch.

    logits: (n, domain); domains: (n,) integers. Accuracy 1 / (number of domains) is chance.
    """
    counts = torch.bincount(domains, minlength=logits.shape[1])
    weights = 1 / (counts[domains] * (counts > 0).sum())
    losses = F.cross_entropy(logits.float(), domains, reduction="none")
    right = (logits.argmax(dim=1) == domains).float()
    return (losses * weights).sum(), (right * weights).sum()
