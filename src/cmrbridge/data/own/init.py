"""Entry point: a folder that nobody has described → manifest.csv where its layout has no reader, and what a study must
know of its subjects."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.data.check.folder import recognised, volumes_in
from cmrbridge.data.dicom.convert import DicomSettings, convert_dicom
from cmrbridge.data.dicom.sniff import dicom_files
from cmrbridge.data.exchange.listing import LISTING, codes_in, msd_cases, nnunet_cases
from cmrbridge.data.frames import IngestSettings
from cmrbridge.data.own.attributes import ATTRIBUTES
from cmrbridge.data.own.codes import Codes, find_codes
from cmrbridge.data.own.marks import Mark, marks_of
from cmrbridge.data.own.names import Scan, pair
from cmrbridge.data.own.notes import Notes, few
from cmrbridge.data.own.phases import Line, lines_of
from cmrbridge.data.own.table import Row, as_csv, row_of, rows_of
from cmrbridge.data.readers import LABELS, READERS, codes_of
from cmrbridge.data.readers.listed import scans_of
from cmrbridge.errors import InputError
from cmrbridge.files import write_atomically

Report = Callable[..., None]  # report(step, total); core.loop has the protocol, but with torch
LISTED = {"nnunet": nnunet_cases, "msd": msd_cases}


@dataclass(frozen=True)
class Found:
    """folder, reader, labels: of the study's data set, labels empty where they are its reader's own; subjects: name →
    the attributes and ``annotated``, the structures that all its labelled frames hold; written: files."""

    folder: Path
    reader: str
    labels: dict[str, int]
    subjects: dict[str, Row]
    notes: Notes
    written: tuple[Path, ...] = ()


def home_of(folder: Path) -> Path:
    """Where the files go if nobody says: into the folder, of DICOM beside it."""
    if not folder.is_dir() or recognised(folder) is not None or volumes_in(folder):
        return folder
    return folder.resolve().with_name(f"{folder.resolve().name}-nifti")


def describe(*, folder: Path, output: Path, salt: Path, report: Report) -> Found:
    """What is known of ``folder``; writes output/manifest.csv where no reader knows its layout, and never over a file.

    DICOM is converted into ``output``, its subjects named with the secret in ``salt``.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name the folder of your images")
    layout = recognised(folder)
    if layout in LISTED:
        return _listed(folder, output, layout, report)
    if layout is not None:
        return _read(folder, layout, report)
    volumes = volumes_in(folder)
    if volumes:
        notes = Notes([f"layout: {len(volumes)} NIfTI files"])
        scans, left = pair(folder, volumes)
        notes.by_reason("files left out", ((why, path.name) for path, why in left.items()))
        return _described(folder, output, scans, {}, notes, report)
    if not dicom_files(folder)[0]:
        raise InputError(f"{folder}: no NIfTI (.nii, .nii.gz) and no DICOM file at any depth; name another folder")
    convert_dicom(folder=folder, output=output, settings=DicomSettings(), salt=salt, report=report)
    found = _read(output, "manifest", report)
    found.notes.found[0] = f"layout: DICOM, converted; {output / 'cines.csv'} says what was taken and why"
    return replace(found, written=(output / "manifest.csv",))


def _read(folder: Path, layout: str, report: Report) -> Found:
    """A folder whose own tables say everything: nothing is written."""
    settings = IngestSettings(dataset="", reader=layout, size=0, spacing_mm=0.0)
    frames = READERS[layout](folder, settings)
    notes, own = Notes([f"layout: {layout}"]), codes_of(folder, settings)
    codes = own
    labels = {frame.label for frame in frames if frame.label} if layout == "manifest" else set()
    if labels:
        marks = _marks(labels, notes, report)
        codes = _chosen(find_codes(mark for held in marks.values() for mark in held), {}, notes)
    subjects = _subjects([row_of(frame) for frame in frames], notes)
    return Found(folder, layout, _unless(codes, own), subjects, notes)


def _listed(folder: Path, output: Path, layout: str, report: Report) -> Found:
    """A folder whose dataset.json lists its files and, as a rule, names its labels."""
    notes = Notes([f"layout: {layout}"])
    try:
        named = codes_in(folder)
    except InputError as error:
        named = {}
        notes.found.append(f"labels: by anatomy, because {error}")
    return _described(folder, output, scans_of(LISTED[layout](folder)), named, notes, report)


