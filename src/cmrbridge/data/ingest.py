"""Any data set → one canonical form: subjects.csv, a pack of heart-centred slices, and a picture to look at."""

import csv
import hashlib
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.anatomy import CLASSES, STRUCTURES
from cmrbridge.core.geometry import Grid, crop_labels, upright
from cmrbridge.core.pack import Case, Pack, write_pack
from cmrbridge.data.canonical import canonical_slices
from cmrbridge.data.checks import check_label_order, cut_off
from cmrbridge.data.frames import Frame, IngestSettings
from cmrbridge.data.picture import draw
from cmrbridge.data.place import file_position, place
from cmrbridge.data.readers import READERS, codes_of
from cmrbridge.data.volume import Volume, read_image, read_labels
from cmrbridge.errors import InputError

if TYPE_CHECKING:  # the protocol lives beside torch, which reading files does not need
    from cmrbridge.core.loop import Report

__all__ = ["COLUMNS", "IngestSettings", "ingest"]

COLUMNS = (
    *("dataset", "subject", "phase", "vendor", "centre", "scanner", "field_strength_t", "pathology", "annotated"),
    *("licence", "spacing_x", "spacing_y", "spacing_z", "slices", "image", "label", "sha256", "centre_x", "centre_y"),
    *("cut_off", "image_frame", "label_frame", "codes", "slice_axis", "warnings"),
)

Row = dict[str, str | float | int]


def ingest(
    *, settings: IngestSettings, folder: Path, subjects: Path, prepared: Path, picture: Path, report: "Report"
) -> None:
    """Read every frame of the data set in ``folder``, check it, crop it around the heart, and write the three files."""
    if settings.reader not in READERS:
        raise InputError(f"dataset {settings.dataset}: no reader {settings.reader!r}; choose from {', '.join(READERS)}")
    frames = READERS[settings.reader](folder, settings)
    codes = _codes(folder, settings)
    people = [list(group) for _, group in groupby(frames, key=lambda frame: frame.subject)]
    rows: list[Row] = []
    packs: list[Pack] = []
    for done, person in enumerate(people, 1):
        for row, pack in _subject(person, codes, settings):
            rows.append(row)
            packs.append(pack)
        report(done, len(people), cut_off=max(float(row["cut_off"]) for row in rows[-len(person) :]))
    check_label_order(packs, codes, settings.dataset)
    pack = _join(packs)
    for path in (subjects, prepared, picture):
        path.parent.mkdir(parents=True, exist_ok=True)
    draw(picture, pack)
    write_pack(prepared, pack)
    _write(subjects, rows)


def _codes(folder: Path, settings: IngestSettings) -> dict[str, int]:
    codes = codes_of(folder, settings)
    if set(codes) - set(STRUCTURES) or len(set(codes.values())) < len(codes) or 0 in codes.values():
        raise InputError(
            f"dataset {settings.dataset}: labels {codes}: give {', '.join(STRUCTURES)} each a code of its own, not 0"
        )
    return codes


def _subject(person: list[Frame], codes: dict[str, int], settings: IngestSettings) -> Iterable[tuple[Row, Pack]]:
    """(row of subjects.csv, pack of one case) for each frame of one subject; all are cropped at one centre."""
    volumes = [read_image(frame.image, frame.image_frame) for frame in person]
    grids = place(person, volumes, settings)
    cavities: dict[str, int] = {}
    results: list[tuple[Row, Pack]] = []
    for frame, volume, grid in zip(person, volumes, grids):
        labels = _labels(frame, volume, codes)
        known = tuple(name for name in frame.annotated if name in codes) if labels.any() else ()
        if "LV" in known:
            cavities[frame.phase] = int((labels == STRUCTURES["LV"]).sum())
        row = _row(frame, volume, grid, codes, settings) | {
            "annotated": " ".join(known),
            "cut_off": cut_off(labels, grid),
        }
        results.append((row, _case_pack(frame, volume, labels, known, grid)))
    if cavities.get("ES", 0) > cavities.get("ED", np.inf):
        for row, _ in results:
            row["warnings"] = "the ES cavity is larger than the ED cavity: phases swapped?"
    return results


def _labels(frame: Frame, volume: Volume, codes: dict[str, int]) -> NDArray[np.uint8]:
    """Canonical labels (x, y, slice); a structure that the frame does not annotate is left out."""
    if frame.label is None:
        return np.zeros(volume.voxels.shape, np.uint8)
    labels = read_labels(frame.label, frame.label_frame, codes, volume)
    labels[~np.isin(labels, [STRUCTURES[name] for name in frame.annotated])] = 0
    return labels


def _case_pack(frame: Frame, volume: Volume, labels: NDArray[np.uint8], known: tuple[str, ...], grid: Grid) -> Pack:
    case = Case(
        dataset=frame.dataset,
        domain="",
        subject=frame.subject,
        phase=frame.phase,
        split="",
        annotated=known,
        spacing=(grid.spacing[2], grid.spacing_mm, grid.spacing_mm),
        grid=grid,
        vendor=frame.vendor,
        pathology=frame.pathology,
    )
    slices = grid.shape[2]
    return Pack(
        images=canonical_slices(volume.voxels, grid),
        labels=crop_labels(upright(labels, grid), grid, CLASSES),
        case=np.zeros(slices, np.int32),
        position=np.arange(slices, dtype=np.int32),
        cases=(case,),
    )


def _row(frame: Frame, volume: Volume, grid: Grid, codes: dict[str, int], settings: IngestSettings) -> Row:
    names = ("dataset", "subject", "phase", "vendor", "centre", "scanner", "field_strength_t", "pathology")
    digest = hashlib.sha256(repr(volume.voxels.shape).encode() + np.ascontiguousarray(volume.voxels).tobytes())
    x, y = file_position(grid)
    return {name: getattr(frame, name) for name in names} | {
        "licence": settings.licence,
        **{f"spacing_{axis}": round(edge, 5) for axis, edge in zip("xyz", volume.spacing)},
        "slices": grid.shape[2],
        "image": str(frame.image),
        "label": str(frame.label or ""),
        "sha256": digest.hexdigest(),
        "centre_x": round(x, 2),
        "centre_y": round(y, 2),
        "image_frame": "" if frame.image_frame is None else frame.image_frame,
        "label_frame": "" if frame.label_frame is None else frame.label_frame,
        "codes": " ".join(f"{name}={code}" for name, code in codes.items()),
        "slice_axis": volume.slice_axis,
        "warnings": "",
    }


def _join(packs: list[Pack]) -> Pack:
    return Pack(
        images=np.concatenate([pack.images for pack in packs]),
        labels=np.concatenate([pack.labels for pack in packs if pack.labels is not None]),
        case=np.concatenate([pack.case + index for index, pack in enumerate(packs)]).astype(np.int32),
        position=np.concatenate([pack.position for pack in packs]),
        cases=tuple(pack.cases[0] for pack in packs),
    )


def _write(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows({name: "" if value != value else value for name, value in row.items()} for row in rows)
