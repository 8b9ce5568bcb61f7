"""Each claim of a study with the word that its evidence allows."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
from scipy.special import stdtrit

from cmrbridge.evaluation.claims import Conditions, Evidence, Judgement, flattened, judge
from cmrbridge.evaluation.frames import HIGHER_IS_BETTER, summarise
from cmrbridge.evaluation.power import detectable
from cmrbridge.evaluation.variance import Error
from cmrbridge.paper.findings import dice_by_target, is_measured
from cmrbridge.paper.rounding import quoted, told, unit
from cmrbridge.paper.study import Study
from cmrbridge.paper.style import METRIC_NAMES

Verdict = dict[str, Any]
RUN = ["source", "architecture", "arm", "seed"]


class Network(NamedTuple):
    """What is behind a run. trained_as: the arm that it was trained for; alone: whether that arm's scores are those of
    the network by itself; gain: its late gain, None where not known."""

    trained_as: str
    alone: bool
    gain: float | None


Networks = Mapping[tuple[str, str, str, int], Network]


def give_verdicts(
    claimed: pd.DataFrame, cases: pd.DataFrame, networks: Networks, nominal: Sequence[str], conditions: Conditions
) -> list[Verdict]:
    """Per row of claims.csv, primary ones first: primary, claim, words, difference with interval, word, why.

    claimed: of `compare_claims`. networks: by `RUN`; a run without an entry has no training on record. nominal: targets
    whose millimetres are.
    """
    several = {name: claimed[name].nunique() > 1 for name in ("source", "architecture")}
    return [
        {
            "primary": bool(row.primary),
            "claim": _claim(row, several),
            "words": row.words,
            "difference": _difference(row),
            **_judged(row, cases, networks, nominal, conditions)._asdict(),
        }
        for row in claimed.sort_values("primary", ascending=False, kind="stable").itertuples()
    ]


def _claim(row: Any, several: Mapping[str, bool]) -> str:
    """In words, with the network and the source where a study has several."""
    with_network = f" with {row.architecture}" if several["architecture"] else ""
    from_source = f", trained on {row.source}" if several["source"] else ""
    more = f" by {told(row.by, row.metric):g} {unit(row.metric)} or more" if row.by else ""
    better = f"{row.arm} is better than {row.baseline}{with_network} in {METRIC_NAMES[row.metric]}{more}"
    return f"{better} on {row.target}{from_source}"


def _difference(row: Any) -> str:
    """With its interval, in the unit of the claim's size and of the reasons."""
    difference, low, high = (
        quoted(getattr(row, name), name, row.metric) for name in ("difference", "ci_low", "ci_high")
    )
    known = "" if pd.isna(row.ci_low) else f" [{low}, {high}]"
    return f"{difference} {unit(row.metric)}{known}"


def networks_of(study: Study) -> Networks:
    """The network behind every run, whichever arm it was trained for."""
    about = study.about
    gains = {
        (about.scenarios.get(one.scenario), one.architecture, one.arm, one.seed): one.gain for one in study.trainings
    }
    runs = study.cases[RUN].drop_duplicates().itertuples(index=False, name=None)
    networks = {}
    for source, architecture, arm, seed in runs:
        trained_as = about.trained_as[architecture][arm]
        networks[source, architecture, arm, seed] = Network(
            trained_as,
            alone=not about.arms[trained_as]["at_test"],
            gain=gains.get((source, architecture, trained_as, seed)),
        )
    return networks


def _judged(
    row: Any, cases: pd.DataFrame, networks: Networks, nominal: Sequence[str], conditions: Conditions
) -> Judgement:
    own = cases[(cases.source == row.source) & (cases.architecture == row.architecture)]
    runs = own[own.arm.isin((row.arm, row.baseline))]
    behind = {run: networks.get(run) for run in runs[RUN].drop_duplicates().itertuples(index=False, name=None)}
    higher = row.metric in HIGHER_IS_BETTER
    evidence = Evidence(
        gain=told(row.difference if higher else -row.difference, row.metric),
        p=row.p_holm,
        seeds=int(runs[runs.target == row.target].groupby("arm").seed.nunique().min()),
        source_dice=at_home(row.source, own, list(behind.values())),
        flattened=flattened([network.gain if network else None for network in behind.values()]),
        by=told(row.by, row.metric),
        detectable=told(_detectable(row), row.metric),
        slope_p=row.mixed_slope_p,
        measured=is_measured(row, nominal),
        unit=unit(row.metric),
    )
    return judge(evidence, conditions)


def _detectable(row: Any) -> float:
    """The true difference that Welch's test finds in 80 of 100 studies, by its own interval; NaN without one."""
    if math.isnan(row.df):
        return math.nan
    return detectable(Error((row.ci_high - row.ci_low) / (2 * stdtrit(row.df, 0.975)), row.df))


def at_home(source: str, cases: pd.DataFrame, networks: Sequence[Network | None]) -> float:
    """The lowest mean Dice on the source's own test subjects of these networks by themselves: what a remedy does to
    their images is a finding about the remedy, no sign of a poor training. NaN where one was not tested so."""
    if not all(one is not None and one.alone for one in networks):
        return math.nan
    trained = {one.trained_as for one in networks if one}
    home = dice_by_target(summarise(cases[(cases.target == source) & cases.arm.isin(trained)]))
    return float(home["mean"].min()) if set(home.arm) == trained else math.nan
