"""Cases that nobody outlined, as a picture: the outlines of every network, the least agreed upon first."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.evaluation.volumes import Mask, read_masks, read_volume, spacing_of
from cmrbridge.paper.overlays import DRAWN, HEX, window
from cmrbridge.paper.style import PAGE_MM, canvas, look, save

SHOWN = 15  # cases of a page
PER_LINE = 5


def draw_applied(
    *,
    summary: Path,
    predictions: Sequence[Path],
    subjects: Mapping[str, Path],
    pages: Mapping[str, tuple[Path, Path]],
) -> None:
    """Per domain a page (png, pdf): `SHOWN` cases spread from the least to the best agreement between the networks.

    summary: of `evaluation.applied`; predictions: a folder per network, as there; subjects: domain → subjects.csv.
    """
    table = pd.read_csv(summary, dtype={"domain": str, "subject": str}, keep_default_na=False, na_values=[""])
    for domain, (png, pdf) in pages.items():
        own = table[table.domain == domain].sort_values(["agreement", "subject"])
        chosen = own.iloc[np.unique(np.linspace(0, len(own) - 1, SHOWN).round().astype(int))]
        scans = pd.read_csv(subjects[domain], dtype=str, keep_default_na=False)
        lines = -(-len(chosen) // PER_LINE)
        with look():
            figure = canvas(PAGE_MM, 10 + 42 * lines)
            grid = figure.subplots(lines, PER_LINE, squeeze=False)
            for axes in grid.flat[len(chosen) :]:
                axes.set_axis_off()
            for axes, case in zip(grid.flat, chosen.itertuples()):
                _draw(axes, case, scans[scans.subject == case.subject], [folder / domain for folder in predictions])
            handles = [Line2D([], [], color=colour, linewidth=2, label=name) for name, colour in HEX.items()]
            figure.legend(handles=handles, loc="outside upper center", ncol=len(handles))
            save(figure, png, pdf)


def _draw(axes: Axes, case: pd.Series, rows: pd.DataFrame, folders: Sequence[Path]) -> None:
    """The slice on which the networks together see most heart, at the subject's first phase."""
    row = rows.sort_values("phase").iloc[0].to_dict()
    axis, spacing = int(row["slice_axis"]), spacing_of(row)
    name = f"{row['subject']}_{row['phase']}.nii.gz"
    found: list[dict[str, Mask]] = [read_masks(folder / name, STRUCTURES, axis=axis) for folder in folders]
    seen = np.logical_or.reduce([mask for parts in found for mask in parts.values()])
    areas = seen.sum(axis=(0, 1))
    index = int(areas.argmax()) if areas.any() else seen.shape[2] // 2
    view = (*window(seen[..., index], spacing), index)
    image = read_volume(Path(row["image"]), row["image_frame"], axis)[view]
    low, high = np.percentile(image, [0.5, 99.5])
    axes.imshow(image.T, cmap="gray", vmin=low, vmax=max(high, low + 1e-6), aspect=spacing[1] / spacing[0])
    for parts in found:
        for structure in DRAWN:
            mask = parts[structure][view].T
            if mask.any() and not mask.all():
                axes.contour(mask, levels=[0.5], colors=[HEX[structure]], linewidths=0.5)
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    told = f", agreement {case.agreement:.2f}" if case.agreement == case.agreement else ""
    function = f"EF {case.lv_ef_percent:.0f} %" if case.lv_ef_percent == case.lv_ef_percent else row["phase"]
    axes.set_title(f"{case.subject}\n{function}{told}", fontsize=6, pad=1.5)
