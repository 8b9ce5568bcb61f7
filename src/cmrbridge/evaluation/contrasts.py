"""What the single training runs tell of one arm against the baseline: every number of a comparison that needs them."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cmrbridge.evaluation.bootstrap import hierarchical_bootstrap
from cmrbridge.evaluation.equivalence import equivalence
from cmrbridge.evaluation.frames import HIGHER_IS_BETTER
from cmrbridge.evaluation.mixed import Estimate, complete, mixed_model, mixed_slope
from cmrbridge.evaluation.power import UNDEFINED, Levers, levers
from cmrbridge.evaluation.variance import Error, Floats, components, design_of

INTERVALS = ("mixed", "mixed_slope", "bootstrap")
COLUMNS = (
    *("runs_arm", "runs_baseline", "n_complete"),
    *(f"{test}_{number}" for test in INTERVALS for number in ("p", "low", "high")),
    *("margin", "no_worse_p", "equivalence_p", *Levers._fields),
)


def by_run(values: pd.DataFrame, group: Sequence[str]) -> dict[tuple, dict[str, pd.DataFrame]]:
    """``group`` → arm → its scores, a row per training run, a column per subject; the same columns for all arms.

    values: one row per ``group``, arm, seed and subject.
    """
    tables: dict[tuple, dict[str, pd.DataFrame]] = {}
    for key, part in values.groupby(list(group)):
        wide = part.pivot(index=["arm", "seed"], columns="subject", values="value")
        tables[key] = {str(arm): one for arm, one in wide.groupby(level="arm")}
    return tables


def contrast(
    arm: Floats, baseline: Floats, metric: str, margins: Mapping[str, float], replicates: int, seed: int
) -> dict[str, float]:
    """`COLUMNS` of one comparison, by name.

    arm, baseline: (run, subject), NaN where not scored. margins: by metric, in its unit; replicates, seed: of the
    bootstrap. All but the mixed model take the subjects that every run of both arms scored.
    """
    both = complete(arm, baseline)
    slope, margin = mixed_slope(*both), margins.get(metric, math.nan)
    found = {
        "mixed": mixed_model(arm, baseline),
        "mixed_slope": slope,
        "bootstrap": hierarchical_bootstrap(*both, replicates, seed),
    }
    tested = equivalence(slope.difference, Error(slope.se, slope.df), margin, metric in HIGHER_IS_BETTER)
    return {
        **{"runs_arm": len(arm), "runs_baseline": len(baseline), "n_complete": both[0].shape[1]},
        **{f"{test}_{number}": getattr(one, number) for test, one in found.items() for number in ("p", "low", "high")},
        **{"margin": margin, **tested._asdict(), **_levers(*both, slope, margin)._asdict()},
    }


def _levers(arm: Floats, baseline: Floats, slope: Estimate, margin: float) -> Levers:
    return UNDEFINED if np.isnan(slope.p) else levers(components(arm, baseline), design_of(arm, baseline), margin)
