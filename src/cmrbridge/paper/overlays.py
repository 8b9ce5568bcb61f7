"""Contours on images: the best, the median and the worst case of each target, chosen by rule."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from cmrbridge.core.pictures import COLOURS
from cmrbridge.errors import InputError
from cmrbridge.evaluation.frames import MEAN, read_cases, with_mean_structure
from cmrbridge.evaluation.volumes import Mask, read_prediction, read_reference, read_volume, spacing_of
from cmrbridge.paper.style import look, save

MARGIN_MM = 25
SIDE = 2.0  # inches of one picture
DRAWN = ("RV", "MYO", "LV")  # the LV last: its outline is also the inner one of the myocardium
HEX = {name: "#{:02x}{:02x}{:02x}".format(*colour) for name, colour in COLOURS.items()}


class Chosen(NamedTuple):
    """One row of the figure."""

    target: str
    rank: str
    subject: str
    phase: str


def draw_overlays(
    *,
    cases: Path,
    run: Mapping[str, Any],
    baseline: str,
    predictions: Mapping[str, Path],
    targets: Mapping[str, Mapping[str, Path | str]],
    png: Path,
    pdf: Path,
) -> None:
    """Rows: per target the case (subject × phase) of best, median and worst mean Dice of the baseline arm.

    Columns: the reference, then each arm of ``predictions`` (arm → folder of {target}/{subject}_{phase}.nii.gz).
    run: the source, architecture and seed that are shown. The slice is the one with the largest reference area.
    targets: domain → {"subjects": subjects.csv of its data set}.
    """
    scores = _scores(read_cases(cases), run)
    rows = [chosen for target in targets for chosen in choose(scores, baseline, target)]
    with look():
        size = (SIDE * (1 + len(predictions)), SIDE * len(rows))
        figure, grid = plt.subplots(len(rows), 1 + len(predictions), figsize=size, squeeze=False)
        for axes, chosen in zip(grid, rows):
            _draw_row(axes, chosen, scores, predictions, targets[chosen.target]["subjects"])
        handles = [Line2D([], [], color=colour, linewidth=2, label=name) for name, colour in HEX.items()]
        figure.legend(handles=handles, loc="upper center", ncol=len(handles))
        figure.tight_layout(rect=(0, 0, 1, 1 - 0.3 / figure.get_figheight()))
        save(figure, png, pdf)


def _scores(cases: pd.DataFrame, run: Mapping[str, Any]) -> pd.DataFrame:
    """Mean Dice over structures of this run's cases."""
    wanted = (cases.metric == "dice") & (cases.region == "whole")
    for key in ("source", "architecture", "seed"):
        wanted &= cases[key] == run[key]
    scores = with_mean_structure(cases[wanted])
    return scores[scores.structure == MEAN]


def choose(scores: pd.DataFrame, baseline: str, target: str) -> list[Chosen]:
    """Best, median (the lower one) and worst case of the baseline arm; ties by subject, then phase."""
    own = scores[(scores.arm == baseline) & (scores.target == target)]
    if own.empty:
        raise InputError(f"no scores of arm {baseline!r} on {target!r} for this run: evaluate it before drawing it")
    own = own.sort_values(["value", "subject", "phase"])
    ranks = {"best": len(own) - 1, "median": (len(own) - 1) // 2, "worst": 0}
    rows = {rank: own.iloc[place] for rank, place in ranks.items()}
    return [Chosen(target, rank, row.subject, row.phase) for rank, row in rows.items()]


def _draw_row(
    axes: NDArray[Any],
    chosen: Chosen,
    scores: pd.DataFrame,
    predictions: Mapping[str, Path],
    subjects: Path | str,
) -> None:
    table = pd.read_csv(subjects, dtype=str, keep_default_na=False)
    row = table[(table.subject == chosen.subject) & (table.phase == chosen.phase)].iloc[0].to_dict()
    reference, spacing = read_reference(row), spacing_of(row)
    heart = np.logical_or.reduce(list(reference.values()))
    index = int(heart.sum(axis=(0, 1)).argmax())
    view = (*_window(heart[..., index], spacing), index)
    image, aspect = read_volume(Path(row["image"]), row["image_frame"])[view], spacing[1] / spacing[0]
    _draw(axes[0], image, {name: mask[view] for name, mask in reference.items()}, aspect)
    axes[0].set(title="reference", ylabel=f"{chosen.target}: {chosen.rank}\n{chosen.subject} {chosen.phase}")
    for one, (arm, folder) in zip(axes[1:], predictions.items()):
        found = read_prediction(folder / chosen.target / f"{chosen.subject}_{chosen.phase}.nii.gz", reference)
        _draw(one, image, {name: mask[view] for name, mask in found.items()}, aspect)
        keys = {"arm": arm, "target": chosen.target, "subject": chosen.subject, "phase": chosen.phase}
        score = scores[(scores[list(keys)] == pd.Series(keys)).all(axis=1)].value
        one.set_title(f"{arm}, Dice {score.iloc[0]:.3f}" if len(score) else arm)


def _window(heart: Mask, spacing: tuple[float, float, float]) -> tuple[slice, slice]:
    """The heart's rectangle in a slice (x, y), wider by MARGIN_MM on each side."""
    sides = []
    for axis, step in enumerate(spacing[:2]):
        inside = np.flatnonzero(heart.any(axis=1 - axis))
        margin = round(MARGIN_MM / step)
        sides.append(slice(max(0, inside[0] - margin), inside[-1] + margin + 1) if len(inside) else slice(None))
    return sides[0], sides[1]


def _draw(axes: Axes, image: NDArray[np.float32], masks: Mapping[str, Mask], aspect: float) -> None:
    """A slice (x, y) in grey with the outline of each structure; y runs down."""
    low, high = np.percentile(image, [0.5, 99.5])
    axes.imshow(image.T, cmap="gray", vmin=low, vmax=max(high, low + 1e-6), aspect=aspect)
    for structure in sorted(masks, key=DRAWN.index):
        mask = masks[structure].T
        if mask.any() and not mask.all():
            axes.contour(mask, levels=[0.5], colors=[HEX[structure]], linewidths=1.2)
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
