"""From the validated config to the study that the rules read: place and preset laid over, paths expanded, references
checked."""

import copy
from collections.abc import Mapping
from typing import Any

import yaml

from cmrbridge.errors import InputError
from cmrbridge.plan.architectures import BATCH_NORM, CAGED, arms_of, check_architectures
from cmrbridge.plan.catalogue import known, located, merge
from cmrbridge.plan.claims import claims_of
from cmrbridge.plan.domains import check_applied, check_scenario
from cmrbridge.plan.export import check_export
from cmrbridge.plan.generators import check_generators
from cmrbridge.plan.nnunet import check_nnunet
from cmrbridge.plan.places import leave_out, overlay_of
from cmrbridge.plan.processes import check_processes

Study = dict[str, Any]

ADAPTS_BATCH_NORM = ("adabn", "tent")  # test-time methods


def resolve(config: Mapping[str, Any]) -> Study:
    """The study to run; InputError for anything that the schema cannot see. ``config`` is left as it is."""
    study = copy.deepcopy(dict(config))
    presets, places = study.pop("presets"), study.pop("places", {})
    known(study["preset"], presets, "preset", "presets")
    sizes: dict[str, Any] = {}
    if "place" in study:
        known(study["place"], places, "place", "places")
        overlay, sizes = overlay_of(study["place"], places[study["place"]])
        notes = overlay.pop("notes")
        for catalogue in ("datasets", "domains", "scenarios"):  # a place's entry is whole: nothing of a namesake stays
            study[catalogue] |= {name: copy.deepcopy(entry) for name, entry in overlay.pop(catalogue).items()}
        merge(study, overlay)
        study["notes"] = [*study.get("notes", []), *notes]
        study["study"] = f"{study['study']}_{study['place']}"
    for overlaid in (presets, sizes):
        merge(study, overlaid.get(study["preset"], {}))
    if "place" in study:
        leave_out(study)
    _check_references(study)
    study["comparisons"]["claims"] = claims_of(study)
    for name in datasets_of(study):
        study["datasets"][name] = located(name, study["datasets"][name], study.get("downloads", "data"))
    _check_licences(study)
    check_architectures(study)
    check_generators(study)
    check_nnunet(study)
    check_processes(study)
    return study


def published(config: Mapping[str, Any]) -> str:
    """The validated config as YAML from which, as an overlay of the same code, `resolve` makes the same study.

    It is shown as it was given, before place, preset and variables are filled in: laid over twice they would add up. Of
    places and presets the chosen ones stand there: another changes no report.
    """
    chosen = {"presets": config["preset"], "places": config.get("place")}
    kept = {
        key: {name: entry for name, entry in config.get(key, {}).items() if name == choice}
        for key, choice in chosen.items()
    }
    return yaml.safe_dump({**config, **kept}, sort_keys=False, allow_unicode=True)


def _check_licences(study: Study) -> None:
    """An exported set inherits its source's licence, which must therefore be known before anything is trained."""
    exported = study["export"] and any("synthetic" in remedies_of(study["arms"][arm]) for arm in study["run"]["arms"])
    for scenario in scenarios_of(study).values() if exported else ():
        name = study["domains"][scenario["source"]]["dataset"]
        if not study["datasets"][name].get("licence", "").strip():
            raise InputError(
                f"export: the exported set inherits its source's licence; name it: datasets.{name}.licence"
            )


def domains_of(study: Study) -> list[str]:
    """Every domain that the study touches: those of its scenarios, then those that are segmented and never scored."""
    return list(dict.fromkeys([*scenario_domains(study), *study["apply"]["domains"]]))


def scenario_domains(study: Study) -> list[str]:
    """Every domain that the chosen scenarios and arms touch, in the order of first mention."""
    names: list[str] = []
    for scenario in scenarios_of(study).values():
        names += [scenario["source"], *scenario["unlabelled"], *scenario["targets"], *_centres(scenario, study)]
    return list(dict.fromkeys(names))


