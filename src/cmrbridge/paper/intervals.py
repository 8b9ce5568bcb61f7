"""Lines of intervals on one axis, which the widest of them does not set."""

import pandas as pd
from matplotlib.axes import Axes

Ends = tuple[float, float]


def common_axis(means: pd.Series, low: pd.Series, high: pd.Series) -> Ends:
    """Both ends: 0, every mean, and of the intervals what lies no further out than half of what the middle 80 % of
    their ends span, so that one wide interval does not press all others together. NaN: no interval.
    """
    bounds = pd.concat([low, high]).dropna()  # none where no group has two subjects
    start, end = (bounds.quantile(0.1), bounds.quantile(0.9)) if len(bounds) else (0.0, 0.0)
    room = 0.5 * (end - start)
    held = pd.concat([means, bounds.clip(start - room, end + room), pd.Series([0.0])])
    margin = 0.05 * (float(held.max() - held.min()) or 1.0)
    return float(held.min()) - margin, float(held.max()) + margin


def draw_interval(axes: Axes, place: float, low: float, high: float, ends: Ends, colour: str) -> None:
    """A horizontal line at height ``place``; one that goes on beyond ``ends`` ends there in an arrow."""
    for beyond, end, arrow in ((low < ends[0], ends[0], "<"), (high > ends[1], ends[1], ">")):
        if beyond:
            axes.plot(end, place, arrow, color=colour, markersize=3.2, clip_on=False)
    axes.hlines(place, max(low, ends[0]), min(high, ends[1]), color=colour, linewidth=1.1)
