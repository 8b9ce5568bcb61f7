"""An upload, told by its content and never by its name, → a case. Runs in the worker: files from strangers."""

import contextlib
import csv
import gzip
import os
import re
import shutil
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cmrbridge.app.case import Case, joined, seconds_between, store, stored_type, with_frames
from cmrbridge.app.phases import guess_phases, heart_between
from cmrbridge.data.dicom.convert import DicomSettings, convert_dicom
from cmrbridge.data.dicom.sniff import dicom_files, sniff
from cmrbridge.data.volume import HEADERS, Volume, read_series
from cmrbridge.errors import InputError
from cmrbridge.fetch.archives.member import Unsafe
from cmrbridge.fetch.archives.unpack import Limits, reader_of, unpack

GZIP = b"\x1f\x8b"
PEEK = 512  # bytes that tell a tar, a NIfTI file or a DICOM file apart
LIMITS = Limits(members=20_000, size=4 << 30)
WHAT = "drop a NIfTI file (.nii, .nii.gz), a folder of DICOM files, or a zip or tar of either"
BY_OPTION = re.compile(r"(; if it was acquired so|; | or)?,? ?choose (another )?(with )?`series`.*")
MOST_LABELS = 16
FIRST, SECOND = "ED", "ES"


@dataclass(frozen=True)
class Study:
    """The frames of one study in time order, and what else its files say."""

    volumes: list[Volume]
    header: Any
    seconds_per_frame: float | None = None
    notes: list[str] = field(default_factory=list)
    source: dict[str, Any] = field(default_factory=dict)


def open_upload(path: Path, folder: Path) -> Case:
    """Read ``path`` and store it as a case in ``folder``; whatever was unpacked is gone again.

    InputError says what is wrong; no word of it is a name from inside the upload.
    """
    with _scratch(folder) as scratch:
        return keep(_study(path, scratch), folder)


def open_folder(path: Path, folder: Path) -> Case:
    """Read a folder of DICOM files, which stays as it is, and store it as a case in ``folder``."""
    with _scratch(folder) as scratch:
        return keep(_of_dicom(path, scratch), folder)


def keep(study: Study, folder: Path, truth: bool = False) -> Case:
    """Store a study as a case in ``folder``, with first guesses at its phases and at where the heart is."""
    first, count = study.volumes[0], len(study.volumes)
    ed, es = guess_phases(study.volumes)
    x, y, slices = first.voxels.shape
    phases: list[str | None] = [None] * count
    if count == 2:
        phases[ed], phases[es] = FIRST, SECOND
    case = Case(
        frames=count,
        shape=(x, y, slices),
        dtype=stored_type(study.volumes),
        spacing=first.spacing,
        affine=first.affine.tolist(),
        slice_axis=first.slice_axis,
        ed=ed,
        es=es,
        centre=heart_between(study.volumes[ed], study.volumes[es]) if count > 1 else None,
        seconds_per_frame=study.seconds_per_frame,
        phases=phases,
        notes=study.notes,
        source=study.source,
        truth=truth,
    )
    store(folder, case, study.volumes, study.header)
    return case


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    scratch = folder / "scratch"
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch)


def _study(path: Path, scratch: Path) -> Study:
    start = _start(path)
    if start[:4] == b"PK\x03\x04" or start[257:262] == b"ustar":
        return _of_folder(_unpacked(path, scratch))
    if _is_nifti(start):
        return _of_niftis([path], scratch)
    if sniff(path):
        return _of_folder(_alone(path, scratch))
    if _is_archive(path):  # a 7z, a rar, a tar in something else than gzip
        return _of_folder(_unpacked(path, scratch))
    raise InputError(f"neither an image nor an archive that is known; {WHAT}")


