"""The forest plot: what each arm adds to the baseline, by target, vendor and pathology."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from cmrbridge.evaluation.frames import HIGHER_IS_BETTER, read_cases, write_frame
from cmrbridge.evaluation.subgroups import subgroups
from cmrbridge.paper.intervals import Ends, common_axis, draw_interval
from cmrbridge.paper.rounding import told, unit
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
    scale = told(1, metric)
    frame = frame.assign(**{name: scale * frame[name] for name in ("difference", "ci_low", "ci_high")})
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
        ends = common_axis(frame.difference, frame.ci_low, frame.ci_high)
        for axes, (title, panel) in zip(grid.flat, panels.items()):
            _draw_panel(axes, panel, lines, ends)
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


def _draw_panel(axes: Axes, panel: pd.DataFrame, lines: list[Line], ends: Ends) -> None:
    axes.axvline(0, color=INK, linewidth=0.8)
    for row in panel.itertuples():
        place = lines.index((row.grouping, row.group))
        leaves_out = row.ci_low > 0 or row.ci_high < 0
        draw_interval(axes, place, row.ci_low, row.ci_high, ends, COLOUR)
        axes.plot(row.difference, place, "o", color=COLOUR, markersize=3.2, mfc=COLOUR if leaves_out else "white")
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
    name = METRIC_NAMES[metric].split(" (")[0]
    better = "right" if metric in HIGHER_IS_BETTER else "left"
    return f"mean {name} of the arm – {baseline} ({unit(metric)}, 95 % interval)\n{better} of 0 is better"
