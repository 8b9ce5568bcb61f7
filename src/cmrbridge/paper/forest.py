"""The forest plot: what each arm adds to the baseline, by target, vendor and pathology."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from cmrbridge.evaluation.frames import HIGHER_IS_BETTER, read_cases, write_frame
from cmrbridge.evaluation.subgroups import subgroups
from cmrbridge.paper.style import (
    COLUMN_MM,
    INK,
    METRIC_NAMES,
    PAGE_MM,
    SMALL,
    canvas,
    in_order,
    look,
    save,
    save_notice,
)

PER_ROW = 5
COLOUR = "#0072B2"  # Okabe & Ito 2008
LINE_MM = 3.2
Line = tuple[str, str]  # grouping and group; a heading has no group


def draw_forest(
    *, cases: Path, subjects: Mapping[str, Path], baseline: str, metric: str, table: Path, png: Path, pdf: Path
) -> None:
    """A panel per arm (and source, architecture where there are several) and ``table`` (csv) of `subgroups`.

    A dot is the mean over subjects of arm − baseline, its line the 95 % interval of the paired t-test; a filled dot's
    interval leaves out 0. Shares of 1 are shown in points. All panels share one axis, which holds every mean; an
    interval that goes on beyond it ends in an arrow. subjects: target → subjects.csv of its data set.
    """
    frame = subgroups(read_cases(cases), subjects, baseline, metric)
    write_frame(table, frame.round(6))
    if frame.empty:
        save_notice(f"No arm stands beside {baseline}", png, pdf)
        return
    panels = _panels(frame)
    lines = _lines(frame)
    columns = min(PER_ROW, len(panels))
    rows = -(-len(panels) // columns)
    with look():
        width = COLUMN_MM if columns == 1 else PAGE_MM
        figure = canvas(width, 11 + rows * (9 + LINE_MM * len(lines)))
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
        scale, ends = 100 if metric in HIGHER_IS_BETTER else 1, common_axis(frame)
        for axes, (title, panel) in zip(grid.flat, panels.items()):
            _draw_panel(axes, panel, lines, scale, (scale * ends[0], scale * ends[1]))
            axes.set_title(title)
        for axes in grid[:, 0]:
            _name_lines(axes, lines, frame)
        figure.supxlabel(_effect(baseline, metric), fontsize=7)
        save(figure, png, pdf)


def _panels(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    several = [name for name in ("source", "architecture") if frame[name].nunique() > 1]
    found = {}
    for arm in in_order(frame.arm):
        for key, rows in frame[frame.arm == arm].groupby(several or ["source"], sort=False):
            found["\n".join([arm, *(map(str, key) if several else ())])] = rows
    return found


def _lines(frame: pd.DataFrame) -> list[Line]:
    """Headings and groups from top to bottom."""
    groups = frame[["grouping", "group"]].drop_duplicates()
    return [
        line
        for grouping in groups.grouping.unique()
        for line in [(grouping, ""), *groups[groups.grouping == grouping].itertuples(index=False, name=None)]
    ]


def common_axis(frame: pd.DataFrame) -> tuple[float, float]:
    """Both ends: 0, every mean, and of the intervals what lies no further out than half of what the middle 80 % of
    their ends span, so that one wide interval does not press all others together.
    """
    bounds = frame[["ci_low", "ci_high"]].stack().dropna()  # none where no group has two subjects
    low, high = (bounds.quantile(0.1), bounds.quantile(0.9)) if len(bounds) else (0.0, 0.0)
    room = 0.5 * (high - low)
    inner = bounds.clip(low - room, high + room)
    held = pd.concat([frame.difference, inner, pd.Series([0.0])])
    margin = 0.05 * (float(held.max() - held.min()) or 1.0)
    return float(held.min()) - margin, float(held.max()) + margin


def _draw_panel(axes: Axes, panel: pd.DataFrame, lines: list[Line], scale: int, ends: tuple[float, float]) -> None:
    axes.axvline(0, color=INK, linewidth=0.8)
    for row in panel.itertuples():
        place = lines.index((row.grouping, row.group))
        told = row.ci_low > 0 or row.ci_high < 0
        mean, low, high = (scale * value for value in (row.difference, row.ci_low, row.ci_high))
        for beyond, end, arrow in ((low < ends[0], ends[0], "<"), (high > ends[1], ends[1], ">")):
            if beyond:
                axes.plot(end, place, arrow, color=COLOUR, markersize=3.2, clip_on=False)
        axes.hlines(place, max(low, ends[0]), min(high, ends[1]), color=COLOUR, linewidth=1.1)
        axes.plot(mean, place, "o", color=COLOUR, markersize=3.2, mfc=COLOUR if told else "white")
    axes.set_xlim(ends)
    axes.grid(False, axis="y")
    axes.xaxis.set_tick_params(labelbottom=True)


def _name_lines(axes: Axes, lines: list[Line], frame: pd.DataFrame) -> None:
    """On the axis that all panels share; n of each group, over arms where they differ."""
    counts = frame.groupby(["grouping", "group"]).n.agg(["min", "max"])
    texts = []
    for grouping, group in lines:
        low, high = counts.loc[(grouping, group)] if group else (0, 0)
        texts.append(f"{group} (n = {low})" if low == high else f"{group} (n = {low} to {high})")
        if not group:
            texts[-1] = grouping
    axes.set_yticks(range(len(lines)), texts)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    for label, (_, group) in zip(axes.get_yticklabels(), lines):
        label.set(fontweight="normal" if group else "bold", fontsize=SMALL)


def _effect(baseline: str, metric: str) -> str:
    name, unit = METRIC_NAMES[metric].split(" (")[0], "points" if metric in HIGHER_IS_BETTER else "mm"
    better = "right" if metric in HIGHER_IS_BETTER else "left"
    return f"mean {name} of the arm – {baseline} ({unit}, 95 % interval)\n{better} of 0 is better"
