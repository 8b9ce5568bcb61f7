"""Each claim of a study with the word that its evidence allows."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from cmrbridge.evaluation.claims import Conditions, Evidence, Judgement, flattened, judge
from cmrbridge.evaluation.frames import HIGHER_IS_BETTER, summarise
from cmrbridge.paper.findings import dice_by_target, endpoint
from cmrbridge.paper.study import Study
from cmrbridge.paper.style import METRIC_NAMES
from cmrbridge.paper.tables import interval

Verdict = dict[str, Any]
RUN = ["source", "architecture", "arm", "seed"]


class Network(NamedTuple):
    """What is behind a run. trained_as: the arm that it was trained for; gain: its late gain, None where not known."""

    trained_as: str
    gain: float | None


Networks = Mapping[tuple[str, str, str, int], Network]


def give_verdicts(
    compared: pd.DataFrame, cases: pd.DataFrame, networks: Networks, conditions: Conditions
) -> list[Verdict]:
    """Per arm at the primary endpoint, the declared one first: primary, claim, difference with interval, word, why.

    networks: by `RUN`; a run without an entry has no training on record.
    """
    rows = endpoint(compared)
    several = {name: rows[name].nunique() > 1 for name in ("source", "architecture")}
    return [
        {
            "primary": bool(row.primary),
            "claim": _claim(row, several),
            "difference": interval(row),
            **_judged(row, cases, networks, conditions)._asdict(),
        }
        for row in rows.itertuples()
    ]


def _claim(row: Any, several: Mapping[str, bool]) -> str:
    """In words, with the network and the source where a study has several."""
    with_network = f" with {row.architecture}" if several["architecture"] else ""
    from_source = f", trained on {row.source}" if several["source"] else ""
    better = f"{row.arm} is better than {row.baseline}{with_network} in {METRIC_NAMES[row.metric]}"
    return f"{better} on {row.target}{from_source}"


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
            trained_as, gains.get((source, architecture, trained_as, seed))
        )
    return networks


def _judged(row: Any, cases: pd.DataFrame, networks: Networks, conditions: Conditions) -> Judgement:
    """How good the networks are at home is asked of them on images as they are: what a remedy does to the source's own
    test images is a finding about the remedy, no sign of a poor training."""
    own = cases[(cases.source == row.source) & (cases.architecture == row.architecture)]
    runs = own[own.arm.isin((row.arm, row.baseline))]
    behind = {run: networks.get(run) for run in runs[RUN].drop_duplicates().itertuples(index=False, name=None)}
    trained = {network.trained_as if network else run[2] for run, network in behind.items()}
    home = dice_by_target(summarise(own[(own.target == row.source) & own.arm.isin(trained)]))
    evidence = Evidence(
        gain=row.difference if row.metric in HIGHER_IS_BETTER else -row.difference,
        p=row.p_holm,
        seeds=int(runs[runs.target == row.target].groupby("arm").seed.nunique().min()),
        source_dice=float(home["mean"].min()),
        flattened=flattened([network.gain if network else None for network in behind.values()]),
    )
    return judge(evidence, conditions)
