"""Histogram matching: a subject's grey values are moved to those of equal rank among the source's training images."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cmrbridge.core.pack import read_pack
from cmrbridge.errors import InputError
from cmrbridge.segmentation.segmenter import Predictor, Segmenter

LEVELS = 256


def predictor(segmenter: Segmenter, reference: Path) -> Predictor:
    """Predict the subject's slices after all of them together were matched to the images of the pack ``reference``."""
    images = read_pack(reference).images
    if not images.size:
        raise InputError(f"{reference}: holds no image to match to; raise the share of training subjects")
    wanted = np.bincount(images.ravel(), minlength=LEVELS)

    def matched(images: Tensor, case: Tensor | None = None) -> Tensor:
        own = torch.bincount(images.flatten(), minlength=LEVELS).cpu().numpy()
        table = torch.from_numpy(matching(own, wanted)).to(images.device)
        return segmenter(table[images.long()], case)

    return matched


def matching(own: NDArray[np.integer], wanted: NDArray[np.integer]) -> NDArray[np.uint8]:
    """(256,) the level that each level becomes: G⁻¹(F(level)), F and G the cumulative shares of two histograms.

    own, wanted: (256,) counts. Between two levels that occur among the wanted, G⁻¹ is linear, then rounded.
    """
    present = np.flatnonzero(wanted)
    shares = np.cumsum(own) / own.sum()
    levels = np.interp(shares, (np.cumsum(wanted) / wanted.sum())[present], present)
    return np.rint(levels).astype(np.uint8)
