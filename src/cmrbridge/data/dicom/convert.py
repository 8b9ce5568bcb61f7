"""Entry point: a folder of DICOM files → a short-axis cine per subject as NIfTI, and manifest.csv for the workflow."""

import csv
import os
import shutil
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from cmrbridge.core.keys import listed_as, read_salt, subject_key
from cmrbridge.data.dicom.choose import short_axis
from cmrbridge.data.dicom.cine import cine_of, pixels_of, write_nifti
from cmrbridge.data.dicom.contours import case_name, contour_files, labelled_phases, pathology, patient_cases
from cmrbridge.data.dicom.header import Malformed, read_header, text
from cmrbridge.data.dicom.phases import propose_phases
from cmrbridge.data.dicom.plane import Defect, Plane, is_image, planes_of
from cmrbridge.data.dicom.privacy import Machine, machine_of, naming_words, struck_out
from cmrbridge.data.dicom.sniff import DicomFile, dicom_files
from cmrbridge.data.dicom.stack import Stack, stack_of
from cmrbridge.data.frames import require_folder
from cmrbridge.errors import InputError

Report = Callable[..., None]  # report(step, total); core.loop has the protocol, but with torch
Row = dict[str, str]
SUBJECTS = ("patient", "study", "folder")
REMEDY = "name the folder that the scanner's or the archive's DICOM files lie in, at any depth"
MANIFEST = (
    *("subject", "phase", "image", "image_frame", "label", "annotated", "vendor", "centre", "scanner"),
    *("field_strength_t", "pathology", "source_indices", "phases_from"),
)
CINES = ("subject", "image", "slices", "frames", "step_ms", "chosen", "notes")


@dataclass(frozen=True)
class DicomSettings:
    """series: numbers of the short-axis series where several fit, "7" for every subject or "KEY=7" for one;
    subjects_by: what tells people apart: "patient" (PatientID), "study" or "folder" (the first below the data's);
    forgotten: people to leave out, as `core.keys.listed_as` names them."""

    series: tuple[str, ...] = ()
    subjects_by: str = "patient"
    forgotten: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "series", tuple(self.series))
        wrong = [one for one in self.series if not one.rpartition("=")[2].isdecimal()]
        if wrong:
            raise InputError(f"series: {', '.join(map(repr, wrong))}; write a series' number, or KEY=number")
        if self.subjects_by not in SUBJECTS:
            raise InputError(f"subjects_by: {self.subjects_by!r}; choose from {', '.join(SUBJECTS)}")

    def series_of(self, subject: str) -> list[int]:
        """The numbers chosen for a subject, its own before everybody's."""
        own = [int(one.rpartition("=")[2]) for one in self.series if one.rpartition("=")[0] == subject]
        return own or [int(one) for one in self.series if "=" not in one]


@dataclass
class _Person:
    """What was found of one subject."""

    planes: list[Plane] = field(default_factory=list)
    defects: list[Defect] = field(default_factory=list)
    machines: dict[str, Machine] = field(default_factory=dict)  # by series


def convert_dicom(*, folder: Path, output: Path, settings: DicomSettings, salt: Path, report: Report) -> None:
    """Write output/cines/KEY.nii.gz, cines.csv and manifest.csv; of contoured cases images/ and labels/ besides.

    Subjects are named by keys that ``salt`` (a file, drawn where it is missing) makes of their identity. No other word
    of a header is written but the machine's; errors have the parts of every patient's name struck out.
    """
    require_folder(folder, REMEDY)
    if output.exists() and any(output.iterdir()):
        raise InputError(f"{output}: not empty; name a new folder, so that no file of an earlier conversion is left")
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    words: set[str] = set()
    try:
        _convert(folder, partial, settings, read_salt(salt), words, report)
        os.replace(partial, output)
    except InputError as error:
        raise InputError(struck_out(str(error), words)) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _convert(folder: Path, output: Path, settings: DicomSettings, salt: bytes, words: set[str], report: Report) -> None:
    contours = contour_files(folder)
    people = _people(folder, settings, salt, words)
    people = {name: person for name, person in people.items() if not _is_forgotten(name, settings, salt)}
    if not people:
        raise InputError(f"{folder}: everybody in it is to be forgotten; take the data set out of the study")
    rows: list[Row] = []
    cines: list[Row] = []
    for done, (subject, person) in enumerate(sorted(people.items()), 1):
        chosen, why = short_axis(person.planes, person.defects, settings.series_of(subject), subject)
        stack = stack_of(chosen.planes, pixels_of)
        cine = cine_of(stack)
        machine = person.machines[stack.planes[0][0].origin.series]
        image = f"cines/{subject}.nii.gz"
        write_nifti(output / image, cine, stack.affine, stack.step_ms)
        if subject in contours:
            found, notes = _contoured(output, subject, contours[subject], stack, cine)
        else:
            found, notes = _guessed(image, cine), []
        rows += [row | _about(subject, machine) for row in found]
        cines.append(_cine_row(subject, image, stack, why, notes))
        report(done, len(people))
    _write(output / "manifest.csv", MANIFEST, rows)
    _write(output / "cines.csv", CINES, cines)


