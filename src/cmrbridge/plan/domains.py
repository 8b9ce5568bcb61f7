"""Domains of a scenario: refused before anything is read where a subject could be on both sides of a test."""

from collections.abc import Mapping
from itertools import combinations, product
from typing import Any

from cmrbridge.errors import InputError
from cmrbridge.plan.catalogue import known

PER_FRAME = {"phase", "annotated", "image", "label", "slices", "sha256"}

Study = dict[str, Any]


def check_scenario(name: str, scenario: Mapping[str, Any], study: Study) -> None:
    for role in ("source", "unlabelled", "targets", "centres"):
        for domain in [scenario[role]] if role == "source" else scenario[role]:
            known(domain, study["domains"], f"scenarios.{name}.{role}", "domains")
            known(study["domains"][domain]["dataset"], study["datasets"], f"domains.{domain}.dataset", "datasets")
    if not scenario["targets"]:
        raise InputError(f"scenarios.{name}.targets is empty: name at least one domain that training does not see")
    if scenario["source"] in [*scenario["targets"], *scenario["unlabelled"]]:
        raise InputError(
            f"scenarios.{name}: the source {scenario['source']!r} is no unseen domain; take it out of targets"
        )
    named = dict.fromkeys([scenario["source"], *scenario["unlabelled"], *scenario["targets"]])
    for first, second in [*combinations(named, 2), *_beside_centres(scenario, study)]:
        if not _disjoint(study["domains"][first], study["domains"][second]):
            raise InputError(
                f"scenarios.{name}: domains {first} and {second} may share subjects, which would leak from training "
                "into the test; give both a `where` on one column with different values"
            )
    for domain in dict.fromkeys([*named, *scenario["centres"]]):
        _check_domain(domain, study)


def check_applied(study: Study, labelled: set[str]) -> None:
    """Domains that are segmented and never scored: known, with no other part that needs labels, by arms that are
    trained and look at nothing but the subject as it is."""
    for domain in study["apply"]["domains"]:
        known(domain, study["domains"], "apply.domains", "domains")
        if domain in labelled:
            raise InputError(
                f"apply.domains: {domain} is a source, target or centre of this study, whose test subjects are "
                "predicted and scored anyway; take it out of apply.domains"
            )
        _check_columns(domain, study)
    for arm in study["apply"]["arms"]:
        known(arm, study["run"]["arms"], "apply.arms", "run.arms")
    for arm in study["apply"]["arms"] or [study["comparisons"]["baseline"]]:
        if study["apply"]["domains"] and study["arms"].get(arm, {}).get("test_translation"):
            raise InputError(f"apply.arms: {arm} translates what it segments; name arms without test_translation")


def _check_columns(name: str, study: Study) -> None:
    frames = PER_FRAME & study["domains"][name].get("where", {}).keys()
    if frames:
        raise InputError(f"domains.{name}.where: {', '.join(frames)} is a frame's; a domain is made of whole subjects")


def _beside_centres(scenario: Mapping[str, Any], study: Study) -> list[tuple[str, str]]:
    """Pairs of a centre with a domain that is tested; the source's own split keeps its test subjects from a centre."""
    source, centres = scenario["source"], scenario["centres"]
    split_apart = [one for one in centres if study["domains"][one].get("split", {}).get("split_as", one) != source]
    return [*product(centres, scenario["targets"]), *product(split_apart, [source]), *combinations(centres, 2)]


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
    _check_columns(name, study)
    _check_twin_split(name, split.get("split_as", name), study)
    dataset = study["datasets"][domain["dataset"]]
    scanners = _listed(domain.get("where", {}).get("scanner", []))
    if dataset["reader"] == "phantom" and not set(scanners) <= set(dataset["scanners"]):
        raise InputError(f"domains.{name}: datasets.{domain['dataset']}.scanners has no {', '.join(scanners)}; add it")


def _check_twin_split(name: str, other: str, study: Study) -> None:
    """A domain that is split as another must choose among the same subjects."""
    known(other, study["domains"], f"domains.{name}.split.split_as", "domains")
    for key in ("dataset", "where"):
        if study["domains"][name].get(key) != study["domains"][other].get(key):
            raise InputError(f"domains.{name}.split.split_as: {other!r} has another {key}; give both the same")
    ours, theirs = ({**study["split"], **study["domains"][one].get("split", {})} for one in (name, other))
    if theirs.get("split_as", other) != other:
        raise InputError(f"domains.{name}.split.split_as: {other!r} is itself split as another; name that one")
    for key in ("train", "val", "seed"):
        if ours[key] != theirs[key]:
            raise InputError(f"domains.{name}.split.{key} differs from that of {other!r}: give both the same")
