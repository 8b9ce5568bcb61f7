"""The mixed model where some run lacks some subject: restricted maximum likelihood by statsmodels."""

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
from statsmodels.regression.mixed_linear_model import MixedLM
from statsmodels.tools.sm_exceptions import ConvergenceWarning, SingularMatrixWarning

from cmrbridge.evaluation.variance import Floats


class Fit(NamedTuple):
    """difference: arm − baseline; se: its standard error."""

    difference: float
    se: float


def fit(arm: Floats, baseline: Floats) -> Fit:
    """value ~ arm + (1 | subject) + (1 | arm:run) of arrays (run, subject) with NaN where a score is missing.

    NaN where the fit did not succeed.
    """
    table = _long(arm, baseline)
    size = float(table.value.std())
    if not size > 0:
        return Fit(np.nan, np.nan)
    model = MixedLM.from_formula(
        "value ~ arm",
        groups=np.ones(len(table)),
        vc_formula={"subject": "0 + C(subject)", "run": "0 + C(run)"},
        data=table.assign(value=table.value / size),  # the optimiser's tolerances are absolute
    )
    with warnings.catch_warnings():
        # runs that hardly differ put their variance on its bound, which is a right answer and warned of
        for bound in (ConvergenceWarning, SingularMatrixWarning):
            warnings.simplefilter("ignore", bound)
        found = model.fit(reml=True, method="lbfgs")
    return Fit(size * float(found.fe_params["arm"]), size * float(found.bse_fe["arm"]))


def _long(arm: Floats, baseline: Floats) -> pd.DataFrame:
    """One row per score: value, arm (1, baseline 0), run, subject."""
    scores = np.concatenate([arm, baseline])
    run, subject = np.nonzero(~np.isnan(scores))
    is_arm = (run < len(arm)).astype(float)
    return pd.DataFrame({"value": scores[run, subject], "arm": is_arm, "run": run, "subject": subject})
