"""A manifest's rows before anything is ingested, read by the rules of `data.readers.manifest`, whose room plan never
enters."""

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cmrbridge.errors import InputError

NUMBER = "field_strength_t"  # of what a domain can be selected by, the column that holds numbers
FEW = 5  # subjects that a message names


def read_manifest(folder: Path) -> list[dict[str, str]]:
    """The cells of ``folder``/manifest.csv, stripped: comma- or semicolon-separated UTF-8; InputError where it is
    none."""
    table = folder / "manifest.csv"
    try:
        lines = table.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"{table}: {error.strerror}; put manifest.csv there (docs/how-to/own-data.md)") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{table}: not UTF-8 text ({error}); save the table as UTF-8") from error
    header = lines[0] if lines else ""
    rows = csv.DictReader(lines, delimiter=";" if header.count(";") > header.count(",") else ",")
    return [{name: (value or "").strip() for name, value in row.items() if name is not None} for row in rows]


def values_of(column: str, folder: Path, dataset: Mapping[str, Any]) -> set[tuple[str, str]]:
    """(subject, value) of every row; an empty cell has the ``dataset``'s own value, as when it is ingested.

    InputError where neither says one: a subject without a value belongs to no domain.
    """
    table, rows = folder / "manifest.csv", read_manifest(folder)
    if not any(row.get("subject") for row in rows):
        raise InputError(f"{table}: no row names a subject; docs/how-to/own-data.md describes the columns")
    found = {(row["subject"], row.get(column) or str(dataset.get(column, ""))) for row in rows}
    empty = sorted({subject for subject, value in found if not value})
    if empty:
        named = ", ".join(empty[:FEW]) + (", …" if len(empty) > FEW else "")
        word = "" if column == NUMBER else " (unknown is a value too)"
        raise InputError(f"{table}: no {column} is told of {named}; fill that column in{word}, or divide by another")
    return {(subject, one_spelling(column, value, f"{table}: {column}")) for subject, value in found}


def one_spelling(column: str, value: str, where: str) -> str:
    """A value of a column as domains are told apart by it: 1,5 and 1.50 are one field strength.

    InputError, which begins with ``where``, for what is no finite number in a column of numbers.
    """
    if column != NUMBER:
        return value
    try:
        number = float(value.replace(",", "."))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{where} holds {value!r}, which is no number; write tesla, such as 1.5")
    return f"{number:g}"
