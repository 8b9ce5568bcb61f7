"""Networks of stacks behind the face of a network of slices: outside, everything goes on working on slices."""

import torch
from torch import Tensor, nn


class Stacked(nn.Module):
    """A 3-D network that takes images (n, 1, y, x) and gives logits (n, class, y, x), as a 2-D one does.

    In training, the images are stacks of ``depth`` neighbouring slices, one stack after another. In evaluation, they
    are the slices of one case in their order, seen as one stack; its edge slices are repeated up to a multiple of
    ``step``, and what is found on the repeats is cut off.
    network: logits (stack, class, z, y, x) from (stack, 1, z, y, x), for every z that ``step`` divides.
    slices: of a median training case; ``depth`` is this, brought to a multiple of ``step``.
    """

    def __init__(self, network: nn.Module, slices: int, step: int) -> None:
        super().__init__()
        self.network = network
        self.step = step
        self.depth = self._whole(slices)

    def _whole(self, slices: int) -> int:
        return -(-slices // self.step) * self.step

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            return self._through(images, self.depth)
        count, depth = len(images), self._whole(len(images))
        before = (depth - count) // 2
        places = torch.arange(-before, depth - before, device=images.device).clamp(0, count - 1)
        return self._through(images[places], depth)[before : before + count]

    def _through(self, images: Tensor, depth: int) -> Tensor:
        stacks = images.unflatten(0, (-1, depth)).movedim(1, 2)
        logits: Tensor = self.network(stacks)
        return logits.movedim(1, 2).flatten(0, 1)


def depth_of(network: nn.Module) -> int:
    """Slices of a training stack; 1 for a network of single slices."""
    return network.depth if isinstance(network, Stacked) else 1


def portions(network: nn.Module, images: Tensor, batch: int, case: Tensor | None = None) -> tuple[Tensor, ...]:
    """``images`` (n, …) in the portions that ``network`` takes in evaluation: ``batch`` of them, or a case's stack.

    case: (n,) number of each slice's case, equal ones side by side; None: all are of one case.
    """
    if not isinstance(network, Stacked):
        return images.split(batch)
    if case is None:
        return (images,)
    return images.split(case.unique_consecutive(return_counts=True)[1].tolist())


def feature_slices(feature: Tensor, depth: int, grid: tuple[int, int]) -> Tensor:
    """A feature map averaged to ``grid`` (y, x), a map a slice: (n, channel, y, x).

    feature: (n, channel, y, x), or (stack, channel, z, y, x), of which a z coarser than ``depth`` is repeated.
    """
    if feature.ndim == 4:
        return nn.functional.adaptive_avg_pool2d(feature, grid)
    pooled = nn.functional.adaptive_avg_pool3d(feature, (depth, *grid))
    return pooled.movedim(1, 2).flatten(0, 1)
