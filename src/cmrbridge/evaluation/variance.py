"""Where the spread of a difference between two arms comes from: training runs, subjects, and what is left.

The model of a score: arm + subject + arm × subject (some subjects gain more than others: the random slope) + training
run within its arm + residual. Scores come as ``sides``: two arrays (training run, subject), arm and baseline, the same
subjects in the same order. Where both use the same networks their runs are no separate draws: then there is one side,
arm − baseline of each network, and its model is gain + subject + training run + residual, all of the difference.
"""

from functools import reduce
from operator import sub
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Design(NamedTuple):
    """subjects: scored by every run of both arms; runs: training runs (seeds) of each side; targets: domains that the
    subjects are of: what these gain differently is no chance of who was tested."""

    subjects: int
    runs: tuple[int, ...]
    targets: int = 1

    @property
    def share(self) -> float:
        """Of the variance of one run, how much is left in the difference of two means over runs."""
        return sum(1 / runs for runs in self.runs)

    @property
    def run_df(self) -> int:
        """Degrees of freedom of the spread between the runs of one side, pooled over the sides."""
        return sum(self.runs) - len(self.runs)

    @property
    def subject_df(self) -> int:
        """Degrees of freedom of the spread between the subjects of one target, pooled over the targets."""
        return self.subjects - self.targets


class Components(NamedTuple):
    """Variances, never below 0. run: between training runs of one side; slope: between subjects, of how much each
    gains; residual: of one subject in one run, beyond both."""

    run: float
    slope: float
    residual: float


class Error(NamedTuple):
    """Standard error of the difference of two arms' means, and its degrees of freedom."""

    se: float
    df: float


def design_of(*sides: Floats, targets: NDArray[Any] | None = None) -> Design:
    """The design of complete sides. targets: (subject,), where they are of several."""
    return Design(sides[0].shape[1], tuple(map(len, sides)), 1 if targets is None else len(np.unique(targets)))


def run_variance(*sides: Floats) -> float:
    """Variance of the runs' means within their side, pooled: estimates run + residual / subjects."""
    squares = sum(len(one) * float(one.mean(1).var()) for one in sides)
    return squares / design_of(*sides).run_df


def components(*sides: Floats, targets: NDArray[Any] | None = None) -> Components:
    """From mean squares and their expectations (analysis of variance), cut off at 0; a `subject_df` and a `run_df`.

    targets: (subject,), where they are of several; spreads between subjects are then pooled within targets. For
    complete arrays of one target these are the REML estimates wherever none is cut off (Searle, Casella & McCulloch
    1992, ch. 4).
    """
    places = np.zeros(sides[0].shape[1]) if targets is None else targets
    design = design_of(*sides, targets=targets)
    squares = sum(_squares(one - one.mean(0), places) for one in sides)
    residual = squares / (design.subject_df * design.run_df)
    return Components(
        run=max(run_variance(*sides) - residual / design.subjects, 0.0),
        slope=max(gain_variance(*sides, targets=places) - residual * design.share, 0.0),
        residual=residual,
    )


def gain_variance(*sides: Floats, targets: NDArray[Any]) -> float:
    """Variance of the subjects' mean gains within their target, pooled: estimates slope + residual × `share`."""
    gains = reduce(sub, (one.mean(0) for one in sides))
    return _squares(gains, targets) / design_of(*sides, targets=targets).subject_df


def standard_error(parts: Components, design: Design) -> Error:
    """Of the difference of the arms' means over new subjects and new runs, at any design.

    The variance is a sum of three mean squares, that of runs + that of gains − the residual one, which both hold; its
    degrees of freedom are Satterthwaite's (1946).
    """
    residual = parts.residual * design.share / design.subjects
    runs = parts.run * design.share + residual
    gains = parts.slope / design.subjects + residual
    spread = design.subject_df
    variance = runs + gains - residual
    if variance <= 0:
        return Error(0.0, float("nan"))
    doubt = runs**2 / design.run_df + gains**2 / spread + residual**2 / (spread * design.run_df)
    return Error(float(np.sqrt(variance)), float(variance**2 / doubt))


def _squares(values: Floats, targets: NDArray[Any]) -> float:
    """(…, subject) → the sum of squares about the means of targets."""
    parts = (values[..., targets == target] for target in np.unique(targets))
    return sum(float(((part - part.mean(-1, keepdims=True)) ** 2).sum()) for part in parts)
