"""The records of a study as the tracking feed takes them: each with the metrics and pictures that belong to it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cmrbridge.errors import InputError
from cmrbridge.runtime.digests import portable
from cmrbridge.runtime.journal import Line, read_journal

LARGEST_ARTIFACT = 2_000_000  # bytes


@dataclass(frozen=True)
class Entry:
    """One job's record with its metrics and pictures. key: the record's path, relative to the working directory."""

    key: str
    record: dict[str, Any]
    metrics: list[Line] = field(default_factory=list)
    artifacts: list[Path] = field(default_factory=list)

    @property
    def name(self) -> tuple[str, str]:
        """What tells a job's run from all others, so that a replay finds it."""
        return self.key, str(self.record["stamp"])


def entries_of(records: Sequence[Path], metrics: Sequence[Path], artifacts: Sequence[Path]) -> list[Entry]:
    """The records with what belongs to each."""
    entries = {path: Entry(portable(path), _read_record(path)) for path in dict.fromkeys(records)}
    for path in metrics:
        for owner in _owners(path, records):
            entries[owner].metrics.extend(read_journal(path))
    for path in artifacts:
        if path.suffix in (".png", ".json") and path.stat().st_size < LARGEST_ARTIFACT:
            for owner in _owners(path, records):
                entries[owner].artifacts.append(path)
    return list(entries.values())


def _owners(path: Path, records: Sequence[Path]) -> list[Path]:
    above = [record for record in records if path.parent.is_relative_to(record.parent)]
    return sorted(above, key=lambda record: len(record.parent.parts))[-1:]


def _read_record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return {**record, "stamp": record["stamp"], "started": record["started"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a record of cmrbridge ({error}); delete it and run its job again") from error
