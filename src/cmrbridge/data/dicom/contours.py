"""Sunnybrook's manual contours: text files of polygons beside the DICOM images, and their way into label maps.

`IRCCI-expert/IM-0001-0048-icontour-manual.txt` holds the endocardium (i) or epicardium (o) of image 48 of the case
whose folder is above, a point `x y` a line, in pixels: x counts columns, y rows, from 0, and a whole number is a
pixel's centre. A pixel belongs to the polygon when its centre does (even-odd).
"""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.data.dicom.stack import Stack
from cmrbridge.errors import InputError

NAME = re.compile(r"IM-\d+-(\d+)-([io])contour-manual\.txt", re.IGNORECASE)
IMAGE = re.compile(r"IM-\d+-(\d+)(\.\w+)?", re.IGNORECASE)
CASE = re.compile(r"SC-(HF-I|HF-NI|HYP|N)-0*(\d+)", re.IGNORECASE)  # public pseudonyms; the letters tell the pathology
PATIENTS = "scd_patientdata.csv"  # of the official archive: PatientID (folder of the images) → OriginalID (the case)
LARGEST_BYTES = 2**20
REMEDY = "take it from the official archive again"

Polygon = NDArray[np.float64]


@dataclass(frozen=True)
class Labelled:
    """One phase as contoured: slices (0-based, consecutive in the stack), frame, labels (x, y, slice), structures."""

    phase: str
    slices: tuple[int, ...]
    frame: int
    labels: NDArray[np.uint8]
    annotated: tuple[str, ...]
    notes: tuple[str, ...]


def case_name(words: Iterable[str], patients: Mapping[str, str]) -> str | None:
    """The Sunnybrook case that one of a path's parts names, as the contours spell it: SC-HF-I-01; None if none does."""
    for word in words:
        match = CASE.fullmatch(patients.get(word, word))
        if match:
            return f"SC-{match[1].upper()}-{int(match[2]):02d}"
    return None


def contour_files(folder: Path) -> dict[str, list[Path]]:
    """Case → its contour files below ``folder``."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*contour-manual.txt")):
        case = case_name(path.parts, {})
        if case and NAME.fullmatch(path.name):
            found[case].append(path)
    return dict(found)


def patient_cases(folder: Path) -> dict[str, str]:
    """PatientID → case of the archive's table, {} where it is not there."""
    tables = sorted(folder.rglob(PATIENTS))
    if not tables:
        return {}
    with tables[0].open(newline="", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    if not rows or not {"PatientID", "OriginalID"} <= set(rows[0]):
        raise InputError(f"{tables[0]}: lacks the columns PatientID, OriginalID; {REMEDY}")
    return {row["PatientID"].strip(): row["OriginalID"].strip() for row in rows}


def pathology(case: str) -> str:
    """HF-I (heart failure with infarction), HF-NI (without), HYP (hypertrophy) or N (healthy)."""
    match = CASE.fullmatch(case)
    return match[1].upper() if match else ""


def read_contour(path: Path) -> Polygon:
    """(points, 2): x, y in pixels."""
    if path.stat().st_size > LARGEST_BYTES:
        raise InputError(f"{path}: larger than any contour; {REMEDY}")
    try:
        lines = path.read_text(encoding="ascii").split("\n")
        points = np.array([[float(number) for number in line.split()] for line in lines if line.strip()])
    except ValueError:  # not numbers, not text, or lines of different lengths
        raise InputError(f"{path}: not a point `x y` on every line; {REMEDY}") from None
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3 or not np.isfinite(points).all():
        raise InputError(f"{path}: not a polygon of three points `x y` or more; {REMEDY}")
    return points


def rasterised(polygon: Polygon, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """(row, column) mask of the pixels whose centres lie inside ``polygon`` (even-odd)."""
    rows, columns = np.arange(shape[0]), np.arange(shape[1])
    inside = np.zeros(shape, bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0)):
        crossed = rows[(rows >= min(y0, y1)) & (rows < max(y0, y1))]
        if len(crossed):
            at = x0 + (crossed - y0) * (x1 - x0) / (y1 - y0)
            inside[crossed] ^= columns[None, :] >= at[:, None]
    return inside


def labelled_phases(files: list[Path], stack: Stack) -> list[Labelled]:
    """ED, where endocardium and epicardium are drawn, and ES, where the endocardium alone is."""
    drawn: dict[int, dict[str, Path]] = defaultdict(dict)
    for path in files:
        match = NAME.fullmatch(path.name)
        assert match, path
        drawn[int(match[1])][match[2].lower()] = path
    places = {
        _number(plane.file.path, plane.times): (at, frame)
        for at, slice_ in enumerate(stack.planes)
        for frame, plane in enumerate(slice_)
    }
    lost = next((path for number, both in drawn.items() if number not in places for path in both.values()), None)
    if lost:
        raise InputError(f"{lost}: its image is not in the stack of {len(places)} images; put the whole series there")
    both = {places[number]: paths for number, paths in drawn.items() if {"i", "o"} <= set(paths)}
    inner = {places[number]: paths for number, paths in drawn.items() if set(paths) == {"i"}}
    phases = (("ED", both, ("LV", "MYO")), ("ES", inner, ("LV",)))
    return [_labelled(phase, of, known, stack) for phase, of, known in phases if of]


def _number(path: Path, times: Mapping[str, float]) -> int:
    """By which contours name an image: the one in its file's name, else its InstanceNumber."""
    match = IMAGE.fullmatch(path.name)
    return int(match[1]) if match else int(times.get("InstanceNumber", -1))


def _labelled(
    phase: str, drawn: Mapping[tuple[int, int], dict[str, Path]], annotated: tuple[str, ...], stack: Stack
) -> Labelled:
    """The longest run of slices that are contoured at the frame where most are."""
    frame = Counter(frame for _, frame in drawn).most_common(1)[0][0]
    slices = _longest_run(sorted(at for at, of in drawn if of == frame))
    rows, columns = stack.planes[0][0].matrix
    labels = np.zeros((columns, rows, len(slices)), np.uint8)
    for at, slice_ in enumerate(slices):
        paths = drawn[slice_, frame]
        if "MYO" in annotated:
            labels[rasterised(read_contour(paths["o"]), (rows, columns)).T, at] = STRUCTURES["MYO"]
        labels[rasterised(read_contour(paths["i"]), (rows, columns)).T, at] = STRUCTURES["LV"]
    left = len(drawn) - len(slices)
    notes = (f"{phase}: {left} contoured images of other frames or beyond a gap left out",) if left else ()
    return Labelled(phase, slices, frame, labels, annotated, notes)


def _longest_run(numbers: list[int]) -> tuple[int, ...]:
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    longest: list[int] = max(runs, key=len)
    return tuple(longest)
