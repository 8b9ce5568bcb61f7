"""From a file to all that made it: the records beside the files of a results folder, followed to the raw data."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from cmrbridge.errors import InputError
from cmrbridge.paper.records import read_record

OF_TABLES = {"cases.csv": "gather.record.json", "comparisons.csv": "compare.record.json"}
NO_RECIPE = {"seed", "threads", "identity"}  # params that tell one run from another, or change no method


def record_beside(path: Path) -> Path | None:
    """The record of the job that wrote ``path``: NAME.record.json or record.json in its folder, the study's tables in
    `OF_TABLES`; None without one."""
    for name in (f"{path.stem}.record.json", "record.json", OF_TABLES.get(path.name)):
        if name and (path.parent / name).is_file():
            return path.parent / name
    return None


class Lineage:
    """The jobs of one results folder (results/STUDY), by what they read."""

    def __init__(self, results: Path) -> None:
        self.results = results
        self._recipes: dict[Path, str] = {}

    def inside(self, name: str) -> Path | None:
        """Where an input that a record names lies in this folder; None for raw data."""
        _, found, rest = f"/{name}".partition(f"/{self.results.name}/")
        return self.results / rest if found else None

    def ancestor(self, record: Path, rules: Collection[str]) -> Path:
        """The nearest record upstream of ``record`` that one of ``rules`` wrote; InputError where there is none."""
        level = [record]
        while level:
            for path in level:
                if read_record(path).get("rule") in rules:
                    return path
            level = sorted({above for path in level for above in self._above(path)})
        raise InputError(
            f"{record}: no record of {' or '.join(sorted(rules))} is left upstream; keep record.json beside models"
        )

    def recipe(self, record: Path) -> str:
        """16 hex digits over everything that a run did but its seed: params, code and recipes upstream, raw data.

        Runs of an arm on several machines agree in it, though their weights differ.
        """
        if record not in self._recipes:
            about = read_record(record)
            params = {name: value for name, value in (about.get("params") or {}).items() if name not in NO_RECIPE}
            text = json.dumps([about.get("rule"), params, self._sources(about)], sort_keys=True, default=str)
            self._recipes[record] = hashlib.sha256(text.encode()).hexdigest()[:16]
        return self._recipes[record]

    def _above(self, record: Path) -> list[Path]:
        places = [self.inside(name) for name in read_record(record).get("inputs") or {}]
        found = [record_beside(place) for place in places if place is not None]
        return [path for path in found if path is not None and path != record]

    def _sources(self, about: Mapping[str, Any]) -> list[list[str]]:
        """[name, recipe] of inputs that jobs made, ["", digest] of raw ones, whose place is the machine's affair."""
        found = []
        for name, digest in (about.get("inputs") or {}).items():
            place = self.inside(name)
            record = record_beside(place) if place is not None else None
            if place is None or record is None:
                found.append(["", str(digest)])
            else:
                label = re.sub(r"seed-\d+", "seed", place.relative_to(self.results).as_posix())
                found.append([label, self.recipe(record)])
        return sorted(found)
