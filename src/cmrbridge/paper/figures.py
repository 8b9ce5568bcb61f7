"""Figures over the table of scores and the journals of training."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.errors import InputError
from cmrbridge.evaluation.frames import MEAN, STRUCTURE_METRICS, per_subject, read_cases, summarise
from cmrbridge.paper.style import (
    COLUMN_MM,
    INK,
    METRIC_NAMES,
    PAGE_MM,
    arm_colours,
    canvas,
    in_order,
    look,
    save,
    save_notice,
)

ORDER = [MEAN, *STRUCTURES]
LINE_MM = 2.5  # of one arm: a name at the smallest type
LETTER_MM, CELL_MM = 1.2, 9.0  # of a name at the smallest type, of a number in the matrix
PER_LEGEND_LINE = 8
GOLDEN = 0.618034


def draw_distributions(*, cases: Path, pages: Mapping[str, tuple[Path, Path]]) -> None:
    """Per target a page (png, pdf): box and one dot per subject, a panel per metric (rows) and structure (columns).

    Lines are arms, with source and architecture where a target has several; a subject is its mean over phases and
    seeds.
    """
    scores = read_cases(cases)
    frame = per_subject(scores.query("region == 'whole'"))
    frame = frame[frame.metric.isin(STRUCTURE_METRICS)]
    colours = arm_colours(scores.arm)  # of all, so that an arm has one colour in every figure
    for target, (png, pdf) in pages.items():
        page = frame[frame.target == target]
        if page.empty:
            save_notice(f"{target}: no scores", png, pdf)
        else:
            _draw_page(page, colours, png, pdf)


def _draw_page(page: pd.DataFrame, colours: Mapping[str, str], png: Path, pdf: Path) -> None:
    metrics = [metric for metric in STRUCTURE_METRICS if metric in set(page.metric)]
    structures = [structure for structure in ORDER if structure in set(page.structure)]
    names = _names(page)
    lines = list(dict.fromkeys(names.sort_values(key=lambda own: _rank(page).loc[own.index])))
    with look():
        figure = canvas(PAGE_MM, 8 + len(metrics) * (8 + LINE_MM * len(lines)))
        grid = figure.subplots(len(metrics), len(structures), sharex="row", sharey=True, squeeze=False)
        for row, metric in zip(grid, metrics):
            for axes, structure in zip(row, structures):
                panel = page[(page.metric == metric) & (page.structure == structure)]
                _boxes(axes, panel.assign(line=names.loc[panel.index]), lines, colours)
                axes.set_xlabel(METRIC_NAMES[metric])
        for axes, structure in zip(grid[0], structures):
            axes.set_title(f"{structure} (n = {page[page.structure == structure].subject.nunique()} subjects)")
        grid[0][0].set_yticks(range(len(lines)), lines)
        grid[0][0].set_ylim(len(lines) - 0.5, -0.5)
        figure.suptitle(f"tested on {page.target.iloc[0]}")
        save(figure, png, pdf)


def _names(rows: pd.DataFrame) -> pd.Series:
    """What was trained: the arm, and source and architecture where there are several."""
    names = rows.arm
    for column in ("architecture", "source"):
        if rows[column].nunique() > 1:
            names = rows[column] + " · " + names
    return names


def _rank(rows: pd.DataFrame) -> pd.Series:
    """A whole number per row that sorts by source, architecture and the arms' own order."""
    place = {arm: index for index, arm in enumerate(in_order(rows.arm))}
    return rows.assign(place=rows.arm.map(place)).groupby(["source", "architecture", "place"]).ngroup()


def _boxes(axes: Axes, scores: pd.DataFrame, lines: Sequence[str], colours: Mapping[str, str]) -> None:
    for line, own in scores.groupby("line"):
        place, colour = lines.index(str(line)), colours[own.arm.iloc[0]]
        axes.boxplot(
            own.value, positions=[place], orientation="horizontal", widths=0.7, showfliers=False, patch_artist=True,
            manage_ticks=False, boxprops={"facecolor": colour, "alpha": 0.4, "linewidth": 0.4},
            medianprops={"color": INK, "linewidth": 0.9}, whiskerprops={"linewidth": 0.5}, capprops={"linewidth": 0.5},
        )  # fmt: skip
        spread = ((np.arange(len(own)) * GOLDEN) % 1 - 0.5) * 0.4  # even, and the same every time
        axes.scatter(own.value, place + spread, s=2, color=colour, linewidth=0, zorder=3)
    axes.grid(False, axis="y")


