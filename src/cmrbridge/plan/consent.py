"""People who are to be left out of every study, as `cmrbridge forget` lists them: by keys, never by names."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cmrbridge.errors import InputError

LIST = "forgotten.csv"  # beside the studies
COLUMNS = ("dataset", "key")


def read_forgotten(results: Path) -> dict[str, tuple[str, ...]]:
    """Data set → keys of the people that it is to be read without, sorted."""
    path = results / LIST
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    if any(set(row) != set(COLUMNS) or not all(row.values()) for row in rows):
        raise InputError(f"{path}: not a list of the columns {', '.join(COLUMNS)}; restore it from a backup")
    return {name: tuple(sorted({row["key"] for row in rows if row["dataset"] == name}))
            for name in sorted({row["dataset"] for row in rows})}  # fmt: skip


def is_admitted(name: str, dataset: Mapping[str, Any], forgotten: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether a study reads a copy of the data set that was made for it, in place of the data set itself."""
    return bool(dataset.get("pseudonymise")) or (name in forgotten and dataset["reader"] != "dicom")
