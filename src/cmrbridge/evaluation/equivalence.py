"""«No worse than» and «equivalent»: tests whose null hypothesis is a difference as large as a margin."""

from typing import NamedTuple

from scipy.special import stdtr

from cmrbridge.evaluation.variance import Error


class Equivalence(NamedTuple):
    """One-sided p. no_worse_p: small where the arm is not worse by the margin; equivalence_p: nor better by it."""

    no_worse_p: float
    equivalence_p: float


def equivalence(difference: float, error: Error, margin: float, higher_is_better: bool) -> Equivalence:
    """Two one-sided tests (Schuirmann 1987) of arm − baseline against ∓ ``margin``, in the metric's unit, over 0.

    NaN in, NaN out. At 5 %, equivalence is the 90 % interval lying within ± margin.
    """
    above = float(stdtr(error.df, -(difference + margin) / error.se))
    below = float(stdtr(error.df, (difference - margin) / error.se))
    return Equivalence(above if higher_is_better else below, max(above, below))
