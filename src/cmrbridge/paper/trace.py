"""From one number of a study's tables back to all that made it: runs, code, commit, settings, machine, raw data."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pandas as pd

from cmrbridge.errors import InputError
from cmrbridge.paper.lineage import Lineage, record_beside, recorded_name
from cmrbridge.paper.numbers import KEYS
from cmrbridge.paper.records import Record, duration, read_record

NUMBERS = "paper/tables/numbers.json"
CASES, COMPARISONS = "evaluation/cases.csv", "evaluation/comparisons.csv"
CLAIMS = "evaluation/claims.csv"
TABLES = {"cases": CASES, "comparisons": COMPARISONS, "claims": CLAIMS}
RUN = ("source", "arm", "architecture", "seed")


@dataclass(frozen=True)
class Number:
    """One number. table: its file; tested: the table of tests that it goes through, "" for a single score; value: the
    number, or a row's numbers by column; keys: column → names that choose the runs behind it, all where empty."""

    table: str
    tested: str
    value: Any
    keys: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Trace:
    """steps: record of each job behind the number, by its place in the results folder, the table's own first and each
    before those that it read from; raw: file that no job of the study made → SHA-256, as the jobs read it."""

    number: Number
    steps: Mapping[str, Record]
    raw: Mapping[str, str]


def trace(results: Path, name: str, keys: Mapping[str, str]) -> Trace:
    """Follow a number of results/STUDY. name: of numbers.json ("dice/aurora/eclipse/unet2d/classic/mean"), or one of
    `TABLES` with the ``keys`` of one row. InputError that names what there is instead, or what is missing."""
    number = _row(results, name, keys) if name in TABLES else _quoted(results, name, keys)
    tables = [number.tested, CASES] if number.tested else [CASES]
    steps = {path: read_record(path) for path in (_record_of(results / table) for table in tables)}
    raw: dict[str, str] = {}
    reads: dict[Path, list[Path]] = {}
    lineage, level = (
        Lineage(results, recorded_name(results)),
        _runs(results, number.keys),
    )  # not all runs that the tables hold
    while level:
        reads |= {path: list(_read_from(path, lineage, raw)) for path in level}
        level = [above for above in dict.fromkeys(one for path in level for one in reads[path]) if above not in reads]
    upstream_last = reversed(list(TopologicalSorter(reads).static_order()))
    steps |= {path: read_record(path) for path in upstream_last}
    return Trace(number, {path.relative_to(results).as_posix(): about for path, about in steps.items()}, raw)


def as_json(found: Trace) -> str:
    """All that the records say, as JSON."""
    plain = {"number": vars(found.number), "steps": found.steps, "raw": found.raw}
    return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"


def as_text(found: Trace) -> str:
    """The number, a line per job, and the raw files last."""
    number = found.number
    value = number.value if isinstance(number.value, Mapping) else {"": number.value}
    lines = [f"{number.table}: " + ", ".join(f"{name} {one}".strip() for name, one in value.items())]
    lines += [_line(place, about) for place, about in found.steps.items()]
    lines += [f"raw  sha256 {digest}  {name}" for name, digest in sorted(found.raw.items())]
    return "\n".join(lines)


def _row(results: Path, name: str, keys: Mapping[str, str]) -> Number:
    """The one row of a table whose cells read like these."""
    path = results / TABLES[name]
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: can't be read ({error}); finish the study first") from error
    unknown = [key for key in keys if key not in frame]
    if unknown:
        raise InputError(f"{path}: has no column {', '.join(unknown)}; it has {', '.join(frame)}")
    rows = frame
    for key, value in keys.items():
        if not (rows[key] == value).any():
            others = ", ".join(sorted(set(rows[key]))[:20])
            raise InputError(f"{path}: no such row has {key}={value}; there is {others}")
        rows = rows[rows[key] == value]
    if len(rows) > 1:
        differ = [column for column in rows if column not in keys and rows[column].nunique() > 1]
        raise InputError(f"{path}: {len(rows)} rows are meant; name one by KEY=VALUE of {', '.join(differ)}")
    (row,) = rows.to_dict("records")
    arms = [row[column] for column in ("arm", "baseline") if column in row]
    chosen = {key: [row[key]] for key in RUN if key in row} | {"arm": arms}
    tested = TABLES[name] if name != "cases" else ""
    return Number(TABLES[name], tested, {str(column): cell for column, cell in row.items()}, chosen)