def _described(
    folder: Path, output: Path, scans: Sequence[Scan], named: dict[str, int], notes: Notes, report: Report
) -> Found:
    """A folder of pairs of files: its manifest is written. named: codes that its own table gives."""
    table = output / "manifest.csv"
    if table.exists():
        raise InputError(f"{table}: is there already; name another folder by --output, or move it away")
    if not scans:
        raise InputError(f"{folder}: no image found; {'; '.join(notes.to_mend) or 'docs/how-to/own-data.md has names'}")
    marks = _marks({scan.label for scan in scans if scan.label}, notes, report)
    codes = _chosen(find_codes(mark for held in marks.values() for mark in held), named, notes) if marks else {}
    readable = [scan for scan in scans if scan.label is None or scan.label in marks]
    people = (list(group) for _, group in groupby(readable, key=lambda scan: scan.subject))
    lines = [line for person in people for line in lines_of(person, marks, codes.get("LV"))]
    _tell_phases(lines, notes)
    rows, tables = rows_of(lines, codes, output, folder)
    notes.found += [f"attributes: {one}" for one in tables]
    notes.by_reason(str(table), ((row["remark"], row["subject"]) for row in rows if row["remark"]))
    subjects = _subjects(rows, notes)
    output.mkdir(parents=True, exist_ok=True)
    write_atomically(table, as_csv(rows))
    own = {} if (output / LISTING).is_file() else LABELS["manifest"]
    return Found(output, "manifest", _unless(codes, own), subjects, notes, (table,))


def _marks(labels: Iterable[Path], notes: Notes, report: Report) -> dict[Path, list[Mark]]:
    """What each file of labels holds; one that cannot be read is told and left out."""
    marks: dict[Path, list[Mark]] = {}
    files = sorted(labels)
    for done, path in enumerate(files, 1):
        try:
            marks[path] = marks_of(path)
        except InputError as error:
            notes.to_mend.append(f"left out: {error}")
        report(done, len(files))
    return marks


def _chosen(found: Codes, named: dict[str, int], notes: Notes) -> dict[str, int]:
    """The codes that names give or, without them, anatomy; a doubt or a contradiction is to be mended."""
    codes = named or found.codes
    shown = " ".join(f"{name}={value}" for name, value in codes.items()) or "unknown"
    notes.found.append(f"labels: {shown}{'' if named or not found.sure else ', sure'} ({found.told})")
    others = [str(value) for value in found.others if value not in codes.values()]
    if named and found.sure and any(found.codes.get(name, value) != value for name, value in named.items()):
        notes.to_mend.append(f"labels: dataset.json says {shown}, but {found.told}; correct `labels` in the study")
    if not codes:
        notes.to_mend.append("labels: LV, MYO, RV cannot be told; write `labels` (study) and `annotated` (table)")
    elif not named and not found.sure:
        notes.to_mend.append(f"labels: {shown} is not sure; look at a picture, and correct `labels` in the study")
    if codes and others:
        notes.to_mend.append(f"labels: {', '.join(others)} are none of the three; take them out of the files")
    return codes


def _tell_phases(lines: Sequence[Line], notes: Notes) -> None:
    ways = Counter(line.phases_from for line in lines if line.phase)
    if ways:
        notes.found.append(f"phases: {', '.join(f'{count} by {way}' for way, count in ways.items())}")
    if "order of frames" in ways:
        notes.to_mend.append("phases: by the order of two numbered frames is a guess: the earlier is taken for ED")
    if "images" in ways:
        notes.to_mend.append("phases: by images is a guess, good for images without labels; no volume may rest on it")


def _subjects(rows: Sequence[Row], notes: Notes) -> dict[str, Row]:
    """Each subject's attributes, and what all its labelled frames annotate."""
    people: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        people[row["subject"]].append(row)
    labelled = sum(bool(row["annotated"]) for row in rows)
    notes.found.insert(1, f"subjects: {len(people)}, with {len(rows)} frames, {labelled} of them labelled")
    _tell_empty(people, notes)
    return {subject: own[0] | {"annotated": _common(own)} for subject, own in people.items()}


def _tell_empty(people: Mapping[str, Sequence[Row]], notes: Notes) -> None:
    """A line for the attributes that the same subjects lack."""
    lacking: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in ATTRIBUTES:
        lacking[tuple(subject for subject, own in people.items() if not own[0][name])].append(name)
    for empty, names in lacking.items():
        if empty:
            whom = "anybody" if len(empty) == len(people) else few(empty)
            notes.to_mend.append(f"{', '.join(names)} not known of {whom}; fill in what domains or subgroups need")


def _common(rows: Sequence[Row]) -> str:
    """Structures that every labelled frame of a subject holds."""
    held = [set(row["annotated"].split()) for row in rows if row["annotated"]]
    return " ".join(name for name in STRUCTURES if held and name in set.intersection(*held))


def _unless(codes: dict[str, int], own: Mapping[str, int]) -> dict[str, int]:
    """The codes, none where they are those of the reader."""
    return {} if all(own.get(name) == value for name, value in codes.items()) else codes
