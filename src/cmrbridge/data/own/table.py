"""Frames that were found, as the rows of manifest.csv."""

import csv
import io
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

import nibabel
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.data.check.problem import harmless
from cmrbridge.data.frames import Frame
from cmrbridge.data.own.attributes import ATTRIBUTES, from_sidecar, from_tables
from cmrbridge.data.own.phases import Line, info_of

Row = dict[str, str]
COLUMNS = (
    *("subject", "phase", "image", "image_frame", "label", "label_frame", "annotated"),
    *ATTRIBUTES,
    *("phases_from", "remark"),
)


def rows_of(lines: Sequence[Line], codes: dict[str, int], output: Path, folder: Path) -> tuple[list[Row], list[str]]:
    """Rows of the manifest, their paths relative to ``output``; and which tables of ``folder`` told attributes."""
    subjects = list(dict.fromkeys(line.scan.subject for line in lines))
    tables, used = from_tables(folder, subjects)
    rows = []
    for line in lines:
        scan = line.scan
        about = from_sidecar(scan.image) | tables[scan.subject]
        about = {"pathology": info_of(scan.image.parent).get("Group", "")} | about
        known = [name for name, code in codes.items() if (line.voxels or {}).get(code)]
        rows.append(
            {name: harmless(about.get(name, "")) for name in ATTRIBUTES}
            | {
                "subject": scan.subject,
                "phase": line.phase,
                "image": _relative(scan.image, output),
                "image_frame": _index(line.image_frame),
                "label": _relative(scan.label, output) if scan.label else "",
                "label_frame": _index(line.label_frame),
                "annotated": " ".join(name for name in STRUCTURES if name in known),
                "phases_from": line.phases_from,
                "remark": line.remark or _unlike(line),
            }
        )
    return rows, used


def _unlike(line: Line) -> str:
    """What is wrong where an image has several frames and its labels one."""
    try:
        shape = nibabel.load(line.scan.image).shape
    except (OSError, EOFError, zlib.error, ImageFileError, HeaderDataError, ValueError) as error:
        return f"the image cannot be read ({type(error).__name__}); export it again"
    if len(shape) > 3 and shape[3] > 1 and line.image_frame is None:
        return f"the image has {shape[3]} frames; write the labels' frame, from 0, into its cell `image_frame`"
    return ""


def _index(frame: int | None) -> str:
    return "" if frame is None else str(frame)


def _relative(path: Path, output: Path) -> str:
    """A link of a file keeps its name, links of folders are followed: .. would lead out of them elsewhere."""
    return os.path.relpath(path.parent.resolve() / path.name, output.resolve())


def row_of(frame: Frame) -> Row:
    """A reader's frame as a row, as far as a study asks."""
    strength = frame.field_strength_t
    return {
        "subject": frame.subject,
        "phase": frame.phase,
        "annotated": " ".join(frame.annotated),
        "vendor": frame.vendor,
        "scanner": frame.scanner,
        "centre": frame.centre,
        "field_strength_t": "" if strength != strength else f"{strength:g}",
        "pathology": frame.pathology,
    }


def as_csv(rows: Sequence[Row]) -> str:
    """manifest.csv."""
    stream = io.StringIO()
    table = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return stream.getvalue()
