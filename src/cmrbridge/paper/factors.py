"""The figure of factors: what each attribute's levels add to the score, the others held."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from cmrbridge.errors import InputError
from cmrbridge.evaluation.factors import COLUMNS, OF_TRAINING
from cmrbridge.paper.intervals import Ends, common_axis, draw_interval
from cmrbridge.paper.style import INK, PAGE_MM, canvas, look, save

POINTS = 100  # of Dice
LINE_MM = 3.4


def draw_factors(*, factors: Path, png: Path, pdf: Path) -> None:
    """One line per level: its effect in points of Dice with the 95 % interval, under the name of its attribute.

    factors: table of `measure_factors`. Attributes stand in the order of the variance that they explain alone; the
    line at 0 is the reference level; an interval that goes on beyond the axis ends in an arrow. What was trained has a
    point alone: the comparisons' table judges it.
    """
    table = _read(factors)
    lines = [line for rows in _attributes(table) for line in _lines(rows)]
    with look():
        figure = canvas(PAGE_MM, 14 + LINE_MM * len(lines))
        axes = figure.subplots()
        axes.axvline(0, color=INK, linewidth=0.8)
        ends = common_axis(*(POINTS * table[name] for name in ("effect", "ci_low", "ci_high")))
        for place, (_, row) in enumerate(lines):
            _draw(axes, place, row, ends)
        axes.set_xlim(ends)
        axes.set_yticks(range(len(lines)), [text for text, _ in lines])
        for label, (_, row) in zip(axes.get_yticklabels(), lines):
            label.set_fontweight("normal" if row is not None else "bold")
        axes.set_ylim(len(lines) - 0.5, -0.7)
        axes.grid(False, axis="y")
        axes.set_xlabel("Dice against the reference, points (95 % interval)")
        save(figure, png, pdf)


def _read(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, dtype={"level": str, "reference": str, "without": str}, keep_default_na=True)
        return frame[list(COLUMNS)].fillna({"without": ""})
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path}: not a table of factors ({error}); delete it and run again") from error


def _attributes(table: pd.DataFrame) -> list[pd.DataFrame]:
    """The rows of each attribute, largest share first, unknown ones last; attributes of equal columns (a data set of
    one vendor, one centre) are one and bear all their names."""
    found: dict[tuple[float, ...], list[pd.DataFrame]] = {}
    shares = table.share.fillna(-1.0)
    for _, rows in table.groupby("attribute", sort=False):
        found.setdefault((shares[rows.index[0]], *rows.effect), []).append(rows)
    ranked = sorted(found.values(), key=lambda equals: -shares[equals[0].index[0]])
    return [
        equals[0].assign(attribute=[tuple(one.attribute.iloc[0] for one in equals)] * len(equals[0]))
        for equals in ranked
    ]


def _lines(rows: pd.DataFrame) -> list[tuple[str, pd.Series | None]]:
    """A heading, in two lines where there is more to say, and a line per level, the strongest first."""
    first = rows.iloc[0]
    names = " = ".join(map(_words, first.attribute))
    share = "share of variance not known" if np.isnan(first.share) else f"{100 * first.share:.1f} % of variance"
    headings = [f"{names}: {share}, {_verdict(rows)}"]
    others = [_words(name) for name in first.without.split("; ") if name and name not in first.attribute]
    if others:
        headings.append(f"(not told apart from {', '.join(others)})")
    ranked = rows.reindex(rows.effect.abs().sort_values(ascending=False, kind="stable").index)
    levels = [(f"{row.level} – {row.reference}, n = {row.n_subjects}", row) for _, row in ranked.iterrows()]
    return [*((heading, None) for heading in headings), *levels]


def _verdict(rows: pd.DataFrame) -> str:
    """The smallest p, corrected for the number of levels: that of no level differing from the reference."""
    if set(rows.attribute.iloc[0]) <= set(OF_TRAINING):
        return "tested in the comparisons"
    p = rows.p.min()
    if np.isnan(p):
        return "no p"
    return "p < .001" if p < 0.001 else f"p = {p:.2g}"


def _words(attribute: str) -> str:
    return attribute.removesuffix("_t").replace("_", " ")


def _draw(axes: Axes, place: int, row: pd.Series | None, ends: Ends) -> None:
    if row is None:
        return
    colour = INK if np.isnan(row.p) else "#0072B2" if row.p < 0.05 else "#999999"
    draw_interval(axes, place, POINTS * row.ci_low, POINTS * row.ci_high, ends, colour)
    axes.plot(POINTS * row.effect, place, "o", color=colour, markersize=3.2)
