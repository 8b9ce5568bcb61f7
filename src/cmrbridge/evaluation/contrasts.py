"""What the single training runs tell of one arm against the baseline: every number of a comparison that needs them."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from cmrbridge.evaluation.bootstrap import hierarchical_bootstrap
from cmrbridge.evaluation.equivalence import equivalence
from cmrbridge.evaluation.frames import HIGHER_IS_BETTER
from cmrbridge.evaluation.mixed import Estimate, complete, mixed_model, mixed_slope
from cmrbridge.evaluation.power import UNDEFINED, Levers, levers
from cmrbridge.evaluation.variance import Error, Floats, components, design_of

INTERVALS = ("mixed", "mixed_slope", "bootstrap")
COLUMNS = (
    *("same_networks", "runs_arm", "runs_baseline", "n_complete"),
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


def sides_of(arm: pd.DataFrame, baseline: pd.DataFrame, same_networks: bool) -> tuple[Floats, ...]:
    """Two tables of `by_run` as the tests take them: (arm, baseline), (run, subject) each, NaN where not scored.

    same_networks: both arms use the networks of one training, so that equal seeds are one network: then arm − baseline
    of each, without the seeds that only one of them has.
    """
    if not same_networks:
        return arm.to_numpy(float), baseline.to_numpy(float)
    ours, theirs = (one.droplevel("arm") for one in (arm, baseline))
    seeds = ours.index.intersection(theirs.index)
    return ((ours.loc[seeds] - theirs.loc[seeds]).to_numpy(float),)


def contrast(*sides: Floats, metric: str, margins: Mapping[str, float], replicates: int, seed: int) -> dict[str, float]:
    """`COLUMNS` of one comparison, by name.

    sides: of `sides_of`. margins: by metric, in its unit; replicates, seed: of the bootstrap. All but the mixed model
    take the subjects that every run of both arms scored.
    """
    both = complete(*sides)
    slope, margin = mixed_slope(*both), margins.get(metric, math.nan)
    found = {
        "mixed": mixed_model(*sides),
        "mixed_slope": slope,
        "bootstrap": hierarchical_bootstrap(*both, replicates=replicates, seed=seed),
    }
    tested = equivalence(slope.difference, Error(slope.se, slope.df), margin, metric in HIGHER_IS_BETTER)
    return {
        **{"same_networks": len(sides) == 1, "runs_arm": len(sides[0]), "runs_baseline": len(sides[-1])},
        "n_complete": both[0].shape[1],
        **{f"{test}_{number}": getattr(one, number) for test, one in found.items() for number in ("p", "low", "high")},
        **{"margin": margin, **tested._asdict(), **_levers(*both, slope=slope, margin=margin)._asdict()},
    }


def _levers(*sides: Floats, slope: Estimate, margin: float) -> Levers:
    return UNDEFINED if math.isnan(slope.p) else levers(components(*sides), design_of(*sides), margin)