def _centres(scenario: Mapping[str, Any], study: Study) -> list[str]:
    """The labelled domains of an arm that trains on several, where one is chosen."""
    asked = any(study["arms"][arm]["train_on"] == "centres" for arm in study["run"]["arms"])
    return list(scenario["centres"]) if asked else []


def labelled_domains(study: Study) -> set[str]:
    """Domains whose labels are needed: sources, targets, and the centres of an arm that trains on several."""
    scenarios = scenarios_of(study).values()
    return {name for one in scenarios for name in (one["source"], *one["targets"], *_centres(one, study))}


def datasets_of(study: Study) -> list[str]:
    """Every data set that the chosen scenarios touch."""
    return list(dict.fromkeys(study["domains"][domain]["dataset"] for domain in domains_of(study)))


def scenarios_of(study: Study) -> dict[str, dict[str, Any]]:
    """The chosen scenarios by name."""
    return {name: study["scenarios"][name] for name in study["run"]["scenarios"]}


def remedies_of(arm: Mapping[str, Any]) -> list[str]:
    """Keys of what an arm adds to real labelled images; generated pairs at a ratio of 0 are none."""
    pairs = ["synthetic"] if (arm["synthetic"] or {}).get("ratio") else []
    return pairs + [key for key in ("translated", "adversarial", "test_translation", "test_time") if arm[key]]


def judge_of(study: Study) -> str:
    """The arm whose network judges generated images: the study's ``judge``, else its baseline.

    InputError where it saw anything but real images of the source.
    """
    name = str(study.get("judge", study["comparisons"]["baseline"]))
    known(name, study["run"]["arms"], "judge", "run.arms")
    arm = study["arms"][name]
    if remedies_of(arm) or arm["train_on"] != "source":
        raise InputError(
            f"judge: arm {name!r} (the baseline, where `judge` names none) uses more than the source's real images; "
            "set `judge` to an arm of run.arms that does not"
        )
    return name


def access_of(arm: Mapping[str, Any], scenario: Mapping[str, Any]) -> str:
    """What an arm may see of the targets: "none", "test-time", "unlabelled-target" or "oracle"."""
    if arm["train_on"] == "target":
        return "oracle"
    if arm["test_translation"] or arm["test_time"]:
        return "test-time"  # one subject at a time, by models of the source
    sees_target = arm["adversarial"] is not None and set(scenario["unlabelled"]) & set(scenario["targets"])
    return "unlabelled-target" if sees_target else "none"


def _check_references(study: Study) -> None:
    run = study["run"]
    for scenario in run["scenarios"]:
        known(scenario, study["scenarios"], "run.scenarios", "scenarios")
    for name, scenario in scenarios_of(study).items():
        check_scenario(name, scenario, study)
    for arm in run["arms"]:
        known(arm, study["arms"], "run.arms", "arms")
        _check_arm(arm, study)
    check_applied(study, labelled_domains(study))
    check_export(study)
    sources = [scenario["source"] for scenario in scenarios_of(study).values()]
    if len(set(sources)) < len(sources):
        raise InputError(f"run.scenarios: two of them have one source ({', '.join(sources)}); make a study of each")
    for key in ("baseline", "reference", "primary_arm"):
        known(study["comparisons"][key], run["arms"], f"comparisons.{key}", "run.arms")
    _check_skips(study)
    for arm in study["shift"]["probe"]:
        known(arm, run["arms"], "shift.probe", "run.arms")
    if study["shift"]["probe"] and set(run["architectures"]) <= set(CAGED):
        raise InputError("shift.probe: the real nnU-Net shows no features; add another architecture, or probe no arm")
    if "judge" in study:
        known(study["judge"], run["arms"], "judge", "run.arms")
    compared = study["comparisons"]
    known(compared["primary_metric"], compared["metrics"], "comparisons.primary_metric", "comparisons.metrics")
    if compared["primary_arm"] == compared["baseline"] and len(run["arms"]) > 1:
        raise InputError(f"comparisons.primary_arm is the baseline {compared['baseline']!r}: name the arm under test")
    primary = compared["primary_target"]
    targets = [target for scenario in scenarios_of(study).values() for target in scenario["targets"]]
    known(primary, targets, "comparisons.primary_target", "the targets of the chosen scenarios")


