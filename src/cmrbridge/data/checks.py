"""What ingest measures on labels: how much a crop loses, and whether the codes fit the anatomy."""

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.core.geometry import Grid, upright
from cmrbridge.core.pack import Pack
from cmrbridge.errors import InputError

ENCLOSED = 0.5  # share of the cavity's rim that is myocardium, below which the label codes look swapped


def cut_off(labels: NDArray[np.uint8], grid: Grid) -> float:
    """Share of label voxels that lie outside the crop, 0…1."""
    marked = upright(labels > 0, grid)
    half = grid.size * grid.spacing_mm / 2
    rows, columns = (
        np.abs(np.arange(edge) - middle) * mm <= half
        for edge, middle, mm in zip(grid.plane, grid.centre, grid.plane_spacing)
    )
    total = int(marked.sum())
    return round(1 - int(marked[:, rows][:, :, columns].sum()) / total, 5) if total else 0.0


def check_label_order(packs: list[Pack], codes: dict[str, int], dataset: str) -> None:
    """InputError where in most cases the myocardium does not enclose the cavity: the label codes are swapped."""
    shares = [
        enclosed(pack.labels)
        for pack in packs
        if pack.labels is not None and {"LV", "MYO"} <= {*pack.cases[0].annotated}
    ]
    if shares and float(np.median(shares)) < ENCLOSED:
        raise InputError(
            f"dataset {dataset}: in most cases the myocardium does not enclose the left ventricle; the codes {codes}"
            f" do not fit these files, correct `labels` of this data set in the config"
        )


def enclosed(labels: NDArray[np.uint8]) -> float:
    """Share of the pixels around the cavity that are myocardium, over the slices that hold both; labels (n, y, x)."""
    cavity, wall = labels == STRUCTURES["LV"], labels == STRUCTURES["MYO"]
    both = cavity.any(axis=(1, 2)) & wall.any(axis=(1, 2))
    cavity, wall = cavity[both], wall[both]
    rim = np.zeros_like(cavity)
    rim[:, 1:] |= cavity[:, :-1]
    rim[:, :-1] |= cavity[:, 1:]
    rim[:, :, 1:] |= cavity[:, :, :-1]
    rim[:, :, :-1] |= cavity[:, :, 1:]
    rim &= ~cavity
    return float((rim & wall).sum() / max(rim.sum(), 1))
