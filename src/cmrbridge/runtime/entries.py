"""The jobs of a study as the tracking feed takes them: those that left a record, and those that only have a journal."""

import json
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from cmrbridge.errors import InputError
from cmrbridge.runtime.journal import Line, loads_of, metrics_of, read_journal

RECORD, JOURNAL = "record.json", "journal.jsonl"
LARGEST_ARTIFACT = 2_000_000  # bytes
ENDS = {"paused": "paused", "failed": "failed", "interrupted": "killed"}  # event of the journal → status


@dataclass(frozen=True)
class Entry:
    """One job. path: its record, or the journal of one that has none (yet).

    key: the record's path, as a study keeps it: results/STUDY/…/record.json. about: the record, or what the journal
    knows of it so far. status: "running", "paused", "failed", "killed" or "done". lines: of the journal, 0 of a record.
    """

    key: str
    path: Path
    about: dict[str, Any]
    status: str
    lines: int = 0

    @property
    def name(self) -> tuple[str, str]:
        """What tells a job's run from all others, so that a replay finds it."""
        return self.key, str(self.about["stamp"])

    @property
    def state(self) -> tuple[str, float, int]:
        """Status, when its last session began, lines of its journal: another one whenever there is news."""
        return self.status, self.about.get("time", 0.0), self.lines

    def metrics(self, since: int = 0) -> list[Line]:
        """All of them, or those of the journal's lines from number ``since`` on; the machine's as system/…"""
        if self.status != "done":
            lines = read_journal(self.path)[since:]
            return metrics_of(lines) + _system(loads_of(lines))
        return read_journal(self.path.with_name(f"{self._prefix}metrics.jsonl")) + _system(self.about.get("load", []))

    @property
    def artifacts(self) -> list[Path]:
        """Small pictures and JSON files of a job that is done: those beside its record.json."""
        if self.status != "done" or self._prefix:
            return []
        beside = [path for path in sorted(self.path.parent.iterdir()) if path.suffix in (".png", ".json")]
        mine = [path for path in beside if not path.name.startswith(".") and not path.name.endswith(RECORD)]
        return [path for path in mine if path.stat().st_size < LARGEST_ARTIFACT]

    @property
    def model(self) -> Path | None:
        """The weights that this job trained."""
        path = self.path.with_name("model.safetensors")
        return path if self.status == "done" and not self._prefix and path.exists() else None

    @property
    def _prefix(self) -> str:
        return self.path.name.removesuffix(RECORD)


def entries_of(records: Sequence[Path], folder: Path) -> list[Entry]:
    """The jobs of these records of the study in ``folder`` (results/STUDY)."""
    return [Entry(_key(path, folder), path, _read_record(path), "done") for path in dict.fromkeys(records)]


def entries_below(folder: Path) -> tuple[list[Entry], list[str]]:
    """All jobs of the study in ``folder``: (entries, a line about each record or journal that cannot be read)."""
    entries: dict[tuple[str, str], Entry] = {}
    complaints = []
    journals = []
    for path in _files(folder):
        if path.name.startswith("."):
            journals.append(path)
            continue
        try:
            entry = entries_of([path], folder)[0]
            entries[entry.name] = entry
        except InputError as error:  # one odd job must not keep the others out
            complaints.append(str(error))
    for path in journals:
        try:
            going = _unfinished(path, folder)
        except (OSError, KeyError, TypeError) as error:
            complaints.append(f"{path}: not a readable journal of cmrbridge ({error!r})")
            continue
        if going:
            entries.setdefault(going.name, going)
    return list(entries.values()), complaints


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            hidden = name.startswith(".")
            if name.endswith(JOURNAL if hidden else RECORD):
                yield Path(place, name)


def _key(record: Path, folder: Path) -> str:
    return f"results/{folder.name}/{record.relative_to(folder).as_posix()}"


def _read_record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return {**record, "stamp": record["stamp"], "started": record["started"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a record of cmrbridge ({error}); delete it and run its job again") from error


def _unfinished(journal: Path, folder: Path) -> Entry | None:
    """The job of a journal; None for one that is to leave no record, or has just ended."""
    lines = read_journal(journal)
    starts = [line for line in lines if line.get("event") == "start"]
    if not starts or not starts[-1].get("record"):
        return None
    last = lines[-1]
    about = {**starts[-1], "started": starts[0]["started"], "sessions": len(starts)}
    if last.get("event") in ENDS:
        status = ENDS[last["event"]]
        about["ended"] = last["time"]
        if status != "paused":
            about["error"] = str(last.get("error", "")).partition(":")[0]  # its text may name a patient
    else:
        status = "running" if _alive(journal) else "killed"
    return Entry(_key(journal.with_name(starts[-1]["record"]), folder), journal, about, status, len(lines))


def _system(loads: list[Line]) -> list[Line]:
    return [{name if name == "step" else f"system/{name}": load[name] for name in load} for load in loads]


def _alive(journal: Path) -> bool:
    """Whether the holder of the job's lock still lives, as far as one can tell from this host.

    The lock itself is not tried: even for a moment that could keep a training from starting.
    """
    lock = journal.with_name(f"{journal.name.removesuffix(JOURNAL)}lock")
    try:
        holder = json.loads(lock.read_text())
        if holder["host"] != socket.gethostname():
            return True
        return bool(psutil.Process(holder["pid"]).create_time() <= lock.stat().st_mtime)
    except FileNotFoundError:  # it goes with its holder
        return False
    except psutil.NoSuchProcess:
        return False
    except (OSError, ValueError, KeyError, TypeError):  # half written: it has just been taken
        return True
