"""Bland and Altman's limits of agreement between predicted and reference quantities."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from cmrbridge.evaluation.variance import components

NORMAL_975 = float(stats.norm.ppf(0.975))  # standard deviations on either side that hold 95 % of a normal distribution


def limits_of_agreement(errors: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Per group of ``by``: n subjects, bias, sd, low and high (bias ∓ 1.96 sd), median_error; unit as the errors.

    The median over subjects shows whether a few lost hearts make the bias.

    errors: columns ``by``, subject, seed and value (prediction − reference), one row per subject and training run. The
    limits are those of one training run on one subject: to the variance of the subjects' means comes the part of the
    variance within subjects that averaging over m runs took out, 1 − 1/m (Bland & Altman 1999, section 5), and 1/m of
    the variance of runs, since subjects share what a run is off as a whole. A single subject has no sd.
    """
    keys = list(by)
    subjects = errors.groupby([*keys, "subject"]).value.agg(mean="mean", runs="count", variance="var")
    squares = subjects.variance.fillna(0) * (subjects.runs - 1)
    subjects = subjects.assign(squares=squares, freedom=subjects.runs - 1, share=1 - 1 / subjects.runs)
    groups = subjects.groupby(keys)
    sums = groups[["squares", "freedom"]].sum()
    within = (sums.squares / sums.freedom).where(sums.freedom > 0, 0.0)
    runs = pd.Series([_run_variance(one) for _, one in errors.groupby(keys)], sums.index, dtype=float)
    variance = groups["mean"].var() + groups.share.mean() * within + (1 - groups.share.mean()) * runs
    table = groups["mean"].agg(n="count", bias="mean", median_error="median").assign(sd=np.sqrt(variance))
    half = NORMAL_975 * table.sd
    table = table.assign(low=table.bias - half, high=table.bias + half)
    return table[["n", "bias", "sd", "low", "high", "median_error"]].reset_index()


def _run_variance(errors: pd.DataFrame) -> float:
    """Between training runs, of what all subjects share; from the subjects that every run has, 0 where they are few."""
    runs = errors.pivot(index="seed", columns="subject", values="value").dropna(axis="columns").to_numpy()
    return components(runs).run if min(runs.shape) > 1 else 0.0
