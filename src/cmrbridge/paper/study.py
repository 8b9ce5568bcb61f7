"""A finished study as the report reads it: what its config says, what its jobs wrote."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from cmrbridge.evaluation.claims import Conditions
from cmrbridge.evaluation.doses import CORRELATIONS, read_doses
from cmrbridge.evaluation.frames import read_cases, summarise
from cmrbridge.evaluation.scans import read_scans
from cmrbridge.paper.records import Record, Training, read_record, read_training
from cmrbridge.paper.tables import ordered, read_claims, read_comparisons


class Doses(NamedTuple):
    """The tables of `evaluation.doses.measure_doses`."""

    points: pd.DataFrame
    correlations: pd.DataFrame


@dataclass(frozen=True)
class About:
    """What the config says. reference: the plain arm; notes: what else a reader must know of this study; access: arm →
    what it may see of a target; arms: arm → "training" (its domains), "does" and "at_test", in words; augmentations:
    name → what it disturbs; trained_as: architecture → arm → the arm whose network it uses; scenarios: scenario → its
    source; roles: domain → what the study does with it; readers: data set → its reader; nominal: domains whose
    millimetres are; conditions: what a verdict needs (see `Conditions`); follows: see
    `followings.judge_followings`; facts: for the checklist, see
    `content.checklist_facts`; figures: {"path" (png), "title", "caption", and "counted" (see `captions.captioned`)}."""

    study: str
    config_text: str
    reference: str
    notes: Sequence[str]
    access: Mapping[str, str]
    arms: Mapping[str, Mapping[str, str]]
    augmentations: Mapping[str, str]
    trained_as: Mapping[str, Mapping[str, str]]
    scenarios: Mapping[str, str]
    roles: Mapping[str, Sequence[str]]
    readers: Mapping[str, str]
    nominal: Sequence[str]
    conditions: Mapping[str, float]
    follows: Sequence[Mapping[str, str]]
    facts: Mapping[str, Any]
    figures: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Files:
    """What the jobs wrote. doses, correlations: of `measure_doses`, None where the report asks none; trainings:
    record.json of every segmenter's training, journals: their metrics.jsonl, in the same order; records: of the
    generators' trainings; validity, fidelity, audits: of generated masks and pairs; choices: of translation; shift: how
    well classes were told apart; subjects: one table per data set; splits: domain → split.csv."""

    cases: Path
    comparisons: Path
    claims: Path
    doses: Path | None
    correlations: Path | None
    trainings: Sequence[Path]
    journals: Sequence[Path]
    records: Sequence[Path]
    duplicates: Path
    validity: Sequence[Path]
    fidelity: Sequence[Path]
    audits: Sequence[Path]
    choices: Sequence[Path]
    shift: Sequence[Path]
    subjects: Sequence[Path]
    splits: Mapping[str, Path]


@dataclass(frozen=True)
class Study:
    """What the sections are made from."""

    about: About
    files: Files
    cases: pd.DataFrame
    compared: pd.DataFrame
    claimed: pd.DataFrame
    doses: Doses | None
    summary: pd.DataFrame
    scans: pd.DataFrame
    trainings: Sequence[Training]
    records: Sequence[Record]
    conditions: Conditions


def read_study(about: About, files: Files) -> Study:
    """All tables and records, read once."""
    cases = read_cases(files.cases)
    trainings = [read_training(*pair) for pair in zip(files.trainings, files.journals, strict=True)]
    return Study(
        about=about,
        files=files,
        cases=cases,
        compared=ordered(read_comparisons(files.comparisons)),
        claimed=read_claims(files.claims),
        doses=read_both_doses(files.doses, files.correlations) if files.doses and files.correlations else None,
        summary=ordered(summarise(cases)),
        scans=read_scans(files.subjects, files.splits),
        trainings=trainings,
        records=[*(one.record for one in trainings), *map(read_record, files.records)],
        conditions=Conditions(**about.conditions),  # type: ignore[arg-type]  # the schema holds the types
    )


def read_both_doses(doses: Path, correlations: Path) -> Doses:
    """The two tables of `evaluation.doses.measure_doses`; InputError where one is missing or another table."""
    return Doses(read_doses(doses), read_doses(correlations, CORRELATIONS))
