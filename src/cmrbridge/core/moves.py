"""Small turns, zooms and shifts of slices, as every generator is trained on."""

import torch
from torch import Tensor
from torch.nn import functional as F

MOVES = 4  # turn, zoom, shift along columns, shift along rows


def move_grid(moves: Tensor, size: torch.Size, *, rotate: float, scale: float, shift: float) -> Tensor:
    """Where each pixel of moved images of this ``size`` (n, channel, y, x) comes from, for `F.grid_sample` without
    aligned corners.

    moves: (n, 4) in [-1, 1]: turn, in ``rotate`` degrees, zoom, in ``scale``, shifts, in ``shift`` of the side.
    """
    angle, zoom = moves[:, 0] * rotate * torch.pi / 180, 1 + moves[:, 1] * scale
    aside, down = (moves[:, 2:] * 2 * shift).unbind(1)  # the grid runs from -1 to 1
    rows = (
        torch.stack([angle.cos() * zoom, -angle.sin() * zoom, aside], dim=1),
        torch.stack([angle.sin() * zoom, angle.cos() * zoom, down], dim=1),
    )
    return F.affine_grid(torch.stack(rows, dim=1), list(size), align_corners=False)
