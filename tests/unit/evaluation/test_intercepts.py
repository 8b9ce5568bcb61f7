"""Random intercepts against MixedLM of statsmodels, and where that has no answer against least squares."""

import numpy as np
import pytest
from numpy.typing import NDArray
from statsmodels.regression.linear_model import OLS
from statsmodels.regression.mixed_linear_model import MixedLM

from cmrbridge.evaluation.intercepts import fit_random_intercepts

Drawn = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]


def drawn(between: float, within: float, seed: int = 0) -> Drawn:
    """Forty groups of one to nine observations, an intercept and two columns, one of which no group sees vary."""
    random = np.random.default_rng(seed)
    groups = np.repeat(np.arange(40), random.integers(1, 10, 40))
    own, vendor = between * random.normal(size=40), random.integers(0, 2, 40)
    columns = np.column_stack([np.ones(len(groups)), random.normal(size=len(groups)), vendor[groups]])
    return columns @ [0.8, -0.05, 0.1] + own[groups] + within * random.normal(size=len(groups)), columns, groups


@pytest.mark.parametrize("between", [0.02, 0.1, 1.0])
def test_it_is_statsmodels(between: float) -> None:
    values, columns, groups = drawn(between, within=0.1, seed=3)
    found = fit_random_intercepts(values, columns, groups)
    oracle = MixedLM(values, columns, groups=groups).fit(reml=False, gtol=1e-10)
    assert found.log_likelihood == pytest.approx(oracle.llf, abs=1e-6)
    np.testing.assert_allclose(found.effects, oracle.fe_params, atol=1e-5)
    np.testing.assert_allclose(found.errors, oracle.bse_fe, rtol=0.01)  # of the observed, not the expected information
    assert (found.between, found.within) == pytest.approx((oracle.cov_re[0, 0], oracle.scale), rel=1e-3)


def test_groups_that_do_not_differ_leave_least_squares() -> None:
    """Within each group the values add up to what the columns say: no variance is left between them."""
    values, columns, groups = drawn(between=0, within=0.1)
    expected = columns @ [0.8, -0.05, 0.1]
    rest = values - expected
    values = expected + rest - (np.bincount(groups, weights=rest) / np.bincount(groups))[groups]
    found, oracle = fit_random_intercepts(values, columns, groups), OLS(values, columns).fit()
    assert found.between == 0
    assert found.log_likelihood == pytest.approx(oracle.llf)
    np.testing.assert_allclose(found.effects, oracle.params)
    np.testing.assert_allclose(found.errors, oracle.bse * np.sqrt(1 - 3 / len(values)))


def test_what_is_explained_to_the_last_digit_has_finite_numbers() -> None:
    _, columns, groups = drawn(between=0, within=0)
    found = fit_random_intercepts(columns @ [1.0, 2.0, 3.0], columns, groups)
    np.testing.assert_allclose(found.effects, [1, 2, 3])
    assert np.isfinite([found.log_likelihood, *found.errors]).all()


def test_rounding_is_no_evidence() -> None:
    """Of values that are all one, a further column explains nothing."""
    groups = np.repeat(np.arange(20), 4)
    columns = np.column_stack([np.ones(80), np.arange(80) % 2, np.random.default_rng(0).normal(size=80)])
    for value in (1.0, 0.3, 0.7123):
        fits = [fit_random_intercepts(np.full(80, value), columns[:, :count], groups) for count in (1, 2, 3)]
        assert {fit.log_likelihood for fit in fits} == {fits[0].log_likelihood}
        assert {fit.between for fit in fits} == {0}
