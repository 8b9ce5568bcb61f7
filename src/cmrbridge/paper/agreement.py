"""Bland–Altman plots and correlation of ejection fraction and volumes, a page per target."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from cmrbridge.evaluation.frames import read_cases, write_frame
from cmrbridge.evaluation.method_comparison import (
    CHAMBERS,
    KEYS,
    QUANTITIES,
    Agreement,
    agreements,
    measured,
    over_runs,
)
from cmrbridge.paper.style import INK, PAGE_MM, SMALL, arm_colours, canvas, look, save, save_notice

ROW_MM = 34
MARKERS = "os^"  # beside the colour, so that arms are told apart in grey too
LINES = [name for name in Agreement._fields if name.startswith(("bias", "lower", "upper"))]
FENCE = 3.0  # interquartile ranges beyond the quartiles, the outer fence of Tukey 1977: further out is told by an arrow
Ends = tuple[float, float]
UNITS = {"EF": ("%", "points"), "EDV": ("mL", "mL"), "ESV": ("mL", "mL")}  # of the quantity, of its error


def draw_agreement(
    *,
    cases: Path,
    run: Mapping[str, str],
    arms: Sequence[str],
    table: Path,
    pages: Mapping[str, tuple[Path, Path]],
) -> None:
    """Per target a page of png and pdf, and ``table`` (csv): `Agreement` of every arm on every target.

    A page has a row per chamber and quantity; left a Bland–Altman plot of each of ``arms`` (three at most): difference
    against mean, bias and 95 % limits of one training run with their intervals; right the predictions against the
    reference. A mark is a subject, its mean over seeds; one beyond `axis_ends` is an arrow at the edge. run: the source
    and architecture that are shown.
    """
    scores = read_cases(cases)
    runs = measured(scores)
    found, pairs = agreements(runs), over_runs(runs)
    write_frame(table, found.round(6))
    shown = pairs.merge(found.drop(columns="n"), on=[*KEYS[:-1]])
    shown = shown[(shown.source == run["source"]) & (shown.architecture == run["architecture"])]
    shown = shown[shown.arm.isin(list(arms))]
    colours = arm_colours(scores.arm)  # of all, so that an arm has one colour in every figure
    for target, (png, pdf) in pages.items():
        page = shown[shown.target == target]
        if page.empty:
            save_notice(f"{target}: no reference volume of a left or right ventricle", png, pdf)
        else:
            _draw_page(page, [arm for arm in arms if arm in set(page.arm)], colours, png, pdf)


def _draw_page(page: pd.DataFrame, arms: Sequence[str], colours: Mapping[str, str], png: Path, pdf: Path) -> None:
    rows = [(chamber, quantity) for chamber in CHAMBERS for quantity in QUANTITIES]
    rows = [row for row in rows if ((page.structure == row[0]) & (page.quantity == row[1])).any()]
    markers = dict(zip(arms, MARKERS))
    with look():
        figure = canvas(PAGE_MM, 8 + ROW_MM * len(rows))
        grid = figure.subplots(len(rows), len(arms) + 1, squeeze=False, sharey=False)
        for line, (chamber, quantity) in zip(grid, rows):
            points = page[(page.structure == chamber) & (page.quantity == quantity)]
            by_arm = {arm: points[points.arm == arm] for arm in arms if arm in set(points.arm)}
            for axes, arm in zip(line, arms):
                if arm not in by_arm:  # it has no volume here, or no ejection fraction of one
                    axes.set_axis_off()
            drawn = [line[arms.index(arm)] for arm in by_arm]
            ends = axis_ends(points.predicted - points.reference, np.append(points[LINES], 0.0))
            for axes, (arm, one) in zip(drawn, by_arm.items()):
                _bland_altman(axes, one, colours[arm], markers[arm], UNITS[quantity], ends)
            drawn[0].set_ylabel(f"{chamber} {quantity}: predicted –\nreference ({UNITS[quantity][1]})")
            _scatter(line[-1], by_arm, colours, markers, f"{chamber} {quantity}", UNITS[quantity][0])
        for axes, arm in zip(grid[0], arms):
            axes.set_title(f"{arm}\n{axes.get_title()}", fontsize=SMALL)
        first = page.iloc[0]
        count = page.subject.nunique()
        figure.suptitle(f"{first.source} → {first.target}, {first.architecture}: n = {count} subjects")
        save(figure, png, pdf)


def axis_ends(values: ArrayLike, others: ArrayLike = ()) -> Ends:
    """Of an axis that holds ``values`` and ``others`` (lines among them) as far as the outer fences of the values.

    One ejection fraction over a prediction of almost no volume runs to thousands of points, and would press all other
    marks on one line.
    """
    marks = np.asarray(values, float)
    low, high = np.percentile(marks, [25, 75])
    room = FENCE * (high - low) or np.inf  # no spread, no fence
    held = np.concatenate([marks, np.ravel(np.asarray(others, float))])
    held = held[np.isfinite(held)].clip(low - room, high + room)
    margin = 0.05 * (float(np.ptp(held)) or 1.0)
    return float(held.min()) - margin, float(held.max()) + margin


def _bland_altman(
    axes: Axes, points: pd.DataFrame, colour: str, marker: str, units: tuple[str, str], ends: Ends
) -> None:
    found = points.iloc[0]
    differences, means = points.predicted - points.reference, (points.predicted + points.reference) / 2
    axes.axhline(0, color=INK, linewidth=0.6)
    for name, dash in (("bias", "-"), ("lower", "--"), ("upper", "--")):
        axes.axhspan(found[f"{name}_low"], found[f"{name}_high"], color=colour, alpha=0.15, linewidth=0)
        axes.axhline(found[name], color=colour, linestyle=dash, linewidth=0.9)
    across = axis_ends(means)
    inside = means.between(*across) & differences.between(*ends)
    _arrows(axes, means[~inside], differences[~inside], colour, across, ends)
    axes.scatter(
        means[inside], differences[inside], s=7, marker=marker, color=colour, edgecolor="white", linewidth=0.2, zorder=3
    )
    axes.set(xlim=across, ylim=ends)
    axes.set_title(_limits(found, differences), fontsize=SMALL)
    axes.set_xlabel(f"mean of the two ({units[0]}), n = {len(points)}", fontsize=SMALL)


def _arrows(axes: Axes, x: pd.Series, y: pd.Series, colour: str, across: Ends, ends: Ends) -> None:
    """Marks beyond an axis, at its edge; beside them how many, and y of the furthest."""
    if y.empty:
        return
    for one, other in zip(x, y):
        sideways = "<" if one < across[0] else ">"
        sign = "v" if other < ends[0] else "^" if other > ends[1] else sideways
        axes.plot(np.clip(one, *across), np.clip(other, *ends), sign, color=colour, mec=INK, mew=0.4, markersize=4,
                  clip_on=False, zorder=4)  # fmt: skip
    excess = (y - np.clip(y, *ends)).abs()
    furthest = y.loc[excess.idxmax()]
    text = f"{len(y)} beyond" + (f", to {_short(furthest)}" if excess.max() > 0 else "")  # or sideways alone
    if furthest > ends[1]:
        axes.text(0.98, 0.03, text, transform=axes.transAxes, ha="right", va="bottom", fontsize=6)
    else:
        axes.text(0.02, 0.97, text, transform=axes.transAxes, ha="left", va="top", fontsize=6)


def _limits(found: pd.Series, differences: pd.Series) -> str:
    spread = f"{_short(found.bias)} ({_short(found.lower)} to {_short(found.upper)})"
    return f"{spread}, median {_short(differences.median())}"


def _short(value: float) -> str:
    return f"{value:+.1f}" if abs(value) < 10 else f"{value:+.0f}"


def _scatter(
    axes: Axes,
    by_arm: Mapping[str, pd.DataFrame],
    colours: Mapping[str, str],
    markers: Mapping[str, str],
    what: str,
    unit: str,
) -> None:
    values = np.concatenate([one[["predicted", "reference"]].to_numpy().ravel() for one in by_arm.values()])
    ends = axis_ends(values)
    axes.plot(ends, ends, color=INK, linewidth=0.6)
    for arm, one in by_arm.items():
        label = f"{arm}: r {one.pearson.iloc[0]:.2f}, CCC {one.concordance.iloc[0]:.2f}"
        inside = one.reference.between(*ends) & one.predicted.between(*ends)
        axes.plot(one.reference[inside], one.predicted[inside], markers[arm], color=colours[arm], markersize=2.6, mew=0,
                  alpha=0.8, label=label)  # fmt: skip
    every = pd.concat(by_arm.values())
    beyond = every[~(every.reference.between(*ends) & every.predicted.between(*ends))]
    _arrows(axes, beyond.reference, beyond.predicted, INK, ends, ends)
    axes.set(xlim=ends, ylim=ends)
    axes.set_xlabel(f"{what}, reference ({unit})", fontsize=SMALL)
    axes.set_ylabel(f"predicted ({unit})", fontsize=SMALL)
    axes.legend(
        loc="lower center", bbox_to_anchor=(0.5, 1), fontsize=6, handletextpad=0.1, borderpad=0, labelspacing=0.1
    )
