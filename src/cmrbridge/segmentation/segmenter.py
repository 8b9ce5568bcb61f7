"""A trained network that gives probabilities: what every way of predicting is made from."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from cmrbridge.segmentation.architectures.stacked import portions
from cmrbridge.segmentation.intensity import standardise, unit


class Predictor(Protocol):
    """(n, class, y, x) float32 probabilities from all slices (n, y, x) uint8 of one subject. case: (n,) number of each
    slice's case, equal ones side by side; None: all are of one case."""

    def __call__(self, images: Tensor, case: Tensor | None = None) -> Tensor: ...


@dataclass(frozen=True)
class Segmenter:
    """network: in evaluation mode. batch: slices at a time; a 3-D network takes a case at a time."""

    network: nn.Module
    batch: int

    @torch.inference_mode()
    def __call__(self, images: Tensor, case: Tensor | None = None) -> Tensor:
        """A `Predictor`: each slice or stack by itself, but for batch norm that was told otherwise."""
        parts = [self.network(standardise(unit(part))) for part in portions(self.network, images, self.batch, case)]
        return torch.softmax(torch.cat(parts).float(), dim=1)
