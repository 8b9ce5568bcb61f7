"""A first study of one data set, for its owner to read and change: domains by scanner, the endpoint, the arms."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from cmrbridge.errors import InputError
from cmrbridge.plan.manifest import NUMBER, one_spelling
from cmrbridge.plan.places import TARGET_TRAIN, TRAIN, VAL, domain_name

COLUMNS = ("vendor", "scanner", "centre", "field_strength_t")  # the first that tells subjects apart makes the domains
STRUCTURES = {"LV", "MYO", "RV"}
FEWEST = 3  # labelled subjects of a domain: one to train on, one to validate on, one to test
ON_PATIENTS = {"train": {"conditions": ["level", "phase"]}}
WIDE = {"batch": 32, "warmup": 500, "average": 0.999, "fold": 2, "channels": [64, 128, 192, 256], "layers": 2}
SIZES: dict[str, dict[str, Any]] = {  # as the papers' studies have them in places of patients (a test holds them equal)
    "cpu": {
        "image": {"size": 96, "spacing_mm": 1.75},
        "masks": {**ON_PATIENTS, "sample": {"solver": "ddpm", "calls": 40}},
        "segmentation": {"batch": 16, "loop": {"steps": 3000}},
    },
    "gpu": {
        "image": {"size": 128, "spacing_mm": 1.25},
        "masks": {
            "train": {"steps": 20000, "learning_rate": 3.0e-4, **WIDE, "inspect_every": 2000, **ON_PATIENTS["train"]},
            "sample": {"batch": 256},
        },
        "synthesis": {
            "train": {"steps": 20000, "learning_rate": 2.0e-4, **WIDE, "spade_channels": 64, "inspect_every": 2000},
            "render": {"batch": 256},
        },
        "segmentation": {
            "batch": 32,
            "loop": {"steps": 10000, "learning_rate": 1.0e-3, "warmup": 200, "precision": "auto", "inspect_every": 500},
        },
        "prediction": {"batch": 512},
    },
}
DEMO = {
    "phantom",
    "aurora",
    "borealis",
    "corona",
    "dusk",
    "eclipse",
}  # names in config.yaml: a namesake's keys would mix
SECOND = {  # what a study without an unseen domain lacks, ready to be uncommented
    "datasets": "  # sunnybrook: {reader: dicom, download: sunnybrook, licence: CC0-1.0}  # GE; LV and MYO",
    "domains": "  # sunnybrook: {dataset: sunnybrook, split: {train: 0.4, val: 0.1}}",
    "comparisons": "  # primary_target: sunnybrook",
}
ALONE = """\
# No domain is unseen here, so there is nothing to measure, and `make plan` refuses this study until it has a target.
# Add a second data set, of another scanner. The lines that are comments below add Sunnybrook, which is public and is
# downloaded; one of your own is added alike, by the lines of its own study. Then name it in `unlabelled` and `targets`.
"""
HEAD = """\
# {title}, drafted by `cmrbridge init`. It lies over config.yaml; docs/reference/config.md describes every key.
{told}#   make plan STUDY={file}    make study STUDY={file} PRESET=gpu
# Decide on `comparisons` (the primary endpoint) before you look at any result. Fill in `licence`: the report shows it.
"""

About = Mapping[str, str]
Subjects = Mapping[str, About]


def draft(name: str, dataset: Mapping[str, Any], subjects: Subjects, file: Path) -> tuple[str, list[str]]:
    """(the study as YAML, its findings in lines).

    subjects: name → vendor, scanner, centre, field_strength_t and ``annotated``, the structures labelled in all of its
    frames, "" where there are no labels. Who has an empty cell belongs to no domain. file: where the study will lie.
    """
    data = _entry(name)
    column, groups = _divided(subjects)
    source = max(groups, key=lambda value: (_whole(groups[value]), _labelled(groups[value]), len(groups[value])))
    others = sorted((value for value in groups if value != source), key=lambda value: -_labelled(groups[value]))
    targets = [value for value in others if _labelled(groups[value]) >= FEWEST]
    names = {value: _entry(value) if column else data for value in groups}
    if len(set(names.values())) < len(names):
        raise InputError(f"{column}: two of {', '.join(groups)} differ in signs alone; give them different letters")
    generators = _whole(groups[source]) >= FEWEST
    told = _told(column, groups, names[source], targets, generators)
    arms = ["real", "classic", *(["synthetic"] if generators else []), "dann", "oracle"]
    body: dict[str, Any] = {
        "study": domain_name(name),
        "preset": "cpu",
        "datasets": {data: {**dataset, "licence": ""}},
        "domains": {names[value]: _domain(data, column, value, value == source) for value in (source, *others)},
        "scenarios": {
            "unseen": {
                "source": names[source],
                "unlabelled": [names[value] for value in others],
                "targets": [names[value] for value in targets],
            }
        },
        "run": {"scenarios": ["unseen"], "arms": arms, "seeds": [0, 1, 2]},
        "comparisons": {"primary_arm": arms[2]} | ({"primary_target": names[targets[0]]} if targets else {}),
        "presets": SIZES,
    }
    head = HEAD.format(title=name, told="".join(f"# {line}\n" for line in told), file=file)
    return head + (_text(body, {}) if targets else ALONE + _text(body, SECOND)), told


def _divided(subjects: Subjects) -> tuple[str, dict[str, list[About]]]:
    """(column, its values with their subjects): the first with a labelled source and a labelled target, else the first
    with several values, else ("", everybody)."""
    several: list[tuple[str, dict[str, list[About]]]] = []
    for column in COLUMNS:
        groups: dict[str, list[About]] = {}
        for name, about in subjects.items():
            if about[column]:
                groups.setdefault(one_spelling(column, about[column], f"{name}: {column}"), []).append(about)
        if sum(_labelled(group) >= FEWEST for group in groups.values()) > 1:
            return column, groups
        several += [(column, groups)] if len(groups) > 1 else []
    return several[0] if several else ("", {"": list(subjects.values())})


def _labelled(group: Sequence[About]) -> int:
    return sum(bool(about["annotated"]) for about in group)


def _whole(group: Sequence[About]) -> int:
    """Subjects of whom every structure is labelled: generators learn from no others."""
    return sum(set(about["annotated"].split()) == STRUCTURES for about in group)


def _told(
    column: str,
    groups: Mapping[str, Sequence[About]],
    source: str,
    targets: Sequence[str],
    generators: bool,
) -> list[str]:
    counts = ", ".join(f"{value} {len(group)} ({_labelled(group)} labelled)" for value, group in groups.items())
    told = [f"domains: by {column}: {counts}" if column else f"domains: one, {counts.strip()}"]
    labelled = sum(map(_labelled, groups.values()))
    if labelled < FEWEST:
        told.append(f"study: {labelled} labelled subjects, {FEWEST} are needed: good as `unlabelled` of another study")
    elif not targets:
        told.append("study: no second domain of three labelled subjects, so none is unseen: add a data set, as it says")
    if labelled >= FEWEST and not generators:
        told.append(f"study: {source} has no three subjects with LV, MYO and RV in all frames: no generator can learn")
    return told


def _domain(data: str, column: str, value: str, source: bool) -> dict[str, Any]:
    where = {"where": {column: float(value) if column == NUMBER else value}} if column else {}
    return {"dataset": data, **where, "split": {"train": TRAIN if source else TARGET_TRAIN, "val": VAL}}


def _entry(name: str) -> str:
    """A name for a catalogue that config.yaml does not use."""
    return f"own_{domain_name(name)}" if domain_name(name) in DEMO else domain_name(name)


class _Plain(yaml.SafeDumper):
    """Writes a list that stands twice twice, not once with an anchor."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(body: Mapping[str, Any], more: Mapping[str, str]) -> str:
    """YAML by sections, short entries on a line each; ``more`` closes a section with a comment."""
    parts = []
    for key, value in body.items():
        nested = isinstance(value, dict) and any(isinstance(entry, dict | list) for entry in value.values())
        style = None if nested else False
        part = yaml.dump(
            {key: value}, Dumper=_Plain, sort_keys=False, default_flow_style=style, allow_unicode=True, width=120
        )
        if more and key == "scenarios":
            part = part.replace(": []\n", ": []  # [sunnybrook]\n")
        parts.append(part + (f"{more[key]}\n" if key in more else ""))
    return "".join(parts)
