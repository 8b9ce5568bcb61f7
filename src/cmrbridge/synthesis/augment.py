"""Moves of image and mask together, of which the network is told, so that drawn images show none (Karras 2022, F.2)."""

import torch
from torch import Tensor
from torch.nn import functional as F

from cmrbridge.core.moves import MOVES, move_grid


def draw_moves(batch: int, chance: float, generator: torch.Generator) -> Tensor:
    """(batch, 4) evenly in [-1, 1]; all zeros, which is no move, for those that stay."""
    device = generator.device
    drawn = torch.rand((batch, MOVES), generator=generator, device=device) * 2 - 1
    return drawn * (torch.rand((batch, 1), generator=generator, device=device) < chance)


def moved(
    images: Tensor, masks: Tensor, moves: Tensor, *, rotate: float, scale: float, shift: float
) -> tuple[Tensor, Tensor]:
    """Images (batch, 1, y, x) and one-hot masks (batch, class, y, x), turned by up to ``rotate`` degrees, zoomed by up
    to ``scale`` and shifted by up to ``shift`` of the side. What comes in from outside is the mirrored image, and
    background; structures are interpolated as images and the largest wins."""
    grid = move_grid(moves, images.shape, rotate=rotate, scale=scale, shift=shift)
    there = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    shares = F.grid_sample(masks[:, 1:], grid, align_corners=False)
    winner = torch.cat([1 - shares.sum(1, keepdim=True), shares], dim=1).argmax(1)
    return there, F.one_hot(winner, masks.shape[1]).movedim(-1, 1).to(masks.dtype)
