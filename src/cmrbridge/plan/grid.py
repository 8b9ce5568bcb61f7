"""The grid of a study: one row per training run, scenarios × arms × architectures × seeds."""

from collections.abc import Mapping
from itertools import product
from typing import Any

import pandas as pd

from cmrbridge.plan.architectures import CAGED, arms_of
from cmrbridge.plan.config import Study, access_of, scenarios_of

KEYS = ["scenario", "arm", "architecture", "seed"]


def grid(study: Study) -> pd.DataFrame:
    """One row per run: its `KEYS`, source, training, unlabelled, synthetic, translated, tested, test_translation,
    ensemble, test_time, access, trained_as.

    training: domains whose labelled subjects train the run; unlabelled: domains that give images alone; synthetic: of
    which moment of the generator's training pairs are mixed in ("end", "step-400"), or ""; translated: the method that
    translates its training images, or ""; tested: domains whose test subjects are predicted, the source's own first;
    test_translation: the method that translates those, or ""; ensemble: whether their originals are predicted too;
    test_time: what else is done with each test subject (an entry of the study's ``test_time``), or "";
    trained_as: the arm whose network it uses.
    """
    rows = []
    run = study["run"]
    shared = {name: _trained_as(name, study) for name in run["architectures"]}
    for (name, scenario), arm_name, architecture, seed in product(
        scenarios_of(study).items(), run["arms"], run["architectures"], run["seeds"]
    ):
        if arm_name not in shared[architecture]:
            continue
        arm = study["arms"][arm_name]
        rows.append(
            {
                "scenario": name,
                "arm": arm_name,
                "architecture": architecture,
                "seed": seed,
                "source": scenario["source"],
                "training": _training(arm, scenario),
                "unlabelled": scenario["unlabelled"] if arm["adversarial"] else [],
                "synthetic": _moment(arm["synthetic"]),
                "translated": (arm["translated"] or {}).get("method", ""),
                "tested": [scenario["source"], *scenario["targets"]],
                "test_translation": (arm["test_translation"] or {}).get("method", ""),
                "ensemble": (arm["test_translation"] or {}).get("ensemble", False),
                "test_time": arm["test_time"] or "",
                "access": access_of(arm, scenario),
                "trained_as": shared[architecture][arm_name],
            }
        )
    return pd.DataFrame(rows)


def largest_ratio(study: Study, moment: str = "") -> float:
    """Synthetic slices per real one that the most demanding arm asks for; moment: of the generator then alone."""
    chosen = [study["arms"][name]["synthetic"] for name in study["run"]["arms"]]
    asked = [one["ratio"] for one in chosen if _moment(one) and moment in ("", _moment(one))]
    return max(asked, default=0.0)


def training_settings(study: Study, arm_name: str, architecture: str) -> dict[str, Any]:
    """What a run's training is told: the shared sizes, the architecture's name and the arm's recipe."""
    arm = study["arms"][arm_name]
    return {
        **study["segmentation"],
        "architecture": architecture,
        "augment": study["augmentations"][arm["augment"]],
        "ratio": arm["synthetic"]["ratio"] if arm["synthetic"] else 0.0,
        "keep_real": arm["translated"]["keep_real"] if arm["translated"] else True,
        "adversarial": study["adversarial"][arm["adversarial"]] if arm["adversarial"] else None,
        **({"mixstyle": arm["mixstyle"]} if arm["mixstyle"] else {}),
    }


def _moment(synthetic: Mapping[str, Any] | None) -> str:
    """A ratio of 0 asks for no generated pair, and so for no generator."""
    if synthetic is None or not synthetic["ratio"]:
        return ""
    return "end" if synthetic["step"] is None else f"step-{synthetic['step']}"


def _training(arm: Mapping[str, Any], scenario: Mapping[str, Any]) -> list[str]:
    """The domains whose labelled subjects train the arm."""
    chosen = {"source": [scenario["source"]], "target": scenario["targets"], "centres": scenario["centres"]}
    return list(chosen[arm["train_on"]])


def _trained_as(architecture: str, study: Study) -> dict[str, str]:
    """Arm that the architecture takes → the first of the same training: those that differ at test time alone share one
    network. One that leaves test images alone goes before the others: it is what the network is by itself."""
    arms = study["arms"]
    names = sorted(arms_of(study, architecture), key=lambda arm: _adapts(arms[arm]))
    recipes = {arm: _training_recipe(arms[arm]) for arm in names}
    return {arm: next(one for one, other in recipes.items() if other == recipe) for arm, recipe in recipes.items()}


def _adapts(arm: Mapping[str, Any]) -> bool:
    return bool(arm["test_translation"] or arm["test_time"])


def _training_recipe(arm: Mapping[str, Any]) -> dict[str, Any]:
    """What a network learns from; generated pairs at a ratio of 0 are none."""
    recipe = {key: value for key, value in arm.items() if key not in ("test_translation", "test_time")}
    return recipe | {"synthetic": arm["synthetic"] if _moment(arm["synthetic"]) else None}


def doses(study: Study) -> list[dict[str, Any]]:
    """The baseline and the chosen arms that differ from it in generated pairs alone, for each source: source, cohort,
    arm, ratio, step (None: the generator's end). Sources of one cohort are nested (``split_as``). Empty where pairs
    come in one dose and from one set of subjects, and where the baseline has pairs itself: no response to show."""
    arms, baseline = study["arms"], study["comparisons"]["baseline"]
    plain = {**arms[baseline], "synthetic": None}
    chosen = [name for name in study["run"]["arms"] if {**arms[name], "synthetic": None} == plain]
    found = []
    for scenario, name in product(scenarios_of(study).values(), chosen):
        synthetic = arms[name]["synthetic"] or {"ratio": 0.0, "step": None}
        source = scenario["source"]
        cohort = study["domains"][source].get("split", {}).get("split_as", source)
        dose = {"ratio": synthetic["ratio"], "step": synthetic["step"]}
        found.append({"source": source, "cohort": cohort, "arm": name, **dose})
    points = [one for one in found if one["ratio"]]
    kinds = {(one["ratio"], one["step"]) for one in points}
    nested = len({one["source"] for one in points}) > len({one["cohort"] for one in points})
    return found if not _moment(arms[baseline]["synthetic"]) and (len(kinds) > 1 or nested) else []


def trainings(runs: pd.DataFrame) -> pd.DataFrame:
    """The rows of `grid` that train a network of their own."""
    return runs[runs.arm == runs.trained_as]


def networks_used(runs: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Architecture → arm → the arm whose networks it uses; of a table that has these as columns (`grid`, a bundle)."""
    return {
        str(architecture): dict(zip(group.arm, group.trained_as))
        for architecture, group in runs.groupby("architecture")
    }


def applied(runs: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The rows of `grid` that segment the domains of ``apply``; none where it names no domain."""
    arms = study["apply"]["arms"] or [study["comparisons"]["baseline"]]
    return runs[runs.arm.isin(arms if study["apply"]["domains"] else [])]


def probed(runs: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The rows of `grid` whose features a fresh reader is given: the real nnU-Net shows none."""
    return runs[runs.arm.isin(study["shift"]["probe"]) & ~runs.architecture.isin(CAGED)]


def by_keys(runs: pd.DataFrame) -> dict[tuple[str, ...], Any]:
    """The rows of `grid`, columns as attributes, by their `KEYS` as wildcards give them: every job looks up its own."""
    return {tuple(str(getattr(run, key)) for key in KEYS): run for run in runs.itertuples(index=False)}
