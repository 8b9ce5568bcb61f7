"""What a design can find: the smallest detectable difference, and how many subjects or training runs find a given one.

All for two-sided tests at 5 % with 80 % power.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from scipy.optimize import brentq
from scipy.special import nctdtr, stdtrit

from cmrbridge.evaluation.variance import Components, Design, Error, standard_error

LEVEL, POWER = 0.05, 0.8
FARTHEST = 30.0  # standard errors: any design with a degree of freedom finds it
MOST = 1024  # subjects, or runs of each arm, beyond which nobody will go


class Levers(NamedTuple):
    """mde: the difference that the study as it is finds with 80 % power, infinite beyond `FARTHEST` standard errors;
    with any number of subjects but its own runs; with any number of runs but its own subjects; NaN where the variance
    that then remains was cut off at 0, for too small to be measured is not none. needed_*: subjects (at these runs),
    runs of each arm (at these subjects; networks, where both arms use the same) that find the wanted difference;
    infinite where not even `MOST` do."""

    mde: float
    mde_many_subjects: float
    mde_many_seeds: float
    needed_subjects: float
    needed_seeds: float


UNDEFINED = Levers(*[math.nan] * 5)


def power(effect: float, error: Error) -> float:
    """Chance that Student's two-sided test finds a true difference (noncentral t; Cohen 1988, ch. 2)."""
    if error.se == 0:
        return 1.0
    shift, critical = min(abs(effect) / error.se, FARTHEST), stdtrit(error.df, 1 - LEVEL / 2)
    other_side = nctdtr(error.df, shift, -critical)  # NaN where it is too small a number
    return float(1 - nctdtr(error.df, shift, critical) + (0 if math.isnan(other_side) else other_side))


def detectable(error: Error) -> float:
    """The smallest true difference that is found with a chance of `POWER`; infinite where not even `FARTHEST` is."""
    if error.se == 0:
        return 0.0
    unit = Error(1.0, error.df)
    if power(FARTHEST, unit) < POWER:  # fewer degrees of freedom than one, which Satterthwaite's may be
        return math.inf
    return error.se * float(brentq(lambda shift: power(shift, unit) - POWER, 0, FARTHEST, xtol=1e-13))


def levers(parts: Components, design: Design, wanted: float) -> Levers:
    """For the test of `mixed_slope`, with variances as estimated: what runs and what subjects can buy.

    wanted: the true difference that is to be found, in the metric's unit; NaN: nothing is asked.
    """

    def with_runs(count: int) -> Design:
        return design._replace(runs=(count,) * len(design.runs))

    asked = not math.isnan(wanted)
    now = detectable(standard_error(parts, design))
    return Levers(
        mde=now,
        mde_many_subjects=_alone(parts.run * design.share, design.run_df, now),
        mde_many_seeds=_alone(parts.slope / design.subjects, design.subjects - 1, now),
        needed_subjects=_least(parts, lambda n: design._replace(subjects=n), wanted) if asked else math.nan,
        needed_seeds=_least(parts, with_runs, wanted) if asked else math.nan,
    )


def _alone(variance: float, df: float, now: float) -> float:
    """What is detectable where this variance alone remains, ``now`` at most: with fewer degrees of freedom a smaller
    error can seem to find less."""
    return min(now, detectable(Error(math.sqrt(variance), df))) if variance else math.nan


def _least(parts: Components, design_of: Callable[[int], Design], wanted: float) -> float:
    """The smallest number, 2 or more, whose design has `POWER`: doubled until it does, then bisected."""

    def enough(number: int) -> bool:
        return power(wanted, standard_error(parts, design_of(number))) >= POWER

    high = 2
    while not enough(high):
        high *= 2
        if high > MOST:
            return math.inf
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return float(high)
