"""From the validated config to the study that the rules read: preset laid over, paths expanded, references checked."""

import copy
import os
import re
from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

from cmrbridge.errors import InputError
from cmrbridge.plan.architectures import CAGED, check_architectures
from cmrbridge.plan.generators import check_generators
from cmrbridge.plan.nnunet import check_nnunet

Study = dict[str, Any]

PER_FRAME = {"phase", "annotated", "image", "label", "slices", "sha256"}

BATCH_NORM = ("unet2d_batch",)  # architectures that have it; a test holds this against the networks
ADAPTS_BATCH_NORM = ("adabn", "tent")  # test-time methods

HOW_TO_GET = {
    "acdc": "register at the ACDC challenge page of CREATIS, Lyon, and unpack the folders training/ and testing/ there",
    "mnms": "ask for M&Ms through the challenge's request form (University of Barcelona) and unpack it there",
    "mnms2": "ask for M&Ms-2 through the challenge's request form (University of Barcelona) and unpack it there",
    "manifest": "put manifest.csv with its images and labels there (columns: docs/how-to/own-data.md)",
}


def resolve(config: Mapping[str, Any], home: Path | None = None) -> Study:
    """The study to run; InputError for anything that the schema cannot see. ``config`` is left as it is.

    home: the repository, below which tools of environments of their own lie; by default the working directory.
    """
    study = copy.deepcopy(dict(config))
    presets = study.pop("presets")
    _known(study["preset"], presets, "preset", "presets")
    merge(study, presets[study["preset"]])
    _check_references(study)
    for name in datasets_of(study):
        study["datasets"][name] = _located(name, study["datasets"][name])
    _check_licences(study)
    check_architectures(study)
    check_generators(study)
    check_nnunet(study, home or Path.cwd())
    return study


def _check_licences(study: Study) -> None:
    """An exported set inherits its source's licence, which must therefore be known before anything is trained."""
    exported = study["export"] and any("synthetic" in remedies_of(study["arms"][arm]) for arm in study["run"]["arms"])
    for scenario in scenarios_of(study).values() if exported else ():
        name = study["domains"][scenario["source"]]["dataset"]
        if not study["datasets"][name].get("licence", "").strip():
            raise InputError(
                f"export: the exported set inherits its source's licence; name it: datasets.{name}.licence"
            )


def merge(base: dict[str, Any], overlay: Mapping[str, Any]) -> None:
    """Lay ``overlay`` over ``base`` in place: dicts merge, everything else is replaced."""
    for key, value in overlay.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = copy.deepcopy(value)


def domains_of(study: Study) -> list[str]:
    """Every domain that the chosen scenarios touch, in the order of first mention."""
    names: list[str] = []
    for scenario in scenarios_of(study).values():
        names += [scenario["source"], *scenario["unlabelled"], *scenario["targets"]]
    return list(dict.fromkeys(names))


def labelled_domains(study: Study) -> set[str]:
    """Domains whose labels are needed: sources and targets."""
    scenarios = scenarios_of(study).values()
    return {scenario["source"] for scenario in scenarios} | {t for scenario in scenarios for t in scenario["targets"]}


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
    _known(name, study["run"]["arms"], "judge", "run.arms")
    arm = study["arms"][name]
    if remedies_of(arm) or arm["train_on"] == "target":
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
        _known(scenario, study["scenarios"], "run.scenarios", "scenarios")
    for name, scenario in scenarios_of(study).items():
        _check_scenario(name, scenario, study)
    for arm in run["arms"]:
        _known(arm, study["arms"], "run.arms", "arms")
        _check_arm(arm, study)
    sources = [scenario["source"] for scenario in scenarios_of(study).values()]
    if len(set(sources)) < len(sources):
        raise InputError(f"run.scenarios: two of them have one source ({', '.join(sources)}); make a study of each")
    for key in ("baseline", "reference", "primary_arm"):
        _known(study["comparisons"][key], run["arms"], f"comparisons.{key}", "run.arms")
    for arm in study["shift"]["probe"]:
        _known(arm, run["arms"], "shift.probe", "run.arms")
    if study["shift"]["probe"] and set(run["architectures"]) <= set(CAGED):
        raise InputError("shift.probe: the real nnU-Net shows no features; add another architecture, or probe no arm")
    if "judge" in study:
        _known(study["judge"], run["arms"], "judge", "run.arms")
    compared = study["comparisons"]
    _known(compared["primary_metric"], compared["metrics"], "comparisons.primary_metric", "comparisons.metrics")
    if compared["primary_arm"] == compared["baseline"] and len(run["arms"]) > 1:
        raise InputError(f"comparisons.primary_arm is the baseline {compared['baseline']!r}: name the arm under test")
    primary = compared["primary_target"]
    targets = [target for scenario in scenarios_of(study).values() for target in scenario["targets"]]
    _known(primary, targets, "comparisons.primary_target", "the targets of the chosen scenarios")