def _quoted(results: Path, name: str, keys: Mapping[str, str]) -> Number:
    """A number of numbers.json by the words that numbers.tex writes beside it."""
    path = results / NUMBERS
    if keys:
        raise InputError(f"{name}: KEY=VALUE goes with {' or '.join(TABLES)}; a name of numbers.json stands alone")
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: can't be read ({error}); finish the study first") from error
    first, *rest = [part.strip() for part in name.split("/")]
    part, tested = told.get(first), TABLES["claims" if first == "claims" else "comparisons"]
    if isinstance(part, Mapping) and len(rest) == 1 and rest[0] in part:
        return Number(NUMBERS, tested, part[rest[0]], {"arm": rest} if first == "seeds" else {})
    if isinstance(part, list) and rest:
        for record in (one for one in part if isinstance(one, Mapping)):
            names = [str(record[key]) for key in KEYS if key in record]
            if names == rest[:-1] and rest[-1] in record:
                return Number(NUMBERS, tested, record[rest[-1]], _chosen(record))
    if part is not None and not rest and not isinstance(part, list | Mapping):
        return Number(NUMBERS, tested, part, {})
    raise InputError(f"{path}: has no number {name!r}; paper/tables/numbers.tex lists their names")


def _chosen(record: Mapping[str, Any]) -> dict[str, list[str]]:
    """Which runs a record of numbers.json speaks of; of a comparison also the baseline's."""
    chosen = {key: [str(record[key])] for key in RUN if key in record}
    return chosen | ({"arm": [*chosen["arm"], str(record["baseline"])]} if "baseline" in record else {})


def _runs(results: Path, keys: Mapping[str, Sequence[str]]) -> list[Path]:
    """Records of the runs' scores that these keys choose."""
    found = []
    for path in sorted(results.glob("evaluation/runs/*/*/*/seed-*/record.json")):
        identity = read_record(path)["params"]["identity"]
        if all(str(identity[key]) in values for key, values in keys.items()):
            found.append(path)
    if not found:
        told = ", ".join(f"{key} {' or '.join(values)}" for key, values in keys.items()) or "any run"
        raise InputError(f"{results}/evaluation/runs: no record.json of {told} is left; score these runs again")
    return found


def _read_from(record: Path, lineage: Lineage, raw: dict[str, str]) -> Iterable[Path]:
    """Records of the jobs whose files a job read; ``raw`` gains what no job made."""
    for name, digest in (read_record(record).get("inputs") or {}).items():
        place = lineage.inside(name)
        if place is None:
            raw[name] = digest
        elif not place.name.startswith("."):  # a mark that all is in order holds no data
            above = _record_of(place)
            if above != record:
                yield above


def _record_of(path: Path) -> Path:
    record = record_beside(path)
    if record is None:
        raise InputError(f"{path}: no record of the job that made it is left beside it; run that job again")
    return record


def _line(place: str, about: Record) -> str:
    """What one job was: names, code, commit, time, machine, and where its record lies."""
    names = " ".join(f"{key}={value}" for key, value in (about.get("wildcards") or {}).items())
    code = (about.get("params") or {}).get("code", "unknown")
    machine = " ".join(str(about[key]) for key in ("device", "device_name", "precision") if about.get(key))
    return (
        f"{about.get('rule')}  {names or '–'}  code {code}  commit {str(about.get('git_commit'))[:12]}  "
        f"{about.get('started', 'at an unknown time')}  {duration(float(about.get('wall_seconds') or 0))}  "
        f"{machine or 'unknown machine'}  {place}"
    )
