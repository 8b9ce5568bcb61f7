"""What a reader yields: one frame (subject × phase) of a data set, as it lies in its files."""

import csv
import math
from dataclasses import dataclass, field
from pathlib import Path

from cmrbridge.errors import InputError


@dataclass(frozen=True)
class IngestSettings:
    """How a data set is read.

    reader: a name in `data.readers.READERS`; labels: code of each structure in
    the files, empty for the reader's own; size, spacing_mm: of the canonical square crop, pixels and mm per pixel;
    licence: as shown in tables; vendor, centre, scanner, field_strength_t: used where the files do not say.
    """

    dataset: str
    reader: str
    size: int
    spacing_mm: float
    labels: dict[str, int] = field(default_factory=dict)
    licence: str = ""
    vendor: str = ""
    centre: str = ""
    scanner: str = ""
    field_strength_t: float = math.nan


@dataclass(frozen=True)
class Frame:
    """One phase of one subject.

    image_frame, label_frame: 0-based time index within a 4-D file, None for a 3-D one; label: None where there is none.
    annotated: structures that the label file marks. slice_numbers: of the original acquisition, empty when unknown.
    field_strength_t: tesla, NaN when unknown.
    """

    dataset: str
    subject: str
    phase: str
    image: Path
    image_frame: int | None
    label: Path | None
    label_frame: int | None
    annotated: tuple[str, ...]
    vendor: str
    centre: str
    scanner: str
    field_strength_t: float
    pathology: str
    slice_numbers: tuple[int, ...] = ()


def read_table(path: Path, columns: list[str], remedy: str) -> list[dict[str, str]]:
    """Rows of a comma- or semicolon-separated file, byte-order mark or not; InputError where columns are missing."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; {remedy}")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error}); save the table as UTF-8") from error
    header = lines[0] if lines else ""
    rows = csv.DictReader(lines, delimiter=";" if header.count(";") > header.count(",") else ",")
    missing = [column for column in columns if column not in (rows.fieldnames or [])]
    if missing:
        raise InputError(f"{path}: lacks the columns {', '.join(missing)}; {remedy}")
    return [{name: (value or "").strip() for name, value in row.items() if name is not None} for row in rows]


def number(text: str, path: Path, column: str, missing: float = math.nan) -> float:
    """A number out of a table cell, decimal comma allowed; ``missing`` where the cell is empty."""
    if not text:
        return missing
    try:
        return float(text.replace(",", "."))
    except ValueError as error:
        raise InputError(f"{path}: column {column} holds {text!r}, which is no number; correct that row") from error


def require_folder(folder: Path, remedy: str) -> None:
    """InputError where the data set's folder is missing."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; {remedy}")
