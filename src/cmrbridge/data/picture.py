"""What went in, at a glance: middle slices with their contours, and how bright their pixels are."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.core.pack import Pack
from cmrbridge.core.pictures import COLOURS, Bytes

TILES = 24
OUTLINED = {"LV": ("LV",), "MYO": ("LV", "MYO"), "RV": ("RV",)}  # the epicardium, so that no line hides another


def draw(path: Path, pack: Pack) -> None:
    """A PNG of up to 24 cases, evenly chosen, beside the histogram of every slice's grey values."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 8), layout="constrained")
    FigureCanvasAgg(figure)
    sides: Any = figure.subfigures(1, 2, width_ratios=[3, 1])
    left, right = sides
    chosen = np.unique(np.linspace(0, len(pack.cases) - 1, TILES).round().astype(int))
    tiles = left.subplots(4, 6).ravel()
    for axes in tiles:
        axes.axis("off")
    for axes, index in zip(tiles, chosen):
        slices = np.flatnonzero(pack.case == index)
        middle = slices[len(slices) // 2]
        axes.imshow(pack.images[middle], cmap="gray", vmin=0, vmax=255)
        for name, inside in outlined(pack.labels[middle]).items() if pack.labels is not None else ():
            axes.contour(inside, [0.5], colors=[[part / 255 for part in COLOURS[name]]], linewidths=0.8)
        axes.set_title(f"{pack.cases[index].subject} {pack.cases[index].phase}", fontsize=6)
    histogram = right.subplots()
    histogram.hist(pack.images.ravel(), bins=64, range=(0, 256), color="0.4", density=True)
    histogram.set(
        xlabel="grey value", ylabel="share of pixels", title=f"{len(pack.cases)} cases, {len(pack.images)} slices"
    )
    histogram.set_yscale("log")
    figure.savefig(path, dpi=80, metadata={"Software": None})


def outlined(labels: Bytes) -> dict[str, NDArray[np.bool_]]:
    """Labels (y, x) → structure that is there → what its contour encloses: of the myocardium the cavity, too."""
    return {
        name: np.isin(labels, [STRUCTURES[part] for part in parts])
        for name, parts in OUTLINED.items()
        if (labels == STRUCTURES[name]).any()
    }
