"""Figures over the table of scores and the journals of training."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.errors import InputError
from cmrbridge.evaluation.frames import MEAN, STRUCTURE_METRICS, per_subject, read_cases, summarise
from cmrbridge.paper.style import METRIC_NAMES, arm_colours, in_order, look, save

ORDER = [MEAN, *STRUCTURES]
BOX_WIDTH = 0.8  # of one structure's group of arms, in units of the axis
GOLDEN = 0.618034


def draw_distributions(*, cases: Path, png: Path, pdf: Path) -> None:
    """Box and one dot per subject: metric (rows) on each target (columns), per structure and arm."""
    frame = per_subject(read_cases(cases).query("region == 'whole'"))
    frame = frame[frame.metric.isin(STRUCTURE_METRICS)]
    colours = arm_colours(frame.arm)
    metrics = [metric for metric in STRUCTURE_METRICS if metric in set(frame.metric)]
    panels = [panel for _, panel in frame.groupby(["architecture", "source", "target"])]
    width = max(3.2, 1.0 + 0.16 * len(colours) * len(ORDER))
    with look():
        figure, grid = plt.subplots(
            len(metrics), len(panels), figsize=(width * len(panels), 2.5 * len(metrics)), sharey="row", squeeze=False
        )
        for row, metric in zip(grid, metrics):
            for axes, panel in zip(row, panels):
                _boxes(axes, panel[panel.metric == metric], colours)
            row[0].set_ylabel(METRIC_NAMES[metric])
        for axes, panel in zip(grid[0], panels):
            axes.set_title(f"{_where(panel.iloc[0], frame)} (n = {panel.subject.nunique()} subjects)")
        _legend(figure, colours)
        figure.tight_layout(rect=(0, 0, 1, 1 - 0.3 / figure.get_figheight()))
        save(figure, png, pdf)


def _boxes(axes: Axes, scores: pd.DataFrame, colours: Mapping[str, str]) -> None:
    order = [structure for structure in ORDER if structure in set(scores.structure)]
    look_of_box: dict[str, Any] = {"showfliers": False, "linewidth": 0.8, "boxprops": {"alpha": 0.45}, "legend": False}
    sns.boxplot(
        scores, x="structure", y="value", hue="arm", order=order, hue_order=list(colours), palette=dict(colours),
        width=BOX_WIDTH, gap=0.15, ax=axes, **look_of_box,
    )  # fmt: skip
    slot = BOX_WIDTH / len(colours)
    for (structure, arm), values in scores.groupby(["structure", "arm"]).value:
        centre = order.index(structure) + (list(colours).index(arm) - (len(colours) - 1) / 2) * slot
        spread = ((np.arange(len(values)) * GOLDEN) % 1 - 0.5) * slot * 0.5  # even, and the same every time
        axes.scatter(centre + spread, values, s=5, color=colours[arm], linewidth=0, zorder=3)
    axes.set(xlabel="", ylabel="")


def draw_gap(*, cases: Path, png: Path, pdf: Path) -> None:
    """Mean Dice over structures as a matrix: what was trained (source and arm) against where it was tested."""
    summary = summarise(read_cases(cases).query("metric == 'dice' and region == 'whole'"))
    summary = summary[summary.structure == MEAN]
    several = summary.architecture.nunique() > 1
    names = summary.source + " · " + summary.arm + (" · " + summary.architecture if several else "")
    rank = {arm: index for index, arm in enumerate(in_order(summary.arm))}
    rows = names[summary.assign(rank=summary.arm.map(rank)).sort_values(["source", "architecture", "rank"]).index]
    sources = sorted(set(summary.source))
    columns = sources + sorted(set(summary.target) - set(sources))
    matrix = summary.assign(row=names).pivot(index="row", columns="target", values="mean")
    matrix = matrix.reindex(index=list(dict.fromkeys(rows)), columns=[c for c in columns if c in set(summary.target)])
    with look():
        figure, axes = plt.subplots(figsize=(2.6 + 0.9 * matrix.shape[1], 1.2 + 0.36 * matrix.shape[0]))
        sns.heatmap(matrix, annot=True, fmt=".3f", cmap="cividis", linewidths=1, ax=axes, cbar_kws={"label": "Dice"})
        axes.set(xlabel="tested on", ylabel="trained on · arm")
        axes.tick_params(axis="y", rotation=0)
        axes.tick_params(axis="x", rotation=30)
        save(figure, png, pdf)


def draw_curves(*, runs: Sequence[Mapping[str, Any]], png: Path, pdf: Path) -> None:
    """Loss and validation Dice by step; one line per run, coloured by arm, dashed differently by seed.

    runs: {"arm", "seed", "path" (metrics.jsonl)} and any further keys, each combination of which has its own column.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for run in runs:
        rest = [str(value) for key, value in run.items() if key not in ("arm", "seed", "path")]
        groups.setdefault(" · ".join(rest), []).append(run)
    colours = arm_colours(run["arm"] for run in runs)
    panels = {"loss": "training loss", "val_dice": "validation Dice"}
    with look():
        figure, grid = plt.subplots(
            len(panels), len(groups), figsize=(max(6.0, 4.0 * len(groups)), 5.0), sharex="col", squeeze=False
        )
        for column, (title, members) in zip(grid.T, groups.items()):
            for axes, name in zip(column, panels):
                _lines(axes, members, name, colours)
            column[0].set_title(title)
            column[-1].set_xlabel("step")
        for row, label in zip(grid, panels.values()):
            row[0].set_ylabel(label)
        _legend(figure, colours)
        figure.tight_layout(rect=(0, 0, 1, 1 - 0.3 / figure.get_figheight()))
        save(figure, png, pdf)


def _lines(axes: Axes, runs: Sequence[Mapping[str, Any]], name: str, colours: Mapping[str, str]) -> None:
    dashes = ["-", "--", ":", "-."]
    seeds = sorted({int(run["seed"]) for run in runs})
    for run in runs:
        points = [(line["step"], line[name]) for line in read_metrics(Path(run["path"])) if line.get(name) is not None]
        steps, values = zip(*points) if points else ((), ())
        dash = dashes[seeds.index(int(run["seed"])) % len(dashes)]
        axes.plot(steps, values, dash, color=colours[run["arm"]], linewidth=1, alpha=0.85)


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics.jsonl: {"step": …, name: value or null, …}."""
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: not a readable metrics.jsonl ({error}); delete it and train this run again"
        ) from error


def _where(row: pd.Series, frame: pd.DataFrame) -> str:
    """Source → target, and the architecture where a study has several."""
    extra = f", {row.architecture}" if frame.architecture.nunique() > 1 else ""
    return f"{row.source} → {row.target}{extra}"


def _legend(figure: plt.Figure, colours: Mapping[str, str]) -> None:
    handles = [Line2D([], [], color=colour, linewidth=4, label=arm) for arm, colour in colours.items()]
    figure.legend(handles=handles, loc="upper center", ncol=len(handles))
