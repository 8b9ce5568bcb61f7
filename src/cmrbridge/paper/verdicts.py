"""Each claim of a study with the word that its evidence allows."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from cmrbridge.evaluation.claims import Conditions, Evidence, Judgement, flattened, judge
from cmrbridge.evaluation.frames import HIGHER_IS_BETTER, summarise
from cmrbridge.paper.findings import dice_by_target, endpoint
from cmrbridge.paper.study import Study
from cmrbridge.paper.style import METRIC_NAMES
from cmrbridge.paper.tables import interval

Verdict = dict[str, Any]
RUN = ["source", "architecture", "arm", "seed"]
Gains = Mapping[tuple[str, str, str, int], float | None]


def give_verdicts(compared: pd.DataFrame, cases: pd.DataFrame, gains: Gains, conditions: Conditions) -> list[Verdict]:
    """Per arm at the primary endpoint, the declared one first: primary, claim, difference with interval, word, why.

    gains: `RUN` → late gain of the network behind it; a run without an entry has no training on record.
    """
    rows = endpoint(compared)
    several = {name: rows[name].nunique() > 1 for name in ("source", "architecture")}
    return [
        {
            "primary": bool(row.primary),
            "claim": _claim(row, several),
            "difference": interval(row),
            **_judged(row, cases, gains, conditions)._asdict(),
        }
        for row in rows.itertuples()
    ]


def _claim(row: Any, several: Mapping[str, bool]) -> str:
    """In words, with the network and the source where a study has several."""
    with_network = f" with {row.architecture}" if several["architecture"] else ""
    from_source = f", trained on {row.source}" if several["source"] else ""
    better = f"{row.arm} is better than {row.baseline}{with_network} in {METRIC_NAMES[row.metric]}"
    return f"{better} on {row.target}{from_source}"


def gains_of(study: Study) -> Gains:
    """The late gain of the network behind every run, whichever arm it was trained for."""
    about = study.about
    trained = {
        (about.scenarios.get(one.scenario), one.architecture, one.arm, one.seed): one.gain for one in study.trainings
    }
    runs = study.cases[RUN].drop_duplicates().itertuples(index=False, name=None)
    return {
        (source, architecture, arm, seed): trained.get(
            (source, architecture, about.trained_as[architecture][arm], seed)
        )
        for source, architecture, arm, seed in runs
    }


def _judged(row: Any, cases: pd.DataFrame, gains: Gains, conditions: Conditions) -> Judgement:
    runs = cases[
        (cases.source == row.source)
        & (cases.architecture == row.architecture)
        & cases.arm.isin((row.arm, row.baseline))
    ]
    home = dice_by_target(summarise(runs[runs.target == row.source]))
    networks = runs[RUN].drop_duplicates().itertuples(index=False, name=None)
    evidence = Evidence(
        gain=row.difference if row.metric in HIGHER_IS_BETTER else -row.difference,
        p=row.p_holm,
        seeds=int(runs[runs.target == row.target].groupby("arm").seed.nunique().min()),
        source_dice=float(home["mean"].min()),
        flattened=flattened([gains.get(network) for network in networks]),
    )
    return judge(evidence, conditions)
