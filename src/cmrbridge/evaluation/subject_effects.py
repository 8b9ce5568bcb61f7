"""Effects whose unit is the subject, however many scores each has: within subjects, and between groups of them.

Scores of one subject go together, and subjects differ in how much they lose at the apex or gain by an arm. So each
subject gives one number, and subjects are all that counts as n.
"""

import math

import numpy as np
from numpy.typing import NDArray

from cmrbridge.evaluation.mixed import UNDEFINED, Estimate, student
from cmrbridge.evaluation.variance import Error, Floats

NONE = 1e-9  # of a share: what is left below it is rounding


def within_subjects(differences: Floats) -> Estimate:
    """Student's paired test and interval. differences: (subject,), of one level from the reference."""
    count = len(differences)
    if not count:
        return UNDEFINED
    error = differences.std(ddof=1) / math.sqrt(count) if count > 1 else math.nan
    return student(differences.mean(), Error(error, count - 1))._replace(difference=float(differences.mean()))


def between_subjects(values: Floats, columns: Floats, groups: NDArray[np.intp]) -> list[Estimate]:
    """Test and interval of each column's coefficient, by least squares over subjects whose spread may differ by group.

    values: (subject,). columns: (subject, k) of full rank, an intercept among them. groups: (subject,) from 0.
    Errors are MacKinnon & White's (1985) HC2, degrees of freedom Satterthwaite's with a variance of each group's own:
    where columns are an intercept and the groups this is Welch's test (Bell & McCaffrey 2002, with equal variances).
    Undefined where a coefficient rests on one subject alone.
    """
    inverse = np.linalg.pinv(columns)
    maker = np.eye(len(values)) - columns @ inverse  # of residuals
    rest, free = maker @ values, np.diag(maker)
    known = free > NONE
    spreads = np.bincount(groups, rest**2) / np.maximum(np.bincount(groups, free), NONE)
    joint = (maker * spreads[groups]) @ maker  # covariance of the residuals
    found = []
    for weights, effect in zip(inverse, inverse @ values):
        parts = np.divide(weights**2, free, out=np.zeros_like(free), where=known)
        expected, doubt = float(parts @ np.diag(joint)), float(parts @ joint**2 @ parts)
        alone = (weights[~known] ** 2).sum() > NONE * (weights**2).sum()
        error = (
            Error(math.nan, math.nan) if alone or not doubt else Error(math.sqrt(parts @ rest**2), expected**2 / doubt)
        )
        found.append(student(effect, error)._replace(difference=float(effect)))
    return found


def levels_of_subjects(scores: Floats) -> Floats:
    """(subject, cell), NaN where there is no score → (subject,): how far each lies above the average subject, by least
    squares of subject + cell: a missing score counts as what subject and cell lead one to expect.

    NaN where no chain of shared cells links the subjects, so that they can't be compared.
    """
    scores = scores[:, ~np.isnan(scores).all(0)]
    known = ~np.isnan(scores)
    surplus = np.where(known, scores - np.nanmean(scores, axis=0), 0).sum(1)
    system = np.diag(known.sum(1)) - (known / known.sum(0)) @ known.T
    levels, _, rank, _ = np.linalg.lstsq(system, surplus, rcond=NONE)
    return levels - levels.mean() if rank == len(scores) - 1 else np.full(len(scores), math.nan)
