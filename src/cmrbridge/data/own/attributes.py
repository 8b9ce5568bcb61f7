"""Vendor, scanner, centre, field strength and pathology: from a table beside the images, or from their sidecars."""

import csv
import json
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from cmrbridge.data.dicom.privacy import VENDORS
from cmrbridge.data.frames import read_table
from cmrbridge.errors import InputError

ATTRIBUTES = ("vendor", "scanner", "centre", "field_strength_t", "pathology")
ALIASES = {
    "vendor": {"vendor", "vendorname", "manufacturer", "make"},
    "scanner": {"scanner", "scannermodel", "model", "scannername", "manufacturermodelname", "manufacturersmodelname"},
    "centre": {"centre", "center", "site", "hospital", "institution", "institutionname", "clinic"},
    "field_strength_t": {"fieldstrengtht", "fieldstrength", "field", "tesla", "magneticfieldstrength", "b0"},
    "pathology": {"pathology", "group", "disease", "diagnosis", "dx"},
}
FOUND = 0.5  # share of the subjects that a table's column has to name

Attributes = dict[str, str]


def from_tables(folder: Path, subjects: Collection[str]) -> tuple[dict[str, Attributes], list[str]]:
    """Subject → what the folder's own tables say of it; and the tables that were used, or why not."""
    found: dict[str, Attributes] = {subject: {} for subject in subjects}
    told = []
    for path in sorted([*folder.glob("*.csv"), *folder.glob("*.tsv")]):
        try:
            rows = _rows(path)
        except (InputError, csv.Error) as error:
            told.append(f"left unread: {error}")
            continue
        column = _naming(rows, subjects)
        if column is None:
            told.append(f"left unread: no column of {path.name} names half of the subjects")
            continue
        about = {_plain(row[column]): _attributes(row.items()) for row in rows}
        for subject in subjects:
            found[subject] = about.get(_plain(subject), {}) | found[subject]
        told.append(f"{path.name}: subjects in {column!r}")
    return found, told


def from_sidecar(image: Path) -> Attributes:
    """What dcm2niix wrote beside an image, {} where there is nothing to read."""
    path = image.with_name(f"{image.name.removesuffix('.gz').removesuffix('.nii')}.json")
    try:
        told = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return {}
    return _attributes((key, str(value)) for key, value in told.items()) if isinstance(told, dict) else {}


def _rows(path: Path) -> list[dict[str, str]]:
    if path.suffix == ".csv":
        return read_table(path, [], "save it as a comma-separated table")
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as stream:
        rows = csv.DictReader(stream, delimiter="\t")
        return [{name: (value or "").strip() for name, value in row.items() if name is not None} for row in rows]


def _naming(rows: list[dict[str, str]], subjects: Collection[str]) -> str | None:
    """The column in which most subjects are named."""
    wanted = {_plain(subject) for subject in subjects}
    counts = {column: len({_plain(row[column]) for row in rows} & wanted) for column in (rows[0] if rows else {})}
    best = max(counts, key=lambda column: counts[column], default=None)
    return best if best is not None and counts[best] >= FOUND * len(wanted) else None


def _attributes(cells: Iterable[tuple[str, str]]) -> Attributes:
    found: Attributes = {}
    for column, value in cells:
        word = re.sub(r"[^a-z0-9]", "", re.sub(r"\(.*?\)", "", column.lower()))
        name = next((name for name, aliases in ALIASES.items() if word in aliases), None)
        if name is not None and value and not found.get(name):
            found[name] = _cleaned(name, value)
    return found


def _cleaned(name: str, value: str) -> str:
    if name == "vendor":
        words = re.split(r"[^a-z]+", value.lower())
        return next((VENDORS[word] for word in words if word in VENDORS), value)
    return value.rstrip("tT ") if name == "field_strength_t" else value


def _plain(name: str) -> str:
    """A subject's name without the zeros that spreadsheets take."""
    return name.strip().lower().lstrip("0") or "0"
