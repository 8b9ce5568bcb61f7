"""Limits of agreement on errors whose spread is known."""

import numpy as np
import pandas as pd
import pytest

from cmrbridge.evaluation.limits import limits_of_agreement


def frame(errors: np.ndarray) -> pd.DataFrame:
    """errors: (subject, run)."""
    subject, seed = np.indices(errors.shape)
    return pd.DataFrame(
        {"arm": "a", "subject": subject.ravel().astype(str), "seed": seed.ravel(), "value": errors.ravel()}
    )


def test_of_one_run_they_are_the_textbooks() -> None:
    (row,) = limits_of_agreement(frame(np.array([[1.0], [2.0], [6.0]])), ["arm"]).itertuples()
    sd = np.std([1, 2, 6], ddof=1)
    assert (row.n, row.bias, row.median_error) == (3, 3, 2)
    assert (row.sd, row.low, row.high) == pytest.approx((sd, 3 - 1.959964 * sd, 3 + 1.959964 * sd))


def test_of_several_runs_they_are_those_of_one_run_not_of_the_mean() -> None:
    """SD 2 between subjects and 1 between runs of a subject: 95 % of single errors lie within 1.96 √5 of the bias."""
    draw = np.random.default_rng(0)
    errors = 2 * draw.normal(size=(20_000, 1)) + draw.normal(size=(20_000, 3))
    (row,) = limits_of_agreement(frame(errors), ["arm"]).itertuples()
    assert row.sd == pytest.approx(np.sqrt(5), rel=0.02)
    assert ((errors > row.low) & (errors < row.high)).mean() == pytest.approx(0.95, abs=0.005)


def test_what_a_run_is_off_as_a_whole_is_in_the_limits() -> None:
    """Subjects −1, 0, 1 (variance 1) and runs −3, 0, 3 (variance 9), nothing else: one run on one subject has 1 + 9."""
    (row,) = limits_of_agreement(frame(np.add.outer([-1.0, 0, 1], [-3.0, 0, 3])), ["arm"]).itertuples()
    assert row.sd == pytest.approx(np.sqrt(10))


def test_one_subject_has_a_bias_and_no_limits() -> None:
    (row,) = limits_of_agreement(frame(np.array([[1.0, 3.0]])), ["arm"]).itertuples()
    assert (row.n, row.bias) == (1, 2)
    assert np.isnan([row.sd, row.low, row.high]).all()
