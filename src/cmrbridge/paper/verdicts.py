"""Each claim of a study with the word that its evidence allows."""

from typing import Any

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
    cases, about, arms = study.cases, study.about, (row.arm, row.baseline)
    runs = cases[(cases.source == row.source) & (cases.architecture == row.architecture) & cases.arm.isin(arms)]
    home = dice_by_target(study.summary)
    home = home[(home.source == row.source) & (home.target == row.source) & (home.architecture == row.architecture)]
    networks = {about.trained_as.get(arm, arm) for arm in arms}
    gains = [
        one.gain
        for one in study.trainings
        if about.scenarios.get(one.scenario) == row.source
        and one.architecture == row.architecture
        and one.arm in networks
    ]
    evidence = Evidence(
        gain=row.difference if row.metric in HIGHER_IS_BETTER else -row.difference,
        p=row.p_holm,
        seeds=int(runs[runs.target == row.target].groupby("arm").seed.nunique().min()),
        source_dice=float(home[home.arm.isin(arms)]["mean"].min()),
        flattened=flattened(gains),
    )
    return judge(evidence, study.conditions)