def _check_arm(name: str, study: Study) -> None:
    arm = study["arms"][name]
    remedies = remedies_of(arm)
    if arm["train_on"] == "target" and remedies:
        raise InputError(f"arms.{name}: train_on: target is the ceiling; it takes no {' and no '.join(remedies)}")
    for key in ("test_translation", "test_time"):
        if arm["adversarial"] and arm[key]:
            raise InputError(f"arms.{name}: adversarial and {key} together see the target twice; make two arms")
    step = (arm["synthetic"] or {}).get("step")
    if step is not None:
        _known(step, study["synthesis"]["train"].get("keep", []), f"arms.{name}.synthetic.step", "synthesis.train.keep")
    for key in ("translated", "test_translation"):
        if arm[key]:
            _known(arm[key]["method"], study["translation"]["methods"], f"arms.{name}.{key}", "translation.methods")
    _known(arm["augment"], study["augmentations"], f"arms.{name}.augment", "augmentations")
    if arm["test_time"] is not None:
        _known(arm["test_time"], study["test_time"], f"arms.{name}.test_time", "test_time")
        _check_test_time(name, study)
    if arm["adversarial"] is not None:
        _known(arm["adversarial"], study["adversarial"], f"arms.{name}.adversarial", "adversarial")
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
    without = [one for one in study["run"]["architectures"] if one not in BATCH_NORM]
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


def _check_scenario(name: str, scenario: Mapping[str, Any], study: Study) -> None:
    for role in ("source", "unlabelled", "targets"):
        for domain in [scenario[role]] if role == "source" else scenario[role]:
            _known(domain, study["domains"], f"scenarios.{name}.{role}", "domains")
            _known(study["domains"][domain]["dataset"], study["datasets"], f"domains.{domain}.dataset", "datasets")
    if not scenario["targets"]:
        raise InputError(f"scenarios.{name}.targets is empty: name at least one domain that training does not see")
    if scenario["source"] in [*scenario["targets"], *scenario["unlabelled"]]:
        raise InputError(
            f"scenarios.{name}: the source {scenario['source']!r} is no unseen domain; take it out of targets"
        )
    named = dict.fromkeys([scenario["source"], *scenario["unlabelled"], *scenario["targets"]])
    for first, second in combinations(named, 2):
        if not _disjoint(study["domains"][first], study["domains"][second]):
            raise InputError(
                f"scenarios.{name}: domains {first} and {second} may share subjects, which would leak from training "
                "into the test; give both a `where` on one column with different values"
            )
    for domain in named:
        _check_domain(domain, study)


def _disjoint(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether no subject can be in both: another data set, or one column with other values."""
    if one["dataset"] != other["dataset"]:
        return True
    here, there = one.get("where", {}), other.get("where", {})
    return any(not set(_listed(here[column])) & set(_listed(there[column])) for column in here.keys() & there.keys())


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _check_domain(name: str, study: Study) -> None:
    domain = study["domains"][name]
    split = {**study["split"], **domain.get("split", {})}
    if split["train"] + split["val"] >= 1:
        raise InputError(f"domain {name}: train {split['train']} and val {split['val']} leave no subject for the test")
    frames = PER_FRAME & domain.get("where", {}).keys()
    if frames:
        raise InputError(f"domains.{name}.where: {', '.join(frames)} is a frame's; a domain is made of whole subjects")
    _check_twin_split(name, split.get("split_as", name), study)
    dataset = study["datasets"][domain["dataset"]]
    scanners = _listed(domain.get("where", {}).get("scanner", []))
    if dataset["reader"] == "phantom" and not set(scanners) <= set(dataset["scanners"]):
        raise InputError(f"domains.{name}: datasets.{domain['dataset']}.scanners has no {', '.join(scanners)}; add it")


def _check_twin_split(name: str, other: str, study: Study) -> None:
    """A domain that is split as another must choose among the same subjects."""
    _known(other, study["domains"], f"domains.{name}.split.split_as", "domains")
    for key in ("dataset", "where"):
        if study["domains"][name].get(key) != study["domains"][other].get(key):
            raise InputError(f"domains.{name}.split.split_as: {other!r} has another {key}; give both the same")
    ours, theirs = ({**study["split"], **study["domains"][one].get("split", {})} for one in (name, other))
    if theirs.get("split_as", other) != other:
        raise InputError(f"domains.{name}.split.split_as: {other!r} is itself split as another; name that one")
    for key in ("train", "val", "seed"):
        if ours[key] != theirs[key]:
            raise InputError(f"domains.{name}.split.{key} differs from that of {other!r}: give both the same")


def _known(name: object, catalogue: Iterable[object], key: str, where: str) -> None:
    names = list(catalogue)
    if name not in names:
        raise InputError(f"config: {key} names {name!r}, which is not in {where} ({', '.join(map(str, names))})")


def _located(name: str, dataset: Mapping[str, Any]) -> dict[str, Any]:
    """The data set with its path expanded and found on disk; a phantom has none."""
    if dataset["reader"] == "phantom":
        return dict(dataset)
    path = os.path.expandvars(dataset["path"])
    missing = re.search(r"\$\{?(\w+)", path)
    if missing:
        raise InputError(
            f"datasets.{name}.path is {dataset['path']!r}, but the variable {missing[1]} is not set: export "
            f"{missing[1]}=/folder/with/the/data, or write the path into the study"
        )
    if not Path(path).expanduser().is_dir():
        raise InputError(f"datasets.{name}.path: no folder {path}: {HOW_TO_GET[dataset['reader']]}")
    return {**dataset, "path": str(Path(path).expanduser())}
