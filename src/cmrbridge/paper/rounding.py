"""How a number is rounded where it is quoted: in a sentence of the report, and as a macro of numbers.tex."""

from numbers import Integral
from typing import Any

import pandas as pd

from cmrbridge.evaluation.frames import HIGHER_IS_BETTER
from cmrbridge.paper.style import number, p_value

INTERVALS = ("ci", "mixed", "mixed_slope", "bootstrap")
DIFFERENCES = ("difference", *(f"{test}_{end}" for test in INTERVALS for end in ("low", "high")))
SIZES = ("by", "seed_sd", "margin", "mde", "mde_many_subjects", "mde_many_seeds")  # of differences, without a sign
PLAIN = ("t", "df", "hedges_g", "hedges_low", "hedges_high")  # without a unit: two decimals whatever the metric
COUNTS = ("needed_subjects", "needed_seeds")
CLINICAL = ("bias", "low", "high", "median_error")


def unit(metric: str) -> str:
    """Of a difference in a metric, as `quoted` tells it."""
    return "points" if metric in HIGHER_IS_BETTER else "mm"


def told(value: float, metric: str) -> float:
    """A difference in a metric in its `unit`."""
    return 100 * value if metric in HIGHER_IS_BETTER else value


def quoted(value: Any, column: str, metric: str) -> str:
    """One number of a record as sentences, macros and tables print it; an en dash where there is none.

    Differences, their limits and their sizes (the SD of seeds, say) are in points (hundredths) where the metric is a
    share, else in its unit; shares of the gap in percent; clinical errors are signed.
    """
    scale = 100 if metric in HIGHER_IS_BETTER else 1
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if pd.isna(value):
        return "–"
    if isinstance(value, Integral):
        return str(value)
    if column == "p" or column.startswith("p_") or column.endswith("_p"):
        return p_value(value)
    if column in DIFFERENCES:
        return f"{scale * value:+.2f}"
    if column in SIZES:
        return f"{scale * value:.2f}"
    if column in COUNTS:
        return f"{value:.0f}"
    if column == "share_of_gap_closed":
        return f"{100 * value:.0f}"
    if column in CLINICAL:
        return signed(value)
    if column in PLAIN:
        return f"{value:.2f}"
    return f"{value:.1f}" if column == "points" else number(value, metric)


def signed(value: float) -> str:
    """One decimal and the sign, zero without a minus; an en dash where there is none."""
    return "–" if pd.isna(value) else f"{value:+z.1f}"
