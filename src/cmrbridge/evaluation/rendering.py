"""Images rendered from real masks beside the true images of those masks: what the generator knows beyond the mask."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cmrbridge.core.geometry import resampling
from cmrbridge.core.pack import Pack
from cmrbridge.errors import InputError
from cmrbridge.evaluation.alignment import DISC, upright_distances
from cmrbridge.evaluation.detection import auc
from cmrbridge.evaluation.embedding import NEIGHBOURHOOD, SIZE, Bytes, Floats
from cmrbridge.evaluation.neighbours import Slices

LEAST = 100  # pixels that must be left beyond the mask


def read_renderings(pack: Pack, path: Path, train: Slices, held_out: Slices) -> tuple[Bytes, Bytes]:
    """Images (n, y, x) rendered from the masks of the training and of the held-out slices; InputError if others."""
    parts = []
    for split, real in (("train", train), ("val", held_out)):
        part = pack.split(split)
        if part.images.shape != real.images.shape:
            raise InputError(
                f"{path}: {part.images.shape} images of the {split} split's masks, {real.images.shape} real slices: "
                "render the references again from this training pack"
            )
        parts.append(part.images)
    return parts[0], parts[1]


def beyond_mask(rendered: Floats, real: Floats, labels: Bytes) -> Floats:
    """(n,): correlation of normalised pictures (n, SIZE, SIZE) where the mask (n, y, x) says nothing; NaN if nowhere.

    That is the disc without the structures and all that lies within one `NEIGHBOURHOOD` of them: a mask fixes the
    heart's outline, so a good rendering resembles its true image there without having seen it.
    """
    side = labels.shape[-1]
    weights = resampling((np.arange(SIZE) + 0.5) * side / SIZE - 0.5, side, side / SIZE)
    marked = weights @ (labels > 0).astype(np.float32) @ weights.T > 0
    out = np.full(len(labels), np.nan, np.float32)
    for row, one in enumerate(marked):
        region = (DISC > 0) & (ndimage.distance_transform_edt(~one) > NEIGHBOURHOOD if one.any() else True)
        if region.sum() >= LEAST and min(rendered[row][region].std(), real[row][region].std()) > 0:
            out[row] = np.corrcoef(rendered[row][region], real[row][region])[0, 1]
    return out


def judge_rendering(
    rendered: tuple[Floats, Floats],
    real: tuple[Slices, Slices],
    labels: tuple[Bytes, Bytes],
    limit: float,
    draws: int,
    seed: int,
) -> tuple[dict[str, Any], tuple[Floats, Floats]]:
    """(figures, distances of each rendering from its own true image); each pair: of training, of held-out masks.

    Figures: medians of `beyond_mask`, their gap, its AUC by subject, and the shares of renderings nearer to their
    true image than ``limit``: pixel copies.
    """
    sides = []
    for ours, true, masks in zip(rendered, real, labels, strict=True):
        known = beyond_mask(ours, true.prints.pictures, masks)
        sides.append((1 - known[~np.isnan(known)], true.subject[~np.isnan(known)]))
    (near, names), (far, others) = sides
    area = auc(near, names, far, others, draws, seed)
    medians = [float(1 - np.median(one)) if len(one) else float("nan") for one in (near, far)]
    distances = [upright_distances(ours, true.prints.pictures) for ours, true in zip(rendered, real, strict=True)]
    shares = [_share_below(one, limit) for one in distances]
    figures = {
        **{"n_train": len(rendered[0]), "n_held_out": len(rendered[1])},
        **{"similarity_train": medians[0], "similarity_held_out": medians[1], "gap": medians[0] - medians[1]},
        **{"auc": area.auc, "auc_low": area.low, "auc_high": area.high},
        **{"copies_train": shares[0], "copies_held_out": shares[1]},
    }
    return figures, (distances[0], distances[1])


def _share_below(distances: NDArray[np.float32], limit: float) -> float:
    return float((distances < limit).mean()) if len(distances) else float("nan")
