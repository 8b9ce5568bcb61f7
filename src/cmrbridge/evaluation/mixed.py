"""Mixed models of arm against baseline in which the training run counts: plain arrays in, plain numbers out.

Sides are (arm, baseline), each an array (training run, subject), the same subjects in the same order, NaN where a run
has no score of a subject; or one array of arm − baseline, where each run is one network that both use (`variance`).
What cannot be told (no side with two runs, fewer than two subjects, no spread at all) is NaN, no exception.
"""

import math
from functools import reduce
from operator import sub
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from cmrbridge.evaluation.statistics import SPREAD
from cmrbridge.evaluation.variance import Design, Error, Floats, components, design_of, run_variance, standard_error


class Estimate(NamedTuple):
    """Arm minus baseline, its standard error and degrees of freedom; p (two-sided) and 95 % interval after Student."""

    difference: float
    se: float
    df: float
    p: float
    low: float
    high: float


UNDEFINED = Estimate(*[math.nan] * 6)


def mixed_model(*sides: Floats) -> Estimate:
    """metric ~ arm + (1 | subject) + (1 | arm:run): would other training runs differ alike, on these subjects?

    Complete arrays have an exact answer: subjects cancel and runs are the error, so it is Student's test of the runs'
    means, with runs − 2 degrees of freedom (analysis of variance of a split plot); of one side, the test of one sample,
    with runs − 1. Where scores are missing, the means are those of `run_means`. A subject that no side scored is none.
    """
    sides = _scored(*sides)
    design = design_of(*sides)
    if _tells_nothing(design):
        return UNDEFINED
    means = np.split(run_means(np.concatenate(sides))[:, None], np.cumsum(design.runs)[:-1])
    error = math.sqrt(run_variance(*means) * design.share)
    return student(float(reduce(sub, (one.mean() for one in means))), Error(error, design.run_df))


def run_means(scores: Floats) -> Floats:
    """Mean of each run (row) as if it had scored every subject: the effects of runs, by least squares, in a model of
    subject + run; NaN where no chain of subjects links the runs, so that they can't be compared."""
    if not np.isnan(scores).any():
        return scores.mean(1)
    run, subject = np.nonzero(~np.isnan(scores))
    design = np.zeros((len(run), sum(scores.shape)))
    design[np.arange(len(run)), run] = design[np.arange(len(run)), len(scores) + subject] = 1
    effects, _, rank, _ = np.linalg.lstsq(design, scores[run, subject])
    if rank < design.shape[1] - 1:  # the level is shared between the two
        return np.full(len(scores), math.nan)
    return effects[: len(scores)] + effects[len(scores) :].mean()


def mixed_slope(*sides: Floats) -> Estimate:
    """metric ~ arm + (arm | subject) + (1 | arm:run): would other runs, on other subjects, differ alike?

    As above, but subjects may gain unequally, so that which subjects were tested counts too. On complete arrays, as
    `complete` makes them; error and degrees of freedom: `standard_error`.
    """
    design = design_of(*sides)
    if _tells_nothing(design):
        return UNDEFINED
    difference = float(reduce(sub, (one.mean() for one in sides)))
    return student(difference, standard_error(components(*sides), design))


def complete(*sides: Floats) -> tuple[Floats, ...]:
    """The sides with only the subjects that every run of each scored."""
    scored = ~np.isnan(np.concatenate(sides)).any(0)
    return tuple(one[:, scored] for one in sides)


def student(difference: float, error: Error) -> Estimate:
    """Student's test and interval."""
    if not error.se >= SPREAD:
        return UNDEFINED
    margin = stdtrit(error.df, 0.975) * error.se
    p = 2 * stdtr(error.df, -abs(difference) / error.se)
    return Estimate(*map(float, (difference, *error, p, difference - margin, difference + margin)))


def _tells_nothing(design: Design) -> bool:
    return min(design.runs) < 1 or design.run_df < 1 or design.subjects < 2


def _scored(*sides: Floats) -> tuple[Floats, ...]:
    """Without subjects that no side scored, and runs that scored nobody."""
    known = ~np.isnan(np.concatenate(sides)).all(0)
    return tuple(one[:, known][~np.isnan(one).all(1)] for one in sides)
