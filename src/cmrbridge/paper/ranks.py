"""The rank plot: mean ranks of the arms with Nemenyi's critical difference."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from cmrbridge.evaluation.frames import read_cases, write_frame
from cmrbridge.evaluation.ranks import FEWEST, ranks
from cmrbridge.paper.style import METRIC_NAMES, PAGE_MM, SMALL, canvas, look, p_value, save, save_notice

LINE_MM, TITLE_MM = 3.2, 3.2
PER_ROW = 5
MOST_TICKS = 6  # on an axis, that their numbers do not touch
COLOUR = "#0072B2"  # Okabe & Ito 2008


def draw_ranks(*, cases: Path, baseline: str, metric: str, table: Path, png: Path, pdf: Path) -> None:
    """A panel per source, architecture and target, and ``table`` (csv) of `ranks`.

    A bar is a mean rank ± half the critical difference: two arms differ by Nemenyi's test where their bars do not
    overlap, and an arm differs from the baseline where its bar leaves the grey band (filled dot). Arms stand in the
    order of their ranks on the first panel of the source and architecture.
    """
    frame = ranks(read_cases(cases), metric)
    write_frame(table, frame.round(6))
    if frame.empty:
        save_notice(f"No ranks: they need {FEWEST} arms, the ceiling not counted, and 2 subjects with all", png, pdf)
        return
    rows = [panels for key in _runs(frame) for panels in _wrapped(key)]
    columns = max(len(panels) for panels, _ in rows)
    ends, most = _ends(frame), frame.arm.nunique()
    ticks = range(1, most + 1, -(-most // MOST_TICKS))
    with look():
        width = min(PAGE_MM, 30 + 50 * columns)
        around = 7 + TITLE_MM * (_title(rows[0][0][0], frame).count("\n") + 1)
        figure = canvas(width, 6 + sum(around + LINE_MM * len(arms) for _, arms in rows))
        grid = figure.subplots(
            len(rows), columns, squeeze=False, gridspec_kw={"height_ratios": [4 + len(arms) for _, arms in rows]}
        )
        for line, (panels, arms) in zip(grid, rows):
            for axes in line[len(panels) :]:
                axes.set_axis_off()
            for axes, panel in zip(line, panels):
                _draw_panel(axes, panel, arms, baseline)
                axes.set(xlim=ends, xticks=ticks)
                axes.set_title(_title(panel, frame))
            line[0].set_yticks(range(len(arms)), arms, fontsize=SMALL)
        figure.supxlabel(f"mean rank by {METRIC_NAMES[metric].split(' (')[0]}, 1 is best", fontsize=7)
        save(figure, png, pdf)


def _runs(frame: pd.DataFrame) -> list[list[pd.DataFrame]]:
    """Per source and architecture its targets' rows, in the table's order."""
    groups = frame.groupby(["source", "architecture"], sort=False)
    return [[panel for _, panel in run.groupby("target", sort=False)] for _, run in groups]


def _wrapped(panels: list[pd.DataFrame]) -> list[tuple[list[pd.DataFrame], list[str]]]:
    """Lines of at most `PER_ROW` panels, each with the arms from top to bottom."""
    arms = [str(arm) for arm in panels[0].arm]
    return [(panels[start : start + PER_ROW], arms) for start in range(0, len(panels), PER_ROW)]


def _ends(rows: pd.DataFrame) -> tuple[float, float]:
    """Of the axis that all panels share, so that they can be compared: every bar."""
    half = rows.critical_difference / 2
    return float((rows.mean_rank - half).min()) - 0.1, float((rows.mean_rank + half).max()) + 0.1


def _draw_panel(axes: Axes, panel: pd.DataFrame, arms: list[str], baseline: str) -> None:
    margin = panel.critical_difference.iloc[0]
    means = panel.set_index("arm").mean_rank
    origin = means.get(baseline, float("nan"))
    axes.axvspan(origin - margin / 2, origin + margin / 2, color="#E5E5E5", linewidth=0, zorder=0)
    for arm, mean in means.items():
        place = arms.index(str(arm))
        told = abs(mean - origin) >= margin
        axes.hlines(place, mean - margin / 2, mean + margin / 2, color=COLOUR, linewidth=1.1)
        axes.plot(mean, place, "o", color=COLOUR, markersize=3.2, mfc=COLOUR if told else "white")
    axes.set(yticks=range(len(arms)), yticklabels=[], ylim=(len(arms) - 0.5, -0.5))
    axes.grid(False)


def _title(panel: pd.DataFrame, frame: pd.DataFrame) -> str:
    first = panel.iloc[0]
    several = [str(first[name]) for name in ("source", "architecture") if frame[name].nunique() > 1]
    p = p_value(first.friedman_p)
    return "\n".join(
        [
            *([", ".join(several)] if several else []),
            f"{first.target}, n = {first.n} subjects",
            f"CD {first.critical_difference:.1f}",
            f"Friedman p {p if p.startswith('<') else '= ' + p}",
        ]
    )
