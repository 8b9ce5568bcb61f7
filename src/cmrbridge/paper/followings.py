"""Each claim that the gain follows the quality of generated pairs, with the word that its evidence allows."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from cmrbridge.errors import InputError
from cmrbridge.evaluation.claims import Conditions, Evidence, flattened, unmet_conditions
from cmrbridge.evaluation.dependence import strata
from cmrbridge.evaluation.doses import ALL_TARGETS
from cmrbridge.evaluation.following import Correlation, judge_following
from cmrbridge.paper.findings import is_measured
from cmrbridge.paper.study import Doses
from cmrbridge.paper.verdicts import RUN, Networks, Verdict, at_home

# quality → (its name, the sign of more where more is better)
NAMED = {"images_frechet": ("the images' Fréchet distance", -1), "mask_fidelity": ("how well masks are obeyed", +1)}


def judge_followings(
    asked: Sequence[Mapping[str, str]],
    doses: Doses,
    cases: pd.DataFrame,
    networks: Networks,
    nominal: Sequence[str],
    conditions: Conditions,
) -> list[Verdict]:
    """Per asked {"quality", "words"} and set of moments that compare: the columns of `verdicts.give_verdicts`.

    The networks that must have learnt are those of the set's arms and of their baseline; networks, nominal: see there.
    InputError where the correlations are not those of the doses.
    """
    points = doses.points[doses.points.target == ALL_TARGETS]
    found = []
    for one in asked:
        groups = dict(strata(points, one["quality"]))
        rows = doses.correlations[doses.correlations.variable == one["quality"]]
        for row in rows.itertuples():
            correlation = _correlation(row)
            unmet = []
            if not correlation.hindrance:
                group = _group(groups, row)
                unmet = _unmet(group, int(row.n_seeds), cases, networks, nominal, conditions)
            found.append(
                {
                    "primary": False,
                    "claim": _claim(row),
                    "words": one["words"],
                    "difference": _told(correlation),
                    **judge_following(correlation, unmet)._asdict(),
                }
            )
    return found


def _group(groups: Mapping[str, pd.DataFrame], row: Any) -> pd.DataFrame:
    """The doses that a correlation is of."""
    if row.held not in groups:
        raise InputError(
            f"doses: the table of correlations has {row.variable} of {row.held!r}, the table of doses has not; they "
            "are of different runs: delete both and run again"
        )
    return groups[row.held]


def _unmet(
    group: pd.DataFrame,
    seeds: int,
    cases: pd.DataFrame,
    networks: Networks,
    nominal: Sequence[str],
    conditions: Conditions,
) -> list[str]:
    """Of all networks that the points of one generator's training rest on."""
    first = group.iloc[0]
    own = cases[(cases.source == first.source) & (cases.architecture == first.architecture)]
    runs = own[own.arm.isin({*group.arm, *group.baseline})]
    behind = [networks.get(run) for run in runs[RUN].drop_duplicates().itertuples(index=False, name=None)]
    targets = runs[runs.target != first.source].drop_duplicates("target").assign(metric=first.metric)
    evidence = Evidence(
        gain=math.nan,
        p=0.0,  # the interval of the correlation is the test
        seeds=min(seeds, int(runs[runs.target != first.source].groupby("arm").seed.nunique().min())),
        source_dice=at_home(first.source, own, behind),
        flattened=flattened([network.gain if network else None for network in behind]),
        measured=all(is_measured(row, nominal) for row in targets.itertuples()),
    )
    return unmet_conditions(evidence, conditions)


def _correlation(row: Any) -> Correlation:
    """Turned: a distance is better where it is less."""
    if row.reason:
        return Correlation(hindrance=row.reason)
    sign = NAMED[row.variable][1]
    low, high = sorted((sign * row.pearson_low, sign * row.pearson_high))
    return Correlation(r=sign * row.pearson, low=low, high=high, points=int(row.n_points))


def _claim(row: Any) -> str:
    """In words, with what is held where something is."""
    held = f" ({row.held})" if row.held else ""
    return f"the gain follows {NAMED[row.variable][0]} along the generator's training, strongly{held}"


def _told(found: Correlation) -> str:
    if math.isnan(found.r):
        return "–"
    known = "" if math.isnan(found.low) else f" [{found.low:+.2f}, {found.high:+.2f}]"
    return f"r = {found.r:+.2f}{known}"
