"""Mixed models of arm against baseline in which the training run counts: plain arrays in, plain numbers out.

Arrays are (training run, subject), one per arm, the same subjects in the same order, NaN where a run has no score of a
subject. What cannot be told (no arm with two runs, fewer than two subjects, no spread at all) is NaN, no exception.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from cmrbridge.evaluation.statistics import SPREAD
from cmrbridge.evaluation.variance import Error, Floats, components, design_of, run_variance, standard_error


class Estimate(NamedTuple):
    """Arm minus baseline, its standard error and degrees of freedom; p (two-sided) and 95 % interval after Student."""

    difference: float
    se: float
    df: float
    p: float
    low: float
    high: float


UNDEFINED = Estimate(*[math.nan] * 6)


def mixed_model(arm: Floats, baseline: Floats) -> Estimate:
    """metric ~ arm + (1 | subject) + (1 | arm:run): would other training runs differ alike, on these subjects?

    Complete arrays have an exact answer: subjects cancel and runs are the error, so it is Student's test of the runs'
    means, with runs − 2 degrees of freedom (analysis of variance of a split plot). Where scores are missing, the means
    are those of `run_means`. A subject that neither arm scored is none.
    """
    arm, baseline = _scored(arm, baseline)
    runs = len(arm) + len(baseline)
    if min(len(arm), len(baseline)) < 1 or runs < 3:
        return UNDEFINED
    means = run_means(np.concatenate([arm, baseline]))
    ours, theirs = means[: len(arm), None], means[len(arm) :, None]
    error = math.sqrt(run_variance(ours, theirs) * design_of(ours, theirs).share)
    return student(float(ours.mean() - theirs.mean()), Error(error, runs - 2))


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


def mixed_slope(arm: Floats, baseline: Floats) -> Estimate:
    """metric ~ arm + (arm | subject) + (1 | arm:run): would other runs, on other subjects, differ alike?

    As above, but subjects may gain unequally, so that which subjects were tested counts too. On complete arrays, as
    `complete` makes them; error and degrees of freedom: `standard_error`.
    """
    design = design_of(arm, baseline)
    if min(design) < 1 or design.subjects < 2 or design.run_df < 1:
        return UNDEFINED
    return student(float(arm.mean() - baseline.mean()), standard_error(components(arm, baseline), design))


def complete(arm: Floats, baseline: Floats) -> tuple[Floats, Floats]:
    """Both arrays with only the subjects that every run of both scored."""
    both = ~(np.isnan(arm).any(0) | np.isnan(baseline).any(0))
    return arm[:, both], baseline[:, both]


def student(difference: float, error: Error) -> Estimate:
    """Student's test and interval."""
    if not error.se >= SPREAD:
        return UNDEFINED
    margin = stdtrit(error.df, 0.975) * error.se
    p = 2 * stdtr(error.df, -abs(difference) / error.se)
    return Estimate(*map(float, (difference, *error, p, difference - margin, difference + margin)))


def _scored(arm: Floats, baseline: Floats) -> tuple[Floats, Floats]:
    """Without subjects that neither arm scored, and runs that scored nobody."""
    known = ~(np.isnan(arm).all(0) & np.isnan(baseline).all(0))
    arm, baseline = arm[:, known], baseline[:, known]
    return arm[~np.isnan(arm).all(1)], baseline[~np.isnan(baseline).all(1)]