def _start(path: Path) -> bytes:
    """The first bytes, out of a gzip where it is one."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == GZIP
        with gzip.open(path) if packed else path.open("rb") as stream:
            return stream.read(PEEK)
    except (OSError, EOFError, zlib.error):
        raise InputError("the gzip is cut short or damaged; copy or export the file again") from None


def _is_nifti(start: bytes) -> bool:
    return len(start) >= 348 and any(struct.unpack(f"{order}i", start[:4])[0] in HEADERS for order in "<>")


def _is_archive(path: Path) -> bool:
    """Of any known format but gzip, whose content has been looked at."""
    try:
        reader_of(path)
    except Unsafe:
        return False
    with path.open("rb") as stream:
        return stream.read(2) != GZIP


def _unpacked(path: Path, scratch: Path) -> Path:
    """A flat folder of what the archive holds, under made-up names: no error can tell a real one."""
    try:
        unpack(path, scratch / "unpacked", LIMITS, lambda _: None)
    except InputError:
        raise InputError(
            "the archive was refused: it is damaged or encrypted, grows beyond all measure, or holds links or paths"
            " that lead out of it; pack the plain image files anew"
        ) from None
    flat = scratch / "files"
    flat.mkdir()
    found = sorted(Path(home) / name for home, _, names in os.walk(scratch / "unpacked") for name in names)
    for number, file in enumerate(found, 1):
        os.replace(file, flat / f"{number:06d}")
    return flat


def _alone(path: Path, scratch: Path) -> Path:
    flat = scratch / "files"
    flat.mkdir()
    os.replace(path, flat / "000001")
    return flat


def _of_folder(folder: Path) -> Study:
    images, _ = dicom_files(folder)
    if images:
        return _of_dicom(folder, folder.parent)
    niftis = [path for path in sorted(folder.iterdir()) if _is_nifti(_start_or_nothing(path))]
    if not niftis:
        raise InputError(f"no DICOM and no NIfTI image in it; {WHAT}")
    return _of_niftis(niftis, folder.parent)


def _start_or_nothing(path: Path) -> bytes:
    try:
        return _start(path)
    except InputError:  # some other file that begins like a gzip
        return b""


def _of_niftis(paths: list[Path], scratch: Path) -> Study:
    """One file, 3-D or 4-D, or two 3-D ones on one grid: ED and ES in either order."""
    if len(paths) > 2:
        raise InputError(f"{len(paths)} NIfTI images; drop one cine, or the images of ED and ES alone")
    series = [read_series(_named(path, scratch / f"image{number}")) for number, path in enumerate(paths)]
    volumes, header = series[0]
    if len(series) == 1:
        return Study(volumes, header, seconds_between(header))
    if any(len(one) > 1 for one, _ in series):
        raise InputError("two cines; drop them one after the other")
    both = [one for frames, _ in series for one in frames]
    joined(both)
    if len({_outlines(one) for one in both}) == 2:
        raise InputError("one of the two images is a mask, with whole numbers for structures; drop the image alone")
    note = "two images: the first is taken for end-diastole, unless the second shows more blood near the heart"
    return Study(both, with_frames(header, 2), notes=[note])


def _outlines(volume: Volume) -> bool:
    """Whether the voxels are labels: a few whole numbers from 0 on."""
    found = np.unique(volume.voxels)
    return len(found) <= MOST_LABELS and found[0] >= 0 and np.array_equal(found, np.rint(found))


def _named(path: Path, stem: Path) -> Path:
    """The file under the suffix that its content asks for."""
    with path.open("rb") as stream:
        suffix = ".nii.gz" if stream.read(2) == GZIP else ".nii"
    named = stem.with_name(stem.name + suffix)
    os.replace(path, named)
    return named


def _of_dicom(folder: Path, scratch: Path) -> Study:
    """The short-axis cine of the one patient whose files lie in ``folder``."""
    out, salt = scratch / "cine", scratch / "salt"
    try:
        convert_dicom(folder=folder, output=out, settings=DicomSettings(), salt=salt, report=lambda *_: None)
    except InputError as error:  # the workflow's remedy is an option that nobody has here
        raise InputError(BY_OPTION.sub("; drop the files of one short-axis series alone", str(error))) from None
    cines, people = (_rows(out / name) for name in ("cines.csv", "manifest.csv"))
    if len(cines) > 1:
        raise InputError(f"images of {len(cines)} patients; drop one patient's folder at a time")
    volumes, header = read_series(out / cines[0]["image"])
    source = {name: people[0][name] for name in ("vendor", "scanner", "field_strength_t") if people[0][name]}
    notes = [note for note in (cines[0]["chosen"], cines[0]["notes"]) if note]
    return Study(volumes, header, seconds_between(header), notes, source)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
