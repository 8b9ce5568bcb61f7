"""What a study holds of one person: which of its jobs saw the person, or made something out of what others saw."""

import csv
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from cmrbridge.core.keys import subject_key
from cmrbridge.runtime.entries import JOURNAL, RECORD, Entry, entries_below
from cmrbridge.runtime.people import subjects_of

NAMING = ("ingest/*/subjects.csv", "admitted/*/files/manifest.csv", "dicom/*/files/manifest.csv", "data/*/split.csv")
TABLES = {Path(pattern).name for pattern in NAMING}
OF_ALL = ("atlas", "check", "shift", "paper", "tracking")  # folders that every subject of a study goes into
ABOUT_ALL = ("ingest", "data", "evaluation", "applied")  # the same, of their own files alone
READS_ALL = ("admit", "convert_dicom", "ingest", "check", "find_duplicates")  # rules that read whole data sets
MADE_OF_FEW = (".csv", ".ready")  # of the data: what it holds of a person is a name, which goes on to no model


@dataclass(frozen=True)
class Person:
    """Whoever has one of ``names``: names as given, and the keys that stand for them; dataset: the only one in which
    that is this person, "" for all."""

    names: frozenset[str]
    salt: bytes
    dataset: str = ""

    def is_called(self, dataset: str, label: str) -> bool:
        return self.dataset in ("", dataset) and bool({label, subject_key(label, self.salt)} & self.names)


@dataclass(frozen=True)
class Holding:
    """A folder of a study. files: what of it goes, last that by which the rest is found; keys: of its jobs."""

    folder: Path
    files: tuple[Path, ...]
    keys: frozenset[str]


def person_called(subject: str, salt: bytes) -> Person:
    """By a name or number as the data set has it, or by the key that stands for it, of once or twice (a key of a DICOM
    subject may have been keyed again); as DATASET/NAME in that data set alone: others may call somebody else so."""
    dataset, _, name = subject.rpartition("/")
    key = subject_key(name, salt)
    return Person(frozenset({name, key, subject_key(key, salt)}), salt, dataset)


def appearances(study: Path, person: Person) -> set[tuple[str, str]]:
    """(data set, the person's name in it) as tables of the study and records of its jobs tell."""
    found = {one for people in _tables(study).values() for one in people}
    for entry in entries_below(study)[0]:
        found |= {(one.partition("/")[0], one.partition("/")[2]) for one in people_of(entry, study)}
    return {(dataset, label) for dataset, label in found if person.is_called(dataset, label)}


def _tables(study: Path) -> dict[Path, set[tuple[str, str]]]:
    """(data set, subject) of every table that names subjects, by the folder of the job that wrote it."""
    told: dict[Path, set[tuple[str, str]]] = {}
    for path in (path for pattern in NAMING for path in sorted(study.glob(pattern))):
        with path.open(encoding="utf-8-sig", newline="") as stream:
            for row in csv.DictReader(stream):
                dataset = row.get("dataset") or path.relative_to(study).parts[1]  # a manifest names no data set
                folder = study.joinpath(*path.relative_to(study).parts[:2])
                told.setdefault(folder, set()).add((dataset, row["subject"]))
    return told


def people_of(entry: Entry, study: Path) -> set[str]:
    """ "dataset/subject" of everybody in the packs that the job read: by its record, or of before by the packs."""
    told = entry.about.get("people")
    if told is None:
        names = [Path(name).parts for name in entry.about.get("inputs", {}) if name.endswith(".npz")]
        told = {"/".join(parts): subjects_of(study.joinpath(*parts[2:])) for parts in names}
    return {one for splits in told.values() for people in splits.values() for one in people}


def untold(study: Path) -> list[str]:
    """A line for each job of before records told whose data it read, where the pack that would tell it is gone."""
    lines = []
    for entry in entries_below(study)[0]:
        names = entry.about.get("inputs", {}) if entry.about.get("people") is None else ()
        packs = [name for name in names if name.endswith(".npz") and Path(name).parts[2:3] in (("data",), ("ingest",))]
        gone = [name for name in packs if not study.joinpath(*Path(name).parts[2:]).is_file()]
        lines += [f"{entry.path}: it does not say whose data it read, and {gone[0]} is gone"] if gone else []
    return lines


