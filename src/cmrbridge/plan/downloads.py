"""Which data sets a study has to download, and what must be done by hand before: read from resources/datasets.tsv."""

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cmrbridge.errors import InputError

Row = dict[str, Any]
OFFLINE = "CMRBRIDGE_OFFLINE"


def sources_of(table: Path, name: str) -> list[Row]:
    """The files of a data set, as ``cmrbridge.fetch.dataset`` takes them; InputError where none is in the table."""
    try:
        with table.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    except OSError as error:
        raise InputError(f"{table}: cannot be read ({error.strerror}); name the table with --table") from error
    own = [_typed(row, table) for row in rows if row["dataset"] == name]
    if not own:
        names = ", ".join(dict.fromkeys(row["dataset"] for row in rows))
        raise InputError(f"{table}: no data set {name!r} in it; there are {names}")
    return own


def _typed(row: Mapping[str, str], table: Path) -> Row:
    if None in row.values() or None in row or not (row["size"].isdecimal() or not row["size"]):
        raise InputError(
            f"{table}: the row of {row['file']!r} has too few or too many cells, or a size that is no number"
        )
    return {**row, "urls": row["urls"].split(), "size": int(row["size"]) if row["size"] else None}


def awaited(study: Mapping[str, Any], datasets: Sequence[str]) -> list[str]:
    """Which of the data sets' downloads are not there yet, by their names in the table."""
    asked = [study["datasets"][name] for name in datasets]
    return list(dict.fromkeys(one["download"] for one in asked if "download" in one and not Path(one["path"]).is_dir()))


def offline(study: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> bool:
    return bool(study.get("offline")) or environment.get(OFFLINE, "") not in ("", "0", "false")


def refuse_hopeless(rows: Sequence[Row], folder: Path, without_network: bool) -> None:
    """InputError, before anything starts, for a file that is not there and that no server will be asked for."""
    missing = [row for row in rows if not (files_of(folder, row["dataset"]) / row["file"]).is_file()]
    by_hand = [row for row in missing if without_network or not row["urls"]]
    if not by_hand:
        return
    row = by_hand[0]
    why = "offline" if without_network else f"no program may fetch it ({row['licence']})"
    where = row["registration"] or row["urls"][0].partition("?")[0]
    rest = ", ".join(other["file"] for other in by_hand[1:])
    raise InputError(
        f"{files_of(folder, row['dataset']) / row['file']}: is not there, and {why}: get it from {where} and put it "
        "there" + (f" ({row['note']})" if row["note"] else "") + (f"; likewise {rest}" if rest else "")
    )


def files_of(folder: Path, name: str) -> Path:
    """Where a data set's files lie as they come from their host: here a person puts down what no program may fetch."""
    return folder / f"{name}.files"


def terms(rows: Sequence[Row]) -> str:
    """What who downloads a data set must know: its licence, its form, whom to cite."""
    row = rows[0]
    form = f"; registration: {row['registration']}" if row["registration"] else ""
    return f"{row['dataset']}: licence {row['licence']}{form}; cite {row['citation']}"
