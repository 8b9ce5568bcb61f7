"""Dice of whole validation volumes, counted on the device in a few batches."""

import torch
from torch import Tensor, nn

from cmrbridge.core.anatomy import CLASSES, STRUCTURES
from cmrbridge.segmentation.architectures.stacked import portions
from cmrbridge.segmentation.intensity import standardise, unit
from cmrbridge.segmentation.slices import Slices


@torch.no_grad()
def predicted_labels(network: nn.Module, images: Tensor, batch: int, case: Tensor | None = None) -> Tensor:
    """(n, y, x) class of highest probability from (n, y, x) uint8 images. case: see `portions`."""
    parts = portions(network, images, batch, case)
    return torch.cat([network(standardise(unit(part))).argmax(dim=1) for part in parts])


def volume_dice(predicted: Tensor, slices: Slices) -> dict[str, float]:
    """Mean Dice over volumes: of each annotated structure, and their mean under "dice".

    predicted: (n, y, x) classes. A volume in which a structure neither is nor was found does not count for it.
    """
    counts = torch.zeros(int(slices.case.max()) + 1, CLASSES, 3, device=predicted.device)
    for index in range(1, CLASSES):
        found, real = predicted == index, slices.labels == index
        sums = torch.stack([(found & real).sum((1, 2)), found.sum((1, 2)), real.sum((1, 2))], dim=1).float()
        counts[:, index].index_add_(0, slices.case, sums * slices.known[:, index, None])
    overlap, found, real = counts.unbind(dim=-1)
    dice = 2 * overlap / (found + real)  # NaN where there is nothing to score
    scores = {name: float(dice[:, index].nanmean()) for name, index in STRUCTURES.items()}
    scores = {name: value for name, value in scores.items() if value == value}
    return scores | {"dice": sum(scores.values()) / max(1, len(scores))}