def holdings(study: Path, found: Collection[tuple[str, str]]) -> list[Holding]:
    """Folders of the study that hold something of the person, what was made of others before those others."""
    labels = {f"{dataset}/{label}" for dataset, label in found}
    naming = [folder for folder, people in _tables(study).items() if people & set(found)]
    jobs: dict[Path, list[Entry]] = {folder: [] for folder in naming}  # also where a kill left no record
    for entry in entries_below(study)[0]:
        jobs.setdefault(entry.path.parent, []).append(entry)
    held = {folder for folder, entries in jobs.items() if any(_saw(one, labels, study) for one in entries)}
    held |= set(naming)
    reads = {folder: set(_sources(entries, study, jobs)) - {folder} for folder, entries in jobs.items()}
    while grown := {folder for folder in jobs if folder not in held and reads[folder] & held}:
        held |= grown
    of_all = [study / name for name in (*OF_ALL, *ABOUT_ALL)]
    upstream_last = [folder for folder in TopologicalSorter(reads).static_order() if folder in held][::-1]
    order = [*of_all, *(folder for folder in upstream_last if not _within(folder, of_all, study))]
    return [one for folder in order if (one := _holding(folder, study, jobs)).files]


def _within(folder: Path, of_all: list[Path], study: Path) -> bool:
    """Whether the folder goes along with one of ``of_all``."""
    return folder in of_all or folder.relative_to(study).parts[0] in OF_ALL


def _saw(entry: Entry, labels: set[str], study: Path) -> bool:
    """Whether the job read the person's data: in a pack, or as one of a data set's files."""
    dataset = entry.about.get("wildcards", {}).get("dataset")
    of_files = entry.about.get("rule") in READS_ALL and dataset in {one.partition("/")[0] for one in labels}
    return of_files or bool(people_of(entry, study) & labels)


def _sources(entries: Iterable[Entry], study: Path, jobs: dict[Path, list[Entry]]) -> Iterator[Path]:
    """Folders of the jobs that made what these read, but for packs and tables of the data: those tell themselves whom
    they hold (`people_of`)."""
    for entry in entries:
        for name in entry.about.get("inputs", {}):
            parts = Path(name).parts
            told = parts[2:3] in (("data",), ("ingest",)) and name.endswith((".npz", *MADE_OF_FEW))
            if parts[:1] == ("results",) and not told:  # by the name that the study had then
                yield from _nearest(study.joinpath(*parts[2:]), jobs)


def _nearest(path: Path, jobs: Iterable[Path]) -> list[Path]:
    """The job's folder that a file lies in, at whatever depth; [] for a file of no job."""
    return [folder for folder in (path, *path.parents) if folder in jobs][:1]


def _holding(folder: Path, study: Path, jobs: dict[Path, list[Entry]]) -> Holding:
    """The folder's files but for those of other jobs' folders below it; of a folder of all subjects, everything."""
    name = folder.relative_to(study).as_posix()
    files = sorted(Path(place, name) for place, _, names in os.walk(folder) for name in names)
    gone = [folder, *(one for one in jobs if folder in one.parents)] if name in OF_ALL else [folder]
    if name in ABOUT_ALL:
        files = [path for path in files if path.parent == folder]
    elif name not in OF_ALL:
        files = [path for path in files if _nearest(path.parent, jobs) == [folder]]
    files.sort(key=_rank)
    return Holding(folder, tuple(files), frozenset(one.key for place in gone for one in jobs.get(place, [])))


def _rank(path: Path) -> int:
    """What is removed last: records tell what a job made, tables of subjects who is to be looked for."""
    return 2 if path.name in TABLES else int(path.name.endswith((RECORD, JOURNAL)))
