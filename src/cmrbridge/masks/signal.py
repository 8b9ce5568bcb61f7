"""Masks as signals that diffusion can draw: truncated signed distances, moved a little when a network learns them."""

import torch
from torch import Tensor
from torch.nn import functional as F

from cmrbridge.core.anatomy import CLASSES, STRUCTURES
from cmrbridge.core.diffusion import one_hot
from cmrbridge.core.moves import MOVES, move_grid

REACH = 5.0  # pixels at which a distance is truncated
CHANNELS = 4


def to_signal(labels: Tensor) -> Tensor:
    """Labels (n, y, x), uint8 → signals (n, channel, y, x), float16 in [-1, 1]: how deep a pixel lies in each of the
    background, the LV, the LV with its wall, and the RV.

    The distance from its centre to the border of each, in `REACH`, negative outside. A one-hot channel says at a border
    alone where it lies, in frequencies that noise hides until the last steps; a distance says so from afar, where it is
    smooth. A wall by itself would be a narrow ridge, which a network draws too broad (4 % of its area, and a cavity 2 %
    too small): as what lies between two borders it keeps its width.
    """
    depths = [_to_nearest(~within) - _to_nearest(within) for within in _nested(labels)]
    return torch.stack([((depth - depth.sign() / 2) / REACH).clamp(-1, 1).half() for depth in depths], dim=1)


def to_labels(signals: Tensor) -> Tensor:
    """Signals (n, channel, y, x) → labels (n, y, x), uint8: the deepest of background, ventricle and RV; in the left
    ventricle the LV where its depth is positive. Exact for `to_signal`'s."""
    background, lv, ventricle, rv = signals.unbind(1)
    outer = torch.where(rv > ventricle, STRUCTURES["RV"], STRUCTURES["MYO"])
    outer = torch.where(background > torch.maximum(ventricle, rv), 0, outer)
    inside = (outer == STRUCTURES["MYO"]) & (lv > 0)
    return torch.where(inside, STRUCTURES["LV"], outer).to(torch.uint8)


def _nested(labels: Tensor) -> tuple[Tensor, ...]:
    """Where each channel's region is, (n, y, x) bool."""
    lv, myo, rv = (labels == STRUCTURES[name] for name in ("LV", "MYO", "RV"))
    return labels == 0, lv, lv | myo, rv


def _to_nearest(there: Tensor) -> Tensor:
    """Pixels from each centre to the nearest pixel that is ``there`` (n, y, x): exact up to `REACH` and a half, of
    anything farther only that it is. The square is the least sum of a square along columns and one along rows."""
    far, window = 4 * REACH**2, range(-int(REACH) - 1, int(REACH) + 2)
    squared = torch.where(there, 0.0, far)
    for axis in (1, 2):
        side = squared.shape[axis]
        nearest = squared.clone()
        for offset in window:
            length = side - abs(offset)
            if offset and length > 0:
                into = nearest.narrow(axis, max(0, -offset), length)
                torch.minimum(into, squared.narrow(axis, max(0, offset), length) + offset**2, out=into)
        squared = nearest
    return squared.sqrt()


def moved(signals: Tensor, generator: torch.Generator, *, rotate: float, scale: float, shift: float) -> Tensor:
    """Signals (n, channel, y, x), each mask turned, shifted and scaled a little, float32; background comes in from
    outside.

    A mask that would lose a structure so, or its wall's closure, stays where it was: few as they are, the model would
    draw such masks more often than they occur. Distances are not scaled: where they are 0 is what counts.
    """
    moves = torch.rand((MOVES, len(signals)), generator=generator, device=signals.device).T * 2 - 1
    still = signals.float()
    background = torch.full((1, CHANNELS, 1, 1), -1.0, device=signals.device)
    background[:, 0] = 1
    grid = move_grid(moves, still.shape, rotate=rotate, scale=scale, shift=shift)
    found = F.grid_sample(still - background, grid, align_corners=False) + background
    before, after = to_labels(still), to_labels(found)
    broken = opened(after) | (_present(before) != _present(after)).any(1)
    return torch.where(broken[:, None, None, None], still, found)


def _present(labels: Tensor) -> Tensor:
    """Which classes each mask (n, y, x) holds: (n, class) bool."""
    return one_hot(labels, CLASSES).flatten(2).any(2)


def opened(labels: Tensor) -> Tensor:
    """Which of the masks (n, y, x) break the rule lv_enclosed of `core.anatomy.RULES`: (n,) bool."""
    lv = labels == STRUCTURES["LV"]
    outside = ~(lv | (labels == STRUCTURES["MYO"]))
    beside = [
        (inner.narrow(axis, 0, side - 1) & outer.narrow(axis, 1, side - 1)).flatten(1).any(1)
        for inner, outer in ((lv, outside), (outside, lv))
        for axis, side in enumerate(labels.shape[1:], start=1)
    ]
    return torch.stack(beside).any(0)
