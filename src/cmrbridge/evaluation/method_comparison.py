"""Volumes and ejection fractions, predicted against reference: limits of agreement, correlation and concordance."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from cmrbridge.evaluation.limits import NORMAL_975, limits_of_agreement

QUANTITIES = {  # name → (metric, its error, phase) in cases.csv; prediction − error is the reference
    "EF": ("ef_percent", "ef_error_points", "ED-ES"),
    "EDV": ("volume_ml", "volume_error_ml", "ED"),
    "ESV": ("volume_ml", "volume_error_ml", "ES"),
}
CHAMBERS = ("LV", "RV")
KEYS = ["source", "target", "architecture", "arm", "structure", "quantity", "subject"]


class Agreement(NamedTuple):
    """Of n pairs (NaN where fewer than two, or no spread, leave a number undefined).

    bias: mean of predicted − reference; lower, upper: the 95 % limits of agreement, bias ± 1.96 SD; *_low, *_high:
    95 % confidence intervals of these three. pearson: r; concordance: Lin's coefficient.
    """

    n: int
    bias: float
    bias_low: float
    bias_high: float
    lower: float
    lower_low: float
    lower_high: float
    upper: float
    upper_low: float
    upper_high: float
    pearson: float
    concordance: float


def agreement(predicted: ArrayLike, reference: ArrayLike, sd: float | None = None) -> Agreement:
    """Limits of agreement of (n,) pairs (Bland & Altman 1999, section 2).

    sd: of a single difference, where the pairs are means of several and vary less; None takes the pairs' own. A
    limit's standard error is SD √(1/n + 1.96² / (2 (n − 1))), and its interval takes Student's t of n − 1 degrees. All
    intervals ask about other subjects and these trainings: where runs vary, those of other trainings are wider.
    """
    ours, theirs = np.asarray(predicted, float), np.asarray(reference, float)
    differences = ours - theirs
    n, bias = len(differences), float(differences.mean())
    if n < 2:
        return Agreement(n, bias, *[math.nan] * 10)
    own, t = float(differences.std(ddof=1)), float(stats.t.ppf(0.975, n - 1))
    sd = own if sd is None else sd
    of_bias, of_limit = t * own / math.sqrt(n), t * sd * math.sqrt(1 / n + NORMAL_975**2 / (2 * (n - 1)))
    lower, upper = bias - NORMAL_975 * sd, bias + NORMAL_975 * sd
    ends = [(value - margin, value + margin) for value, margin in
            ((bias, of_bias), (lower, of_limit), (upper, of_limit))]  # fmt: skip
    return Agreement(
        n, bias, *ends[0], lower, *ends[1], upper, *ends[2], pearson(ours, theirs), concordance(ours, theirs)
    )


def pearson(predicted: ArrayLike, reference: ArrayLike) -> float:
    """The product-moment correlation of (n,) pairs; NaN where one of the two does not vary."""
    ours, theirs = np.asarray(predicted, float), np.asarray(reference, float)
    if len(ours) < 2 or min(np.ptp(ours), np.ptp(theirs)) == 0:
        return math.nan
    return float(np.corrcoef(ours, theirs)[0, 1])


def concordance(predicted: ArrayLike, reference: ArrayLike) -> float:
    """Lin's concordance: 2 s₁₂ / (s₁² + s₂² + (mean₁ − mean₂)²), moments over n (Lin 1989); 1 on the identity line."""
    ours, theirs = np.asarray(predicted, float), np.asarray(reference, float)
    spread = ours.var() + theirs.var() + (ours.mean() - theirs.mean()) ** 2
    if spread == 0:
        return math.nan
    return float(2 * ((ours - ours.mean()) * (theirs - theirs.mean())).mean() / spread)


def measured(cases: pd.DataFrame) -> pd.DataFrame:
    """Of a table of cases: ``predicted`` and ``reference`` (mL; EF: percent) per `KEYS` and training run (seed)."""
    index = [*KEYS[:5], "seed", "subject"]
    frames = []
    for quantity, (metric, error, phase) in QUANTITIES.items():
        rows = cases[(cases.phase == phase) & (cases.region == "whole") & cases.structure.isin(CHAMBERS)]
        ours, off = (rows[rows.metric == name].set_index(index).value for name in (metric, error))
        pairs = pd.DataFrame({"predicted": ours, "reference": ours - off}).dropna().reset_index()
        frames.append(pairs.assign(quantity=quantity))
    return pd.concat(frames, ignore_index=True)


def over_runs(pairs: pd.DataFrame) -> pd.DataFrame:
    """A pair per subject: the mean over the training runs of `measured`."""
    return pairs.groupby(KEYS, as_index=False)[["predicted", "reference"]].mean()


def agreements(pairs: pd.DataFrame) -> pd.DataFrame:
    """A row of `Agreement` per source, target, architecture, arm, structure and quantity of `measured`.

    The limits are those of one training run on one subject (`limits_of_agreement`), bias and correlations those of
    the subjects' means over runs.
    """
    errors = pairs.assign(value=pairs.predicted - pairs.reference)
    spread = limits_of_agreement(errors, KEYS[:-1]).set_index(KEYS[:-1]).sd
    groups = over_runs(pairs).groupby(KEYS[:-1])
    rows = [
        dict(zip(KEYS, key)) | agreement(one.predicted, one.reference, spread[key])._asdict() for key, one in groups
    ]
    return pd.DataFrame(rows, columns=[*KEYS[:-1], *Agreement._fields])