def _people(folder: Path, settings: DicomSettings, salt: bytes, words: set[str]) -> dict[str, _Person]:
    """Subject → its images. Every file is read before the first error is raised, so that all names are known."""
    files, others = dicom_files(folder)
    patients = patient_cases(folder)
    people: dict[str, _Person] = defaultdict(_Person)
    errors: list[InputError] = []
    for file in files:
        try:
            _add(people, file, folder, settings, salt, words, patients)
        except InputError as error:
            errors.append(error)
    if errors:
        more = f" (and {len(errors) - 1} more files like it)" if len(errors) > 1 else ""
        raise InputError(f"{errors[0]}{more}")
    if not people:
        raise InputError(f"{folder}: no MR images among {len(files)} DICOM and {others} other files; {REMEDY}")
    return people


def _is_forgotten(subject: str, settings: DicomSettings, salt: bytes) -> bool:
    """By the name that the subject has here, or by the key that stands for that in a data set under pseudonyms."""
    return bool({listed_as(subject, salt), subject_key(subject, salt)} & set(settings.forgotten))


def _add(
    people: dict[str, _Person],
    file: DicomFile,
    folder: Path,
    settings: DicomSettings,
    salt: bytes,
    words: set[str],
    patients: dict[str, str],
) -> None:
    """One file's planes to its subject."""
    dataset = read_header(file)
    words |= naming_words(dataset)
    try:
        if not is_image(file, dataset):
            return
        name = _subject_of(file, dataset, folder, settings, salt, patients)
        planes = planes_of(file, dataset)
    except Malformed as error:
        raise InputError(f"{file.path}: {error}") from None
    person = people[name]
    person.planes += [plane for plane in planes if isinstance(plane, Plane)]
    person.defects += [plane for plane in planes if isinstance(plane, Defect)]
    series = planes[0].origin.series
    if series not in person.machines:
        person.machines[series] = machine_of(dataset)


def _subject_of(
    file: DicomFile, dataset: Dataset, folder: Path, settings: DicomSettings, salt: bytes, patients: dict[str, str]
) -> str:
    """The name of the file's subject: its Sunnybrook case, or a key of what tells people apart."""
    study, series = (text(dataset, name) for name in ("StudyInstanceUID", "SeriesInstanceUID"))
    if not (study and series):
        raise Malformed("no StudyInstanceUID or SeriesInstanceUID: it is cut short or no export; export it again")
    parts = file.path.relative_to(folder).parts
    if len(parts) == 1 and settings.subjects_by == "folder":
        raise Malformed("not in a folder of its subject; move it into one, or change `subjects_by`")
    identity = {"patient": text(dataset, "PatientID") or study, "study": study, "folder": parts[0]}
    return case_name(file.path.parts[:-1], patients) or subject_key(identity[settings.subjects_by], salt)


def _guessed(image: str, cine: NDArray[np.generic]) -> list[Row]:
    """Rows of a cine without contours: both phases, as far as the images tell them."""
    ed, es = propose_phases(cine)
    phases = {"ED": ed, "ES": es} if ed != es else {"ED": ed}
    return [
        {"phase": phase, "image": image, "image_frame": str(frame), "phases_from": "images"}
        for phase, frame in phases.items()
    ]


def _contoured(
    output: Path, subject: str, files: list[Path], stack: Stack, cine: NDArray[np.generic]
) -> tuple[list[Row], list[str]]:
    """Rows of a contoured case, whose labelled slices it writes: those that nobody contoured are not background."""
    rows: list[Row] = []
    notes: list[str] = []
    for part in labelled_phases(files, stack):
        affine = stack.affine.copy()
        affine[:3, 3] += affine[:3, 2] * part.slices[0]
        image, label = (f"{kind}/{subject}_{part.phase}.nii.gz" for kind in ("images", "labels"))
        write_nifti(output / image, cine[:, :, list(part.slices), part.frame], affine)
        write_nifti(output / label, part.labels, affine)
        rows.append(
            {
                "phase": part.phase,
                "image": image,
                "label": label,
                "annotated": " ".join(part.annotated),
                "pathology": pathology(subject),
                "source_indices": " ".join(map(str, part.slices)),
                "phases_from": "contours",
            }
        )
        notes += part.notes
    return rows, notes


def _about(subject: str, machine: Machine) -> Row:
    strength = "" if machine.field_strength_t != machine.field_strength_t else f"{machine.field_strength_t:g}"
    return {
        "subject": subject,
        "vendor": machine.vendor,
        "centre": machine.centre,
        "scanner": machine.scanner,
        "field_strength_t": strength,
    }


def _cine_row(subject: str, image: str, stack: Stack, why: str, notes: list[str]) -> Row:
    _, _, slices, frames = stack.shape
    return {
        "subject": subject,
        "image": image,
        "slices": str(slices),
        "frames": str(frames),
        "step_ms": f"{stack.step_ms:.4g}" if stack.step_ms else "",
        "chosen": why,
        "notes": "; ".join([*stack.notes, *notes]),
    }


def _write(path: Path, columns: tuple[str, ...], rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
