"""Rates behind the privacy audit: a threshold from negatives, its false alarms, AUC with an interval by subject."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Names = NDArray[np.str_]

TAIL = 0.1  # share of the negatives that the tail is fitted to
MOST_ALIKE = 0.9999  # similarity, so that its Fisher transform stays finite


class Interval(NamedTuple):
    """An area under the curve and its 95 % interval, NaN where a side has fewer than two subjects."""

    auc: float
    low: float
    high: float


def threshold(distances: Floats, rate: float) -> float:
    """The distance that a share ``rate`` of negatives falls below.

    Exponential tail over the nearest `TAIL` of Fisher-transformed similarities (peaks over threshold: Pickands 1975):
    steadier than the smallest of a few hundred, and defined below one in n.
    """
    z = np.arctanh(np.minimum(1 - np.asarray(distances, float), MOST_ALIKE))
    start = float(np.quantile(z, 1 - TAIL))
    excess = z[z > start] - start
    slope = float(excess.mean()) if len(excess) else 0.0
    return 1 - float(np.tanh(start + slope * np.log(TAIL / rate)))


def false_alarms(distances: Floats, subjects: Names, neighbours: Names, rate: float) -> float:
    """Share of negatives below a threshold that their own subject had no part in, neither as query nor as neighbour.

    subjects, neighbours: (n,), whose slice each distance starts from and ends at. NaN below three subjects.
    """
    below = []
    for name in np.unique(subjects):
        own = subjects == name
        others = ~own & (neighbours != name)
        if len(np.unique(subjects)) > 2 and others.any():
            below.append(distances[own] < threshold(distances[others], rate))
    return float(np.concatenate(below).mean()) if below else float("nan")


def auc(near: Floats, near_subjects: Names, far: Floats, far_subjects: Names, draws: int, seed: int) -> Interval:
    """How often a value of ``near`` lies below one of ``far`` (ties count half), bootstrapped by subject.

    Subjects of both sides are drawn anew with replacement, all slices of one together: they are not independent.
    """
    names, others = np.unique(near_subjects), np.unique(far_subjects)
    wins, pairs = np.zeros((2, len(names), len(others)))
    for row, name in enumerate(names):
        for column, other in enumerate(others):
            gap = far[None, far_subjects == other] - near[near_subjects == name, None]
            wins[row, column], pairs[row, column] = (gap > 0).sum() + (gap == 0).sum() / 2, gap.size
    point = float(wins.sum() / pairs.sum()) if pairs.size else float("nan")
    if min(len(names), len(others)) < 2:
        return Interval(point, float("nan"), float("nan"))
    generator = np.random.default_rng(seed)
    ours, theirs = (generator.multinomial(n, np.full(n, 1 / n), draws).astype(float) for n in (len(names), len(others)))
    areas = ((ours @ wins) * theirs).sum(axis=1) / ((ours @ pairs) * theirs).sum(axis=1)
    return Interval(point, *(float(bound) for bound in np.quantile(areas, [0.025, 0.975])))
