"""Places: where a study runs. Each names data sets, domains and one scenario; any study can be told to run there."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cmrbridge.errors import InputError
from cmrbridge.plan.catalogue import known, located
from cmrbridge.plan.manifest import NUMBER, one_spelling, values_of

ONE_VENDOR = {"acdc": {"vendor": "Siemens", "centre": "Dijon"}}  # readers whose data set holds a single value
TRAIN, TARGET_TRAIN, VAL = 0.7, 0.4, 0.1  # shares of a divided data set's subjects: of the source, of another, of each

Study = dict[str, Any]


def overlay_of(name: str, place: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the place lays over a study, and its own presets, which go over the study's.

    InputError where its data set can't be divided into a source and an unseen domain.
    """
    told = {"domains": {}, "notes": [], **place}
    if "divide" in told:
        told |= _divided(name, told["divide"], told["datasets"])
    overlay = {
        **{key: told[key] for key in ("datasets", "domains", "notes")},
        "scenarios": {name: told["scenario"]},
        "run": {"scenarios": [name]},
        "comparisons": {"primary_target": told["primary_target"]},
    }
    return overlay, told.get("presets", {})


def leave_out(study: Study) -> None:
    """Take out of ``run`` the arms that the place can't feed, and note each: a study's arms are the same everywhere."""
    scenario = study["scenarios"][study["run"]["scenarios"][0]]
    for arm in list(study["run"]["arms"]):
        recipe = study["arms"].get(arm, {})
        lacks = {
            "a second labelled centre": recipe.get("train_on") == "centres" and not scenario["centres"],
            "images without labels": recipe.get("adversarial") and not scenario["unlabelled"],
        }
        for what in (what for what, missing in lacks.items() if missing):
            study["run"]["arms"].remove(arm)
            study["notes"].append(f"The arm {arm} is left out: {study['place']} lacks {what}.")
            for skipped in study["run"]["skip"].values():
                skipped[:] = [name for name in skipped if name != arm]
            claims = study["comparisons"]["claims"]
            claims[:] = [claim for claim in claims if arm not in (claim["arm"], claim["against"])]


def _divided(name: str, divide: Mapping[str, Any], datasets: Mapping[str, Any]) -> dict[str, Any]:
    """One domain per value of a column: the source, a second centre where there are three or more, and the targets."""
    column = divide["by"]
    known(divide["dataset"], datasets, f"places.{name}.divide.dataset", f"places.{name}.datasets")
    counts = _subjects_by(column, divide["dataset"], datasets[divide["dataset"]])
    largest_first = [value for value, _ in sorted(counts.items(), key=lambda one: (-one[1], one[0]))]
    if len(largest_first) < 2:
        raise InputError(
            f"place {name}: all subjects of {divide['dataset']} have one {column} ({largest_first[0]!r}), so it has no "
            f"unseen domain: name a place with a second data set, or another column: places.{name}.divide.by"
        )
    key = f"places.{name}.divide.source"
    source = one_spelling(column, str(divide.get("source", largest_first[0])), key)
    if source not in counts:
        raise InputError(f"{key}: no subject has the {column} {source!r}; there are {', '.join(largest_first)}")
    others = [value for value in largest_first if value != source]
    domains = {
        domain_name(value): {
            "dataset": divide["dataset"],
            "where": {column: float(value) if column == NUMBER else value},
            "split": {"train": TRAIN if value == source else TARGET_TRAIN, "val": VAL},
        }
        for value in (source, *others)
    }
    if len(domains) < len(counts):
        raise InputError(f"place {name}: two values of {column} differ in signs alone; give them different letters")
    halves = _halves(source, others[0], counts, domains) if len(others) > 1 else {}
    targets = [domain_name(value) for value in (others[1:] if halves else others)]
    scenario = {
        "source": domain_name(source),
        "unlabelled": [domain_name(value) for value in others],
        "targets": targets,
        "centres": list(halves),
    }
    return {"domains": domains | halves, "scenario": scenario, "primary_target": targets[0]}


def _halves(
    source: str, second: str, counts: Mapping[str, int], domains: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Two centres that together have as many training subjects as the source; none where the second has too few."""
    half = int(counts[source] * TRAIN) // 2
    if int(counts[second] * TARGET_TRAIN) < half or half < 1:
        return {}
    halves = {}
    for value in (source, second):
        whole = domains[domain_name(value)]
        cap = {"train_subjects": half, "split_as": domain_name(value)}
        halves[f"{domain_name(value)}_half"] = {**whole, "split": {**whole["split"], **cap}}
    return halves


def _subjects_by(column: str, name: str, dataset: Mapping[str, Any]) -> Counter[str]:
    """Subjects of each value of a column, from the data set's own table; InputError where its reader has none."""
    told = ONE_VENDOR.get(dataset["reader"], {})
    if column in told:
        return Counter({told[column]: 1})
    if dataset["reader"] != "manifest":
        raise InputError(
            f"divide: only a manifest's table is read before a study, and {name} (reader {dataset['reader']}) has none "
            f"that tells the {column}: give the place domains and a scenario (workflow/places.yaml has examples)"
        )
    folder = Path(located(name, dataset)["path"])
    return Counter(value for _, value in sorted(values_of(column, folder, dataset)))


def domain_name(value: str) -> str:
    """A domain's name: letters, digits, dot, hyphen and underscore alone."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", value.strip()).lstrip(".-") or "_"
