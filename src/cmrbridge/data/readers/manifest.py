"""Any data set, told by a table: manifest.csv with one row per subject × phase, paths relative to the table."""

from pathlib import Path

from cmrbridge.core.anatomy import PHASES, STRUCTURES
from cmrbridge.data.frames import Frame, IngestSettings, number, read_table, require_folder
from cmrbridge.errors import InputError

REMEDY = "docs/how-to/own-data.md describes the columns of manifest.csv: subject, phase, image, label, annotated, …"


def read_manifest(folder: Path, settings: IngestSettings) -> list[Frame]:
    """The frames of ``folder``/manifest.csv, sorted by subject and phase."""
    require_folder(folder, REMEDY)
    table = folder / "manifest.csv"
    rows = read_table(table, ["subject", "phase", "image"], REMEDY)
    if not rows:
        raise InputError(f"{table}: has no rows; {REMEDY}")
    frames = [_frame(table, row, settings) for row in rows]
    named = [(frame.subject, frame.phase) for frame in frames]
    twice = sorted({" ".join(name) for name in named if named.count(name) > 1})
    if twice:
        raise InputError(f"{table}: more than one row for {', '.join(twice)}; keep one row per subject and phase")
    return sorted(frames, key=lambda frame: (frame.subject, PHASES.index(frame.phase)))


def _frame(table: Path, row: dict[str, str], settings: IngestSettings) -> Frame:
    label = table.parent / row["label"] if row.get("label") else None
    annotated = tuple(row["annotated"].split()) if "annotated" in row else tuple(STRUCTURES)
    unknown = set(annotated) - set(STRUCTURES)
    if row["subject"] != Path(row["subject"]).name or row["subject"] == "..":
        raise InputError(f"{table}: subject {row['subject']!r} has to name a file of the results; rename it without /")
    if row["phase"] not in PHASES or unknown or not row["subject"]:
        wrong = f"annotates {', '.join(sorted(unknown))}" if unknown else f"has the phase {row['phase']!r}"
        raise InputError(
            f"{table}: the row of subject {row['subject']!r} {wrong};"
            f" subjects need a name, phases are {' or '.join(PHASES)}, structures {', '.join(STRUCTURES)}"
        )
    return Frame(
        dataset=settings.dataset,
        subject=row["subject"],
        phase=row["phase"],
        image=table.parent / row["image"],
        image_frame=_index(row, "image_frame", table),
        label=label,
        label_frame=_index(row, "label_frame", table),
        annotated=annotated if label else (),
        vendor=row.get("vendor") or settings.vendor,
        centre=row.get("centre") or settings.centre,
        scanner=row.get("scanner") or settings.scanner,
        field_strength_t=number(row.get("field_strength_t", ""), table, "field_strength_t", settings.field_strength_t),
        pathology=row.get("pathology", ""),
        slice_numbers=tuple(
            int(number(text, table, "source_indices")) for text in row.get("source_indices", "").split()
        ),
    )


def _index(row: dict[str, str], column: str, table: Path) -> int | None:
    return int(number(row[column], table, column)) if row.get(column) else None