def _check_skips(study: Study) -> None:
    """Every architecture trains what its other arms are held against, and the first, which the overlays show, all."""
    run, compared = study["run"], study["comparisons"]
    for architecture, skipped in run["skip"].items():
        for arm in skipped:
            known(arm, run["arms"], f"run.skip.{architecture}", "run.arms")
        needed = {compared["baseline"], compared["reference"], study.get("judge", compared["baseline"])}
        if needed & set(skipped) or architecture == run["architectures"][0]:
            raise InputError(
                f"run.skip.{architecture}: the baseline, the reference and the judge are trained with every "
                "architecture, and the first of run.architectures takes every arm; skip other arms, or change the order"
            )


def _check_arm(name: str, study: Study) -> None:
    arm = study["arms"][name]
    remedies = remedies_of(arm)
    if arm["train_on"] != "source" and remedies:
        what = "target is the ceiling" if arm["train_on"] == "target" else "centres is a remedy by itself"
        raise InputError(f"arms.{name}: train_on: {what}; it takes no {' and no '.join(remedies)}")
    for scenario, settings in scenarios_of(study).items() if arm["train_on"] == "centres" else ():
        if len(settings["centres"]) < 2:
            raise InputError(f"arms.{name}: train_on: centres needs two or more in scenarios.{scenario}.centres")
    for key in ("test_translation", "test_time"):
        if arm["adversarial"] and arm[key]:
            raise InputError(f"arms.{name}: adversarial and {key} together see the target twice; make two arms")
    step = (arm["synthetic"] or {}).get("step")
    if step is not None:
        known(step, study["synthesis"]["train"].get("keep", []), f"arms.{name}.synthetic.step", "synthesis.train.keep")
    for key in ("translated", "test_translation"):
        if arm[key]:
            known(arm[key]["method"], study["translation"]["methods"], f"arms.{name}.{key}", "translation.methods")
    known(arm["augment"], study["augmentations"], f"arms.{name}.augment", "augmentations")
    if arm["test_time"] is not None:
        known(arm["test_time"], study["test_time"], f"arms.{name}.test_time", "test_time")
        _check_test_time(name, study)
    if arm["adversarial"] is not None:
        known(arm["adversarial"], study["adversarial"], f"arms.{name}.adversarial", "adversarial")
        phases = study["adversarial"][arm["adversarial"]]
        if phases.get("alone", 0) > phases.get("start", 1):
            raise InputError(
                f"adversarial.{arm['adversarial']}: the classifier joins at `alone` and its gradient is reversed from "
                "`start` on; make start as large as alone or larger"
            )
        for scenario, settings in scenarios_of(study).items():
            if not settings["unlabelled"]:
                raise InputError(
                    f"arms.{name}: adversarial training needs images: name scenarios.{scenario}.unlabelled"
                )


def _check_test_time(name: str, study: Study) -> None:
    """What adapts batch norm needs architectures that have it, and what flips, networks that know mirror images."""
    augment = study["arms"][name]["augment"]
    method = study["test_time"][study["arms"][name]["test_time"]]["method"]
    asked = [one for one in study["run"]["architectures"] if name in arms_of(study, one)]
    without = [one for one in asked if one not in BATCH_NORM]
    if method in ADAPTS_BATCH_NORM and without:
        raise InputError(
            f"arms.{name}: {method} adapts batch norm, which {', '.join(without)} has not: "
            f"name {' or '.join(BATCH_NORM)} in run.architectures, or another test_time in this arm"
        )
    if method == "flip" and not study["augmentations"][augment].get("mirror_chance"):
        raise InputError(
            f"arms.{name}: flip averages over mirror images, which augment {augment!r} never shows the network: "
            f"set augmentations.{augment}.mirror_chance, or choose an augment that has it"
        )
