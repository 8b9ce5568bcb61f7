"""How many subjects data sets and domains have: counted where the tables are there, else told by what is planned."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cmrbridge.plan.jobs import Job
from cmrbridge.plan.manifest import read_manifest

OPEN_RELEASE = {"acdc": 150, "mnms": 320, "mnms2": 360}  # subjects of the data sets that are read in their own layout
VENDORS = {"mnms": 4, "mnms2": 3}  # of which one is a selection's share, where nothing has been read yet


class Cohorts:
    """results: the study's folder; datasets: settings of each (reader, path, or the phantom's scanners and subjects);
    splits: settings of each domain's split (dataset, where, train, val)."""

    def __init__(
        self, results: Path, datasets: Mapping[str, Mapping[str, Any]], splits: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self.results = results
        self.datasets = datasets
        self.splits = splits

    def of_dataset(self, name: str) -> int:
        """Subjects of a data set, as its table tells, or as its phantom or open release has them."""
        told = self.datasets.get(name, {})
        if "scanners" in told:
            return len(told["scanners"]) * int(told["subjects"])
        rows = _rows(self.results / "ingest" / name / "subjects.csv") or self._manifest(name)
        return len({row["subject"] for row in rows}) or OPEN_RELEASE.get(told.get("reader", ""), 100)

    def subjects(self, domain: str, part: str) -> int:
        """Subjects of the "train", "val" or "test" part of a domain."""
        rows = _rows(self.results / "data" / domain / "split.csv")
        if rows:
            return sum(row["split"] == part for row in rows)
        split = self.splits[domain]
        train, val = round(split["train"] * self._selected(split)), round(split["val"] * self._selected(split))
        if part == "train":
            return min(train, split.get("train_subjects") or train)
        return val if part == "val" else self._selected(split) - train - val

    def _selected(self, split: Mapping[str, Any]) -> int:
        """Subjects that a domain's ``where`` takes of its data set."""
        name, where = split["dataset"], split.get("where") or {}
        told = self.datasets.get(name, {})
        if "scanners" in told:
            asked = where.get("scanner", told["scanners"])
            return int(told["subjects"]) * (len(asked) if isinstance(asked, list) else 1)
        table = _rows(self.results / "ingest" / name / "subjects.csv") or self._manifest(name)
        if not table:
            return self.of_dataset(name) // (VENDORS.get(told.get("reader", ""), 1) if where else 1)
        wanted = {key: of if isinstance(of, list) else [of] for key, of in where.items()}
        chosen = [row for row in table if all(_holds(row.get(key, ""), of) for key, of in wanted.items())]
        return len({row["subject"] for row in chosen})

    def _manifest(self, name: str) -> list[dict[str, str]]:
        told = self.datasets.get(name, {})
        return read_manifest(Path(told["path"])) if told.get("reader") == "manifest" else []


def cohorts_of(jobs: list[Job], results: Path) -> Cohorts:
    """What the jobs of one study, whose folder is ``results``, say of its data sets and domains."""
    datasets: dict[str, dict[str, Any]] = {}
    for job in jobs:
        if job.rule == "ingest":
            read = {"reader": job.params["settings"]["reader"], "path": job.inputs[0]}
            datasets[job.wildcards["dataset"]] = read | datasets.get(job.wildcards["dataset"], {})
        if job.rule == "admit":  # of which ingest reads the copy, that is not there yet
            read = {"reader": job.params["settings"]["reader"], "path": job.inputs[0]}
            datasets[job.wildcards["dataset"]] = datasets.get(job.wildcards["dataset"], {}) | read
    for job in jobs:
        if job.rule == "convert_dicom":  # until then there is no manifest to count
            datasets.setdefault(job.wildcards["dataset"], {})["reader"] = "dicom"
        if job.rule == "phantom":
            datasets.setdefault(job.wildcards["dataset"], {}).update(job.params["settings"])
    splits = {job.wildcards["domain"]: job.params["settings"] for job in jobs if job.rule == "split_domain"}
    return Cohorts(results, datasets, splits)


def _holds(cell: str, values: Sequence[object]) -> bool:
    """Whether the cell holds one of these, a number however it is written."""
    return cell in map(str, values) or any(_number(cell) == value for value in values)


def _number(cell: str) -> float | None:
    try:
        return float(cell.replace(",", "."))
    except ValueError:
        return None


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