def draw_gap(*, cases: Path, png: Path, pdf: Path) -> None:
    """Mean Dice over structures as a matrix: what was trained (source and arm) against where it was tested."""
    summary = summarise(read_cases(cases).query("metric == 'dice' and region == 'whole'"))
    summary = summary[summary.structure == MEAN]
    names = _names(summary)
    rows = names[_rank(summary).sort_values(kind="stable").index]
    sources = sorted(set(summary.source))
    columns = sources + sorted(set(summary.target) - set(sources))
    counts = summary.groupby("target").n.max()
    matrix = summary.assign(row=names).pivot(index="row", columns="target", values="mean")
    matrix = matrix.reindex(index=list(dict.fromkeys(rows)), columns=[c for c in columns if c in set(summary.target)])
    with look():
        needed = 20 + LETTER_MM * max(map(len, matrix.index)) + CELL_MM * matrix.shape[1]
        figure = canvas(COLUMN_MM if needed <= COLUMN_MM else PAGE_MM, 34 + 4.5 * max(matrix.shape[0], 3))
        axes = figure.subplots()
        sns.heatmap(matrix, annot=True, fmt=".3f", cmap="cividis", linewidths=1, ax=axes, cbar_kws={"label": "Dice"})
        trained = "source · arm" if len(sources) > 1 else f"arm, source {sources[0]}"
        axes.set(xlabel="tested on (n subjects)", ylabel=trained)
        texts = [f"{target} ({counts[target]})" for target in matrix.columns]
        axes.set_xticklabels(texts, rotation=30, ha="right", rotation_mode="anchor")
        axes.tick_params(axis="y", rotation=0)
        save(figure, png, pdf)


def draw_curves(*, runs: Sequence[Mapping[str, Any]], arms: Sequence[str], png: Path, pdf: Path) -> None:
    """Loss and validation Dice by step; one line per run, coloured by arm, dashed differently by seed.

    runs: {"arm", "seed", "path" (metrics.jsonl)} and any further keys, each combination of which has its own row.
    arms: all of the study, those too that share another's training, so that an arm has one colour in every figure.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for run in runs:
        rest = [str(value) for key, value in run.items() if key not in ("arm", "seed", "path")]
        groups.setdefault(" · ".join(rest), []).append(run)
    trained = {run["arm"] for run in runs}
    colours = {arm: colour for arm, colour in arm_colours([*arms, *trained]).items() if arm in trained}
    panels = {"loss": "training loss", "val_dice": "validation Dice"}
    with look():
        figure = canvas(PAGE_MM, 12 + 58 * len(groups))
        grid = figure.subplots(len(groups), len(panels), sharex="row", squeeze=False)
        for row, (title, members) in zip(grid, groups.items()):
            for axes, (name, label) in zip(row, panels.items()):
                _lines(axes, members, name, colours)
                axes.set(xlabel=_unit(members[0]), ylabel=label)
                axes.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))
            row[0].set_title(f"{title} (n = {len(members)} training runs)")
        _legend(figure, colours)
        save(figure, png, pdf)


def _unit(run: Mapping[str, Any]) -> str:
    """What a journal counts in its "step": nnU-Net's own program tells of its epochs alone."""
    return "epoch" if str(run.get("architecture", "")).startswith("nnunet") else "step"


def _lines(axes: Axes, runs: Sequence[Mapping[str, Any]], name: str, colours: Mapping[str, str]) -> None:
    dashes = ["-", "--", ":", "-."]
    seeds = sorted({int(run["seed"]) for run in runs})
    for run in runs:
        points = [(line["step"], line[name]) for line in read_metrics(Path(run["path"])) if line.get(name) is not None]
        steps, values = zip(*points) if points else ((), ())
        dash = dashes[seeds.index(int(run["seed"])) % len(dashes)]
        axes.plot(steps, values, dash, color=colours[run["arm"]], linewidth=0.8, alpha=0.85)


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics.jsonl: {"step": …, name: value or null, …}."""
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: not a readable metrics.jsonl ({error}); delete it and train this run again"
        ) from error


def _legend(figure: Figure, colours: Mapping[str, str]) -> None:
    handles = [Line2D([], [], color=colour, linewidth=3, label=arm) for arm, colour in colours.items()]
    figure.legend(handles=handles, loc="outside upper center", ncol=min(PER_LEGEND_LINE, len(handles)))
