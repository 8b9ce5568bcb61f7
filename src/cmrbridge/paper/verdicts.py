"""Each claim of a study with the word that its evidence allows."""

from typing import Any

import pandas as pd

from cmrbridge.evaluation.claims import Evidence, Judgement, flattened, judge
from cmrbridge.evaluation.frames import HIGHER_IS_BETTER
from cmrbridge.paper.findings import dice_by_target, endpoint
from cmrbridge.paper.study import Study
from cmrbridge.paper.style import METRIC_NAMES
from cmrbridge.paper.tables import interval

Verdict = dict[str, Any]


def give_verdicts(study: Study) -> list[Verdict]:
    """Per arm at the primary endpoint, the declared one first: primary, claim, difference with interval, word, why."""
    return [
        {
            "primary": bool(row.primary),
            "claim": f"{row.arm} is better than {row.baseline} in {METRIC_NAMES[row.metric]} on {row.target}",
            "difference": interval(row),
            **_judged(row, study)._asdict(),
        }
        for row in endpoint(study.compared).itertuples()
    ]


def _judged(row: Any, study: Study) -> Judgement:
    cases, arms = study.cases, (row.arm, row.baseline)
    runs = cases[(cases.source == row.source) & (cases.architecture == row.architecture) & cases.arm.isin(arms)]
    home = dice_by_target(study.summary)
    home = home[(home.source == row.source) & (home.target == row.source) & (home.architecture == row.architecture)]
    evidence = Evidence(
        gain=row.difference if row.metric in HIGHER_IS_BETTER else -row.difference,
        p=row.p_holm,
        seeds=int(runs[runs.target == row.target].groupby("arm").seed.nunique().min()),
        source_dice=float(home[home.arm.isin(arms)]["mean"].min()),
        flattened=flattened(_gains(runs, study)),
    )
    return judge(evidence, study.conditions)


def _gains(runs: pd.DataFrame, study: Study) -> list[float | None]:
    """The late gain of every network behind these runs of one source and architecture; None where a network has no
    training on record."""
    about = study.about
    trained = {
        (about.scenarios.get(one.scenario), one.architecture, one.arm, one.seed): one.gain for one in study.trainings
    }
    keys = ["source", "architecture", "arm", "seed"]
    networks = {
        (source, architecture, about.trained_as[architecture][arm], int(seed))
        for source, architecture, arm, seed in runs[keys].drop_duplicates().itertuples(index=False)
    }
    return [trained.get(network) for network in sorted(networks)]
