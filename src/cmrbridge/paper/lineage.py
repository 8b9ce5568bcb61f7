"""From a file to all that made it: the records beside the files of a results folder, followed to the raw data."""

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from cmrbridge.errors import InputError
from cmrbridge.paper.records import read_record

OF_TABLES = {
    "cases.csv": "gather.record.json",
    "comparisons.csv": "compare.record.json",
    "claims.csv": "compare_claims.record.json",
}
NO_RECIPE = {"seed", "threads", "identity"}  # params that tell one run from another, or change no method
GATE = "data/.ready"  # opens when all domains of the study are in order; of what a training reads it says nothing
FEW, LONG = 3, 40  # differences that a message names, characters of a value

Step = tuple[str, str, str]  # job ("RULE FOLDER"), what it took (param or input), value
Method = frozenset[Step]


def record_beside(path: Path) -> Path | None:
    """The record of the job that wrote ``path``: NAME.record.json or record.json in its folder, the study's tables in
    `OF_TABLES`; None without one."""
    for name in (f"{path.stem}.record.json", "record.json", OF_TABLES.get(path.name)):
        if name and (path.parent / name).is_file():
            return path.parent / name
    return None


def recorded_name(results: Path) -> str:
    """The study's name when its jobs ran, by what they read: the folder may have been renamed since."""
    for record in sorted(results.rglob("*record.json")):
        for name in read_record(record).get("inputs") or {}:
            if name.startswith("results/"):
                return str(name.split("/")[1])
    return results.resolve().name


class Lineage:
    """The jobs of one results folder, by what they read.

    results: the folder, wherever it lies by now; study: its name when the jobs ran, as in results/STUDY.
    """

    def __init__(self, results: Path, study: str) -> None:
        self.results = results
        self._recorded = f"results/{study}/"
        self._methods: dict[Path, Method] = {}

    def inside(self, name: str) -> Path | None:
        """Where an input that a record names lies in this folder; None for raw data."""
        return self.results / name.removeprefix(self._recorded) if name.startswith(self._recorded) else None

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

    def method(self, record: Path) -> Method:
        """Everything that a run did but its seed: params and code of all jobs upstream, what they read, raw data.

        Runs of an arm on several machines agree in it, though their weights differ.
        """
        if record not in self._methods:
            about = read_record(record)
            job = f"{about.get('rule')} {self._named(record.parent)}"
            params = {name: value for name, value in (about.get("params") or {}).items() if name not in NO_RECIPE}
            own = [(job, name, value) for name, value in _leaves(params)]
            read = [(job, *what) for what in self._inputs(about)]
            self._methods[record] = frozenset([*own, *read]).union(*map(self.method, self._above(record)))
        return self._methods[record]

    def _above(self, record: Path) -> list[Path]:
        return [made for _, _, made in self._sources(read_record(record)) if made is not None and made != record]

    def _inputs(self, about: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """What jobs made by its name, raw data by its digest: where that lies is the machine's affair."""
        for place, digest, made in self._sources(about):
            yield ("raw data", digest) if place is None or made is None else ("input", self._named(place))

    def _sources(self, about: Mapping[str, Any]) -> Iterator[tuple[Path | None, str, Path | None]]:
        """(place in this folder, digest, record of the job that made it) of every input."""
        for name, digest in (about.get("inputs") or {}).items():
            place = self.inside(name)
            if place != self.results / GATE:
                yield place, str(digest), record_beside(place) if place is not None else None

    def _named(self, place: Path) -> str:
        return re.sub(r"seed-\d+", "seed", place.relative_to(self.results).as_posix())


def recipe(method: Method) -> str:
    """16 hex digits of a method."""
    return hashlib.sha256(json.dumps(sorted(method)).encode()).hexdigest()[:16]


def differences(one: Method, other: Method) -> str:
    """What two methods do not share: "train_segmenter FOLDER settings.steps: 100 / 200", the first few."""
    keys = sorted({(job, name) for job, name, _ in one ^ other})
    told = [f"{' '.join(key)}: {_values(one - other, key)} / {_values(other - one, key)}" for key in keys]
    return "; ".join(told[:FEW]) + (f"; and {len(told) - FEW} more" if len(told) > FEW else "")


def _values(method: Method, key: tuple[str, str]) -> str:
    text = ", ".join(sorted(value for job, name, value in method if (job, name) == key)) or "–"
    return text if len(text) <= LONG else f"{text[: LONG - 1]}…"


def _leaves(params: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """("settings.loop.steps", "100") of nested params, the values as JSON."""
    for name, value in params.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", json.dumps(value, sort_keys=True, default=str)
