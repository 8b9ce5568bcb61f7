"""How well volumes, function and mass agree with the reference: bias and limits of agreement."""

import pandas as pd

from cmrbridge.evaluation.frames import ERROR_OF
from cmrbridge.evaluation.limits import limits_of_agreement
from cmrbridge.paper.rounding import signed
from cmrbridge.paper.style import METRIC_NAMES, number

QUANTITIES = ("edv_ml", "esv_ml", "sv_ml", "ef_percent", "mass_g")
GROUP = ["source", "target", "architecture", "arm", "structure", "metric"]


def clinical_agreement(cases: pd.DataFrame) -> pd.DataFrame:
    """Per source, target, architecture, arm, structure and quantity (``metric``): the mean reference, and the
    columns of `limits_of_agreement` (prediction − reference). A quantity without errors has no row.
    """
    quantity_of = {ERROR_OF[name]: name for name in QUANTITIES}
    errors = cases[cases.metric.isin(list(quantity_of))].copy()
    errors["metric"] = errors.metric.map(quantity_of)
    keys = [*GROUP, "seed", "subject"]
    paired = errors.merge(cases[[*keys, "value"]], on=keys, suffixes=("", "_predicted"))
    reference = (paired.value_predicted - paired.value).groupby([paired[key] for key in GROUP]).mean()
    return limits_of_agreement(errors, GROUP).merge(reference.rename("reference").reset_index(), on=GROUP)


def clinical_table(agreement: pd.DataFrame) -> pd.DataFrame:
    """Rounded for reading: bias ± SD and the limits, signed."""
    return pd.DataFrame(
        {
            "Source": agreement.source,
            "Target": agreement.target,
            **({"Architecture": agreement.architecture} if agreement.architecture.nunique() > 1 else {}),
            "Structure": agreement.structure,
            "Quantity": agreement.metric.map(METRIC_NAMES),
            "Arm": agreement.arm,
            "n": agreement.n,
            "Reference": [number(*pair) for pair in zip(agreement.reference, agreement.metric)],
            "Bias ± SD": [f"{signed(row.bias)} ± {number(row.sd, row.metric)}" for row in agreement.itertuples()],
            "95 % limits": [f"{signed(row.low)} to {signed(row.high)}" for row in agreement.itertuples()],
            "Median": agreement.median_error.map(signed),
        }
    )
