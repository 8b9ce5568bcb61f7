"""A linear model with a random intercept per group, by maximum likelihood.

With one random effect the likelihood is a function of one number, the share of the variance that lies between groups:
it is searched within its bounds, so that groups that do not differ at all, where the second derivatives that a general
solver inverts are singular, are a case like any other.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

Floats = NDArray[np.float64]
EXACT = 1e-24  # of the values' squares: what is left below it is rounding, in which no share is better than another
NEARLY_ALL = 1 - 1e-9  # of the variance between groups


class RandomIntercepts(NamedTuple):
    """log_likelihood; effects (column) and their standard errors; variances between and within groups."""

    log_likelihood: float
    effects: Floats
    errors: Floats
    between: float
    within: float


def fit_random_intercepts(values: Floats, columns: Floats, groups: NDArray[np.intp]) -> RandomIntercepts:
    """values: (n,). columns: (n, k) of full rank, an intercept among them. groups: (n,) whole numbers from 0."""
    found = minimize_scalar(
        lambda share: -_given(share, values, columns, groups).log_likelihood,
        bounds=(0, NEARLY_ALL),
        method="bounded",
        options={"xatol": 1e-10},
    )
    candidates = [_given(share, values, columns, groups) for share in (0.0, float(found.x))]
    return max(candidates, key=lambda fit: fit.log_likelihood)


def _given(share: float, values: Floats, columns: Floats, groups: NDArray[np.intp]) -> RandomIntercepts:
    """The best fit where groups make up ``share`` of the variance: least squares, once each group's part is taken out
    of it (Fuller & Battese 1973)."""
    sizes, ratio = np.bincount(groups), share / (1 - share)
    taken = 1 - 1 / np.sqrt(1 + sizes * ratio)
    both = np.column_stack([columns, values])
    means = np.stack([np.bincount(groups, weights=column) / np.maximum(sizes, 1) for column in both.T], axis=1)
    both = both - (taken[:, None] * means)[groups]
    x, y = both[:, :-1], both[:, -1]
    effects = np.linalg.lstsq(x, y, rcond=None)[0]
    within = max(float(np.mean((y - x @ effects) ** 2)), EXACT * float(np.mean(values**2)), np.finfo(float).tiny)
    likelihood = -0.5 * (len(y) * (np.log(2 * np.pi * within) + 1) + np.log1p(sizes * ratio).sum())
    errors = np.sqrt(within * np.diag(np.linalg.inv(x.T @ x)))
    return RandomIntercepts(float(likelihood), effects, errors, ratio * within, within)
