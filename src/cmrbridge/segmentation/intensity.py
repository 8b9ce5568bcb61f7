"""Grey values on their way into a segmenter: the same two steps in training and in prediction."""

import torch
from torch import Tensor


def unit(images: Tensor) -> Tensor:
    """(n, y, x) uint8 of a pack → (n, 1, y, x) float32 in [0, 1]."""
    return images.unsqueeze(1).to(torch.float32) / 255


def standardise(images: Tensor) -> Tensor:
    """(n, 1, y, x) → the same with zero mean and unit standard deviation per image; a constant image becomes 0."""
    deviation, mean = torch.std_mean(images, dim=(-2, -1), keepdim=True, correction=0)
    return (images - mean) / deviation.clamp_min(1e-4)
