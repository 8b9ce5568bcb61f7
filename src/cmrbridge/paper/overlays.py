"""Contours on images: the best, the median and the worst case of each target, chosen by rule."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from cmrbridge.core.pictures import COLOURS
from cmrbridge.errors import InputError
from cmrbridge.evaluation.frames import MEAN, read_cases, with_mean_structure
from cmrbridge.evaluation.volumes import Mask, read_prediction, read_reference, read_volume, spacing_of
from cmrbridge.paper.style import PAGE_MM, canvas, in_order, look, save

MARGIN_MM = 12
PER_LINE = 10  # pictures side by side on a page
DRAWN = ("RV", "MYO", "LV")  # the LV last: its outline is also the inner one of the myocardium
HEX = {name: "#{:02x}{:02x}{:02x}".format(*colour) for name, colour in COLOURS.items()}


class Chosen(NamedTuple):
    """One case of a page."""

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
    subjects: Mapping[str, Path],
    pages: Mapping[str, tuple[Path, Path]],
) -> None:
    """Per target a page (png, pdf): the case (subject × phase) of best, median and worst mean Dice of the baseline arm.

    Each shows the image, the reference, and each arm of ``predictions`` (arm → folder of
    {target}/{subject}_{phase}.nii.gz) with the Dice of the whole case. run: the source, architecture and seed that are
    shown. The slice is the one with the largest reference area, cut to the heart with a margin of `MARGIN_MM`.
    subjects: target → subjects.csv of its data set.
    """
    scores = _scores(read_cases(cases), run)
    predictions = {arm: predictions[arm] for arm in in_order(predictions)}
    for target, (png, pdf) in pages.items():
        network = f"{run['source']} → {target}, {run['architecture']}, seed {run['seed']}"
        _draw_page(network, choose(scores, baseline, target), scores, predictions, subjects[target], png, pdf)


def _draw_page(
    network: str,
    rows: Sequence[Chosen],
    scores: pd.DataFrame,
    predictions: Mapping[str, Path],
    subjects: Path,
    png: Path,
    pdf: Path,
) -> None:
    count = 2 + len(predictions)
    lines = -(-count // PER_LINE)
    columns = -(-count // lines)
    side = min(45.0, PAGE_MM / columns - 1)  # mm of one picture
    with look():
        figure = canvas(PAGE_MM, 13 + (side + 7) * lines * len(rows))
        grid = figure.subplots(lines * len(rows), columns, squeeze=False).reshape(len(rows), -1)
        for axes, chosen in zip(grid, rows):
            for one in axes[count:]:
                one.set_axis_off()
            _draw_case(axes[:count], chosen, scores, predictions, subjects)
        handles = [Line2D([], [], color=colour, linewidth=2, label=name) for name, colour in HEX.items()]
        figure.legend(handles=handles, loc="outside upper center", ncol=len(handles), title=network, title_fontsize=7)
        figure.set_layout_engine("constrained", w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
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


def _draw_case(
    axes: NDArray[Any], chosen: Chosen, scores: pd.DataFrame, predictions: Mapping[str, Path], subjects: Path
) -> None:
    table = pd.read_csv(subjects, dtype=str, keep_default_na=False)
    row = table[(table.subject == chosen.subject) & (table.phase == chosen.phase)].iloc[0].to_dict()
    reference, spacing, axis = read_reference(row), spacing_of(row), int(row["slice_axis"])
    heart = np.logical_or.reduce(list(reference.values()))
    index = int(heart.sum(axis=(0, 1)).argmax())
    view = (*window(heart[..., index], spacing), index)
    image, aspect = read_volume(Path(row["image"]), row["image_frame"], axis)[view], spacing[1] / spacing[0]
    shown = {"image": {}, "reference": reference}
    for arm, folder in predictions.items():
        found = read_prediction(folder / chosen.target / f"{chosen.subject}_{chosen.phase}.nii.gz", reference, axis)
        shown[_title(arm, chosen, scores)] = found
    for one, (title, masks) in zip(axes, shown.items(), strict=True):
        _draw(one, image, {name: mask[view] for name, mask in masks.items()}, aspect)
        one.set_title(title, fontsize=6, pad=1.5)
    axes[0].set_ylabel(f"{chosen.rank}\n{chosen.subject} {chosen.phase}", fontsize=6, labelpad=1)


def _title(arm: str, chosen: Chosen, scores: pd.DataFrame) -> str:
    """The arm and its Dice on this case."""
    keys = {"arm": arm, "target": chosen.target, "subject": chosen.subject, "phase": chosen.phase}
    own = scores[(scores[list(keys)] == pd.Series(keys)).all(axis=1)].value
    return f"{arm}\n{own.iloc[0]:.3f}" if len(own) else arm


def window(heart: Mask, spacing: tuple[float, float, float]) -> tuple[slice, slice]:
    """The square about the heart in a slice (x, y), wider by MARGIN_MM on each side, as far as the image goes."""
    places = np.argwhere(heart) * spacing[:2]
    if not len(places):
        return slice(None), slice(None)
    low, high = places.min(axis=0), places.max(axis=0)
    half = (high - low).max() / 2 + MARGIN_MM
    ends = np.rint(((low + high) / 2 + [[-half], [half]]) / spacing[:2]).astype(int).clip(0)
    return slice(ends[0, 0], ends[1, 0] + 1), slice(ends[0, 1], ends[1, 1] + 1)


def _draw(axes: Axes, image: NDArray[np.float32], masks: Mapping[str, Mask], aspect: float) -> None:
    """A slice (x, y) in grey with the outline of each structure; y runs down."""
    low, high = np.percentile(image, [0.5, 99.5])
    axes.imshow(image.T, cmap="gray", vmin=low, vmax=max(high, low + 1e-6), aspect=aspect, interpolation="nearest")
    for structure in sorted(masks, key=DRAWN.index):
        mask = masks[structure].T
        if mask.any() and not mask.all():
            axes.contour(mask, levels=[0.5], colors=[HEX[structure]], linewidths=0.8)
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
