"""Figures of the generators: shapes of masks, and each measure of fidelity beside its reference."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from cmrbridge.core.pack import read_pack
from cmrbridge.errors import InputError
from cmrbridge.evaluation.fidelity import COLUMNS
from cmrbridge.evaluation.halves import real_slices
from cmrbridge.evaluation.shapes import DESCRIPTORS, describe
from cmrbridge.paper.style import PAGE_MM, canvas, look, save

GENERATED, REAL = "#E69F00", "#0072B2"  # Okabe & Ito 2008
BINS = 16
PER_ROW = 5
SHAPE_NAMES = {
    "lv_area": "LV area", "myo_area": "myocardium area", "rv_area": "RV area",
    "wall_mean": "wall, mean", "wall_min": "wall, thinnest", "wall_max": "wall, thickest",
    "eccentricity": "eccentricity", "rv_lv_ratio": "RV : LV area",
    "centre_y": "centre, down", "centre_x": "centre, right",
}  # fmt: skip
MEASURE_NAMES = {
    "frechet": "Fréchet distance", "kernel": "kernel distance", "precision": "precision", "recall": "recall",
    "density": "density", "coverage": "coverage", "ms_ssim": "MS-SSIM of pairs",
    "thickness_outside": "wall out of range",
    "dice_LV": "Dice LV", "dice_MYO": "Dice MYO", "dice_RV": "Dice RV", "dice": "Dice, mean",
}  # fmt: skip


def draw_shapes(*, training: Path, synthetic: Path, png: Path, pdf: Path) -> None:
    """Small multiples: the density of each descriptor among generated masks (filled) and held-out real ones (line).

    training: the source's pack; synthetic: the pack that rendering wrote. The axis ends at the 1st and 99th percentile
    of both together; what lies beyond is in the outermost bar.
    """
    real, drawn = real_slices(training), read_pack(synthetic).labels
    if drawn is None:
        raise InputError(f"{synthetic}: has no masks; give the pack that rendering wrote")
    ours, theirs = describe(drawn, real.pixel), describe(real.labels[real.held_out], real.pixel)
    rows = -(-len(DESCRIPTORS) // PER_ROW)
    with look():
        figure = canvas(PAGE_MM, 8 + 36 * rows)
        grid = figure.subplots(rows, PER_ROW, squeeze=False)
        for axes in grid.flat[len(DESCRIPTORS) :]:
            axes.set_axis_off()
        for axes, (name, unit) in zip(grid.flat, DESCRIPTORS.items()):
            _histograms(axes, ours[name].dropna().to_numpy(), theirs[name].dropna().to_numpy())
            axes.set(title=SHAPE_NAMES[name], xlabel=unit, yticks=[])
        subjects = len(np.unique(real.subject[real.held_out]))
        names = {
            f"generated (n = {len(drawn)})": GENERATED,
            f"held-out real (n = {len(theirs)} slices of {subjects} subjects)": REAL,
        }
        handles = [Line2D([], [], color=colour, linewidth=3, label=label) for label, colour in names.items()]
        figure.legend(handles=handles, loc="outside upper center", ncol=2)
        save(figure, png, pdf)


def _histograms(axes: Axes, ours: np.ndarray, theirs: np.ndarray) -> None:
    low, high = np.percentile(np.concatenate([ours, theirs]), (1, 99))
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    ours, theirs = (np.clip(values, edges[0], edges[-1]) for values in (ours, theirs))
    axes.hist(ours, bins=edges.tolist(), density=True, color=GENERATED, alpha=0.6)
    axes.hist(theirs, bins=edges.tolist(), density=True, color=REAL, histtype="step", linewidth=1.1)


def draw_fidelity(*, fidelity: Path, png: Path, pdf: Path) -> None:
    """One panel per measure (rows: images, masks, mask fidelity): the generated set beside the real reference.

    fidelity: table of `measure_generators`. Dots are medians (mask fidelity: values), bars 2.5–97.5 % ranges.
    """
    frame = read_fidelity(fidelity)
    groups = [group for _, group in frame.groupby("what", sort=False)]
    columns = max(len(group) for group in groups)
    with look():
        figure = canvas(PAGE_MM, 8 + 30 * len(groups))
        grid = figure.subplots(len(groups), columns, squeeze=False)
        for line, group in zip(grid, groups):
            for axes in line[len(group) :]:
                axes.set_axis_off()
            for axes, row in zip(line, group.itertuples()):
                _pair(axes, row)
            line[0].set_ylabel(group.what.iloc[0])
        names = {"generated": GENERATED, "real reference": REAL}
        handles = [Line2D([], [], color=colour, marker="o", label=label) for label, colour in names.items()]
        figure.legend(handles=handles, loc="outside upper center", ncol=2)
        save(figure, png, pdf)


def _pair(axes: Axes, row: pd.Series) -> None:
    for place, (name, colour) in enumerate((("generated", GENERATED), ("reference", REAL))):
        low, high = getattr(row, f"{name}_low"), getattr(row, f"{name}_high")
        axes.plot([place, place], [low, high], color=colour, linewidth=1.1)
        axes.plot(place, getattr(row, name), "o", color=colour, markersize=3.5)
    ratio = "" if pd.isna(row.ratio) else f"\n× {row.ratio:.2f}"
    axes.set(xticks=[], xlim=(-0.6, 1.6))
    axes.set_title(MEASURE_NAMES.get(row.measure, row.measure) + ratio, fontsize=6)
    axes.set_xlabel(f"n = {row.n} slices", fontsize=6)


def read_fidelity(path: Path) -> pd.DataFrame:
    """A table of `measure_generators`."""
    try:
        return pd.read_csv(path)[list(COLUMNS)]
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path}: not a table of fidelity ({error}); delete it and run again") from error
