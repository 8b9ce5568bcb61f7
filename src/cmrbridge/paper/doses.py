"""The figure of dose and response: the gain of generated pairs against how many, from how many subjects, how good."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from cmrbridge.errors import InputError
from cmrbridge.evaluation.dependence import strata
from cmrbridge.evaluation.doses import ALL_TARGETS, CORRELATIONS, read_doses
from cmrbridge.evaluation.frames import HIGHER_IS_BETTER
from cmrbridge.paper.style import COLUMN_MM, INK, METRIC_NAMES, OTHER_COLOURS, PAGE_MM, SMALL, canvas, look, save

PANELS = {
    "ratio": "synthetic slices per real slice",
    "subjects": "real training subjects",
    "images_frechet": "Fréchet distance of images,\ngenerated : real reference",
}
COLOURS = ("#E69F00", "#0072B2", "#009E73", *OTHER_COLOURS)  # Okabe & Ito 2008, one per stratum
MARKERS = "osD^vP*X"
APART = 1.04  # factor between the sets of points, so that bars at one dose stay apart


def draw_doses(*, doses: Path, correlations: Path, png: Path, pdf: Path) -> None:
    """One panel per variable that varies: the gain on all targets with 95 % intervals, and its correlation.

    doses, correlations: tables of `measure_doses`. Each colour and marker is one set of points that differ in the
    panel's variable alone (`strata`), named with the correlation in the title, or where they are several in a legend;
    the line at 0 is the baseline. Numbers beside points of the quality's panel: steps of the generator's training.
    """
    table, found = read_doses(doses), read_doses(correlations, CORRELATIONS)
    points = table[table.target == ALL_TARGETS]
    groups = {variable: list(strata(points, variable)) for variable in PANELS}
    shown = {variable: sets for variable, sets in groups.items() if sets}
    if not shown:
        raise InputError(
            f"{doses}: neither ratio, subjects nor quality takes two values; give the study more arms or sources"
        )
    with look():
        named = max(len(sets) for sets in shown.values())
        figure = canvas(COLUMN_MM if len(shown) == 1 else PAGE_MM, 70 + (6 * named if named > 1 else 0))
        row = figure.subplots(1, len(shown), sharey=True, squeeze=False)
        for axes, (variable, sets) in zip(row[0], shown.items()):
            _panel(axes, variable, _captioned(sets, found[found.variable == variable]))
        row[0][0].set_ylabel(_gain_label(points))
        figure.suptitle(_sizes(points))
        for axes in row[0]:
            _legend(axes)
        save(figure, png, pdf)


def _panel(axes: Axes, variable: str, sets: list[tuple[str, pd.DataFrame]]) -> None:
    axes.axhline(0, color=INK, linewidth=0.8)
    quality = variable == "images_frechet"
    for index, (caption, group) in enumerate(sets):
        colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
        gain, low, high = (_scale(group) * group[name] for name in ("gain", "gain_low", "gain_high"))
        x = group[variable] * (1 if quality else APART ** (index - (len(sets) - 1) / 2))
        axes.vlines(x, low, high, color=colour, linewidth=1.1)
        axes.plot(
            x,
            gain,
            marker,
            color=colour,
            markersize=3.5,
            linestyle="" if quality else "-",
            linewidth=0.8,
            label=caption,
        )
        for place, height, step in zip(x, gain, group.step) if quality else ():
            text = "end" if pd.isna(step) else f"{int(step)}"
            axes.annotate(text, (place, height), (4, 3), textcoords="offset points", fontsize=6)
    axes.set_xscale("log")
    _ticks(axes, pd.concat([group[variable] for _, group in sets]), quality)
    axes.set_xlabel(PANELS[variable])
    axes.set_title(sets[0][0] if len(sets) == 1 else f"{len(sets)} sets of points, named below", fontsize=SMALL)


def _ticks(axes: Axes, values: pd.Series, round_numbers: bool) -> None:
    """At every dose; for a quality, whose values lie anywhere, at 1, 2 and 5 times the powers of ten."""
    ticks = sorted(set(values))
    if round_numbers:
        numbers = [base * 10.0**exponent for exponent in range(-4, 6) for base in (1, 2, 5)]
        near = [number for number in numbers if values.min() / 1.3 <= number <= values.max() * 1.3]
        ticks = near or ticks
    axes.set_xticks(ticks, [f"{value:g}" for value in ticks])
    axes.xaxis.set_minor_locator(NullLocator())


def _captioned(sets: list[tuple[str, pd.DataFrame]], rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Each set's points under what is held, and Spearman's correlation with its interval or why there is none."""
    captioned = []
    for held, group in sets:
        row = rows[rows.held == held].iloc[0]
        text = f"no correlation: {row.reason}"
        if pd.notna(row.spearman):
            interval = f"{row.spearman_low:+.2f} to {row.spearman_high:+.2f}"
            text = f"Spearman {row.spearman:+.2f} ({interval}), {row.n_points} points"
        captioned.append((f"{held}\n{text}", group))
    return captioned


def _legend(axes: Axes) -> None:
    """Below the panel, which makes room for it."""
    handles, labels = axes.get_legend_handles_labels()
    if len(handles) > 1:
        axes.legend(handles, labels, fontsize=6, loc="upper center", bbox_to_anchor=(0.5, -0.25))


def _scale(points: pd.DataFrame) -> int:
    return 100 if points.metric.iloc[0] in HIGHER_IS_BETTER else 1


def _gain_label(points: pd.DataFrame) -> str:
    metric = str(points.metric.iloc[0])
    name, unit = (
        METRIC_NAMES[metric].split(" (")[0],
        "points" if metric in HIGHER_IS_BETTER else "mm, positive is better",
    )
    return f"gain in {name} over {points.baseline.iloc[0]} ({unit})"


def _sizes(points: pd.DataFrame) -> str:
    people, runs = (_range(points[column]) for column in ("n_subjects", "n_seeds"))
    return f"mean over all targets: {people} test subjects, {runs} training {'run' if runs == '1' else 'runs'} per arm"


def _range(counts: pd.Series) -> str:
    low, high = int(counts.min()), int(counts.max())
    return f"{low}" if low == high else f"{low} to {high}"
