"""The mixed model where some run lacks some subject: restricted maximum likelihood.

Not by statsmodels: where runs hardly differ, its optimiser stops before the bound, and says that it converged.
"""

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky
from scipy.optimize import minimize

from cmrbridge.evaluation.statistics import SPREAD
from cmrbridge.evaluation.variance import Floats

GRID = (-8.0, -5.0, -2.0, 1.0, 4.0, 7.0)  # logarithms of (subjects', runs' / residual variance): the best begins
LARGEST = 18.0  # of these logarithms: the residual is then rounding
NONE = -np.inf  # the logarithm of no variance
FREE = ((True, True), (True, False), (False, True))  # inside, and each bound apart: none is likelier than the result


class Fit(NamedTuple):
    """difference: arm − baseline; se: its standard error; the variances of subjects, of runs and of the residual."""

    difference: float
    se: float
    subject: float
    run: float
    residual: float


UNFITTED = Fit(*[float("nan")] * 5)


class _Solution(NamedTuple):
    """At one pair of variances. deviance: −2 log restricted likelihood, up to a constant; variance: of the residual;
    spread: variance of the last fixed effect, by that of the residual."""

    deviance: float
    effect: float
    variance: float
    spread: float


def fit(arm: Floats, baseline: Floats) -> Fit:
    """value ~ arm + (1 | subject) + (1 | arm:run) of arrays (run, subject) with NaN where a score is missing.

    NaN where a search did not converge, and where subjects and runs explain every score, so that the likelihood has
    no maximum.
    """
    scores = np.concatenate([arm, baseline])
    run, subject = np.nonzero(~np.isnan(scores))
    values = scores[run, subject]
    blocks = [np.equal.outer(which, np.unique(which)).astype(float) for which in (subject, run)]
    random, owner = np.hstack(blocks), np.repeat([0, 1], [block.shape[1] for block in blocks])
    fixed = np.column_stack([np.ones(len(run)), run < len(arm)])
    if not _has_residual(np.hstack([random, fixed]), values):
        return UNFITTED
    size = float(values.std())  # the optimiser's tolerances are absolute
    standard = (values - values.mean()) / size

    def solve(logs: Floats) -> _Solution:
        return _solve(np.exp(logs / 2)[owner], random, fixed, standard)

    logs = _likeliest(lambda logs: solve(logs).deviance)
    if logs is None:
        return UNFITTED
    best = solve(logs)
    variances = size**2 * best.variance * np.array([*np.exp(logs), 1])
    return Fit(size * best.effect, float(size * np.sqrt(best.variance * best.spread)), *map(float, variances))


def _likeliest(deviance: Callable[[Floats], float]) -> Floats | None:
    """Where it is least, on the bounds or between them; None where a search did not converge."""
    found = [(deviance(np.full(2, NONE)), np.full(2, NONE))]
    for free in map(np.array, FREE):
        grid = product(*(GRID if one else (NONE,) for one in free))
        begin = min(map(np.array, grid), key=deviance)

        def along(point: Floats, free: NDArray[np.bool_] = free) -> float:
            return deviance(_placed(point, free))

        simplex = begin[free] + np.eye(free.sum() + 1, free.sum())
        end = minimize(along, begin[free], method="Nelder-Mead", options={"initial_simplex": simplex, "fatol": 1e-10})
        if not end.success:
            return None
        found.append((end.fun, _placed(end.x, free)))
    return min(found, key=lambda one: one[0])[1]


def _placed(point: Floats, free: NDArray[np.bool_]) -> Floats:
    logs = np.full(2, NONE)
    logs[free] = np.minimum(point, LARGEST)
    return logs


def _has_residual(design: Floats, values: Floats) -> bool:
    """Whether anything is left of the values beyond what the columns of the design explain."""
    found, _, rank, _ = np.linalg.lstsq(design, values)
    return bool(len(values) > rank and float((values - design @ found).std()) >= SPREAD)


def _solve(scale: Floats, random: Floats, fixed: Floats, values: Floats) -> _Solution:
    """Penalised least squares and the profiled REML criterion (Bates et al. 2015, J Stat Softw 67(1), section 3).

    scale: of each column of ``random``, the standard deviation of its effect by the residual's.
    """
    design = np.hstack([random * scale, fixed])
    count = random.shape[1]
    penalty = np.arange(design.shape[1]) < count
    root = cholesky(design.T @ design + np.diag(penalty.astype(float)), lower=True)
    effects = cho_solve((root, True), design.T @ values)
    freedom = len(values) - fixed.shape[1]
    squares = float(((values - design @ effects) ** 2).sum() + (effects[:count] ** 2).sum())
    deviance = 2 * float(np.log(np.diag(root)).sum()) + freedom * float(np.log(squares))
    return _Solution(deviance, float(effects[-1]), squares / freedom, float(root[-1, -1] ** -2))
