"""What went in, at a glance: middle slices with their contours, and how bright their pixels are."""

from pathlib import Path
from typing import Any

import numpy as np

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.core.pack import Pack

COLOURS = {"LV": "#e6550d", "MYO": "#31a354", "RV": "#3182bd"}
TILES = 24


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
        for name, code in STRUCTURES.items():
            if pack.labels is not None and (pack.labels[middle] == code).any():
                axes.contour(pack.labels[middle] == code, [0.5], colors=COLOURS[name], linewidths=0.8)
        axes.set_title(f"{pack.cases[index].subject} {pack.cases[index].phase}", fontsize=6)
    histogram = right.subplots()
    histogram.hist(pack.images.ravel(), bins=64, range=(0, 256), color="0.4", density=True)
    histogram.set(
        xlabel="grey value", ylabel="share of pixels", title=f"{len(pack.cases)} cases, {len(pack.images)} slices"
    )
    histogram.set_yscale("log")
    figure.savefig(path, dpi=80, metadata={"Software": None})
