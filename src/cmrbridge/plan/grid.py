"""The grid of a study: one row per training run, scenarios × arms × architectures × seeds."""

from itertools import product

import pandas as pd

from cmrbridge.plan.config import Study, access_of, scenarios_of

KEYS = ["scenario", "arm", "architecture", "seed"]


def grid(study: Study) -> pd.DataFrame:
    """One row per run: scenario, arm, architecture, seed, source, training, unlabelled, synthetic, tested, access.

    training: domains whose labelled subjects train the run; unlabelled: domains that give images alone; synthetic:
    whether generated pairs are mixed in; tested: domains whose test subjects are predicted, the source's own first.
    """
    rows = []
    run = study["run"]
    for (name, scenario), arm_name, architecture, seed in product(
        scenarios_of(study).items(), run["arms"], run["architectures"], run["seeds"]
    ):
        arm = study["arms"][arm_name]
        rows.append(
            {
                "scenario": name,
                "arm": arm_name,
                "architecture": architecture,
                "seed": seed,
                "source": scenario["source"],
                "training": scenario["targets"] if arm["train_on"] == "target" else [scenario["source"]],
                "unlabelled": scenario["unlabelled"] if arm["adversarial"] else [],
                "synthetic": arm["synthetic"] is not None,
                "tested": [scenario["source"], *scenario["targets"]],
                "access": access_of(arm, scenario),
            }
        )
    return pd.DataFrame(rows)


def run_of(runs: pd.DataFrame, scenario: str, arm: str, architecture: str, seed: str) -> pd.Series:
    """The row of these keys; ``seed`` as a wildcard gives it."""
    chosen = (runs[KEYS].astype(str) == [scenario, arm, architecture, seed]).all(axis=1)
    return runs[chosen].iloc[0]
