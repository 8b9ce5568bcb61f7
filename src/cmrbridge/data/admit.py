"""Entry point: what of a data set may enter a study: listed columns and header fields, keys in the place of names."""

import csv
import gzip
import json
import os
import shutil
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from cmrbridge.core.header import allowed
from cmrbridge.core.keys import read_salt, subject_key
from cmrbridge.data.check.files import Unusable, read_whole
from cmrbridge.data.check.folder import reader_of
from cmrbridge.data.exchange.listing import LISTING
from cmrbridge.data.frames import Frame, IngestSettings
from cmrbridge.data.readers import READERS, codes_of
from cmrbridge.errors import InputError
from cmrbridge.files import write_atomically

if TYPE_CHECKING:  # the protocol lives beside torch, which reading files does not need
    from cmrbridge.core.loop import Report

COLUMNS = (
    *("subject", "phase", "image", "label", "annotated", "vendor", "centre", "scanner", "field_strength_t"),
    *("pathology", "source_indices"),
)


@dataclass(frozen=True)
class AdmitSettings:
    """How the data set is read (see `IngestSettings`); pseudonymise: whether keys stand for the subjects' names;
    forgotten: people to leave out, by their keys."""

    dataset: str
    reader: str
    pseudonymise: bool
    forgotten: tuple[str, ...] = ()
    labels: dict[str, int] = field(default_factory=dict)
    vendor: str = ""


def admit(*, settings: AdmitSettings, folder: Path, output: Path, salt: Path, report: "Report") -> None:
    """Write output/manifest.csv and a file per image and label of the frames in ``folder``; dataset.json names the
    codes of the labels, since a manifest's need not be those of the layout.

    Voxels are copied bit for bit; of headers goes what `core.header.KEPT` lists, of tables what `COLUMNS` lists, and of
    file names and folders nothing. salt: file of the secret that makes the keys.
    InputError names neither file nor subject: it becomes part of the study's logs. It tells the command that does.
    """
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    secret = read_salt(salt)
    try:
        frames, codes = _read(folder, settings)
        rows: list[dict[str, str]] = []
        people = [(name, list(group)) for name, group in groupby(frames, key=lambda frame: frame.subject)]
        for done, (name, person) in enumerate(people, 1):
            key = subject_key(name, secret)
            if key not in settings.forgotten:
                called = key if settings.pseudonymise else name
                rows += [_admitted(frame, called, partial, f"subject {done} of {len(people)}") for frame in person]
            report(done, len(people))
        _write_manifest(partial / "manifest.csv", rows)
        (partial / LISTING).write_text(json.dumps({"labels": {"background": 0, **codes}}) + "\n", encoding="utf-8")
        os.replace(partial, output)
    except _Refused as why:
        raise InputError(
            f"dataset {settings.dataset}: {why} cannot be used; `cmrbridge check {folder}` names the file and what "
            "to do (not here: names of files may be names of people)"
        ) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def keys_of(folder: Path, reader: str | None, salt: Path) -> dict[str, str]:
    """Subject → key, for whoever keeps the salt. InputError where there is none: a new one would make other keys."""
    if not salt.is_file():
        raise InputError(f"{salt}: no such file; name the salt of the study whose keys are meant")
    secret = read_salt(salt)
    settings = IngestSettings(dataset="", reader=reader or reader_of(folder), size=0, spacing_mm=0.0)
    if settings.reader not in READERS:
        raise InputError(f"--reader {reader}: no such reader; choose from {', '.join(READERS)}")
    return {frame.subject: subject_key(frame.subject, secret) for frame in READERS[settings.reader](folder, settings)}


class _Refused(Exception):
    """What cannot be used, in words that name nobody."""


def _read(folder: Path, settings: AdmitSettings) -> tuple[list[Frame], dict[str, int]]:
    """The frames, and the codes of their labels."""
    read = IngestSettings(
        dataset=settings.dataset,
        reader=settings.reader,
        size=0,
        spacing_mm=0.0,
        labels=settings.labels,
        vendor=settings.vendor,
    )
    try:
        return READERS[settings.reader](folder, read), codes_of(folder, read)
    except (ValueError, OverflowError, OSError, csv.Error):  # InputError, and what no reader foresaw
        raise _Refused("its folder or a table of it") from None


def _admitted(frame: Frame, subject: str, output: Path, who: str) -> dict[str, str]:
    """The row of a frame whose files have been copied."""
    files = {"image": (frame.image, frame.image_frame), "label": (frame.label, frame.label_frame)}
    named = dict.fromkeys(files, "")
    for kind, (path, index) in files.items():
        if path is not None:
            named[kind] = f"{kind}s/{subject}_{frame.phase}.nii.gz"
            _copy(path, index, output / named[kind], f"the {kind} of {who}, {frame.phase},")
    strength = frame.field_strength_t
    return named | {
        "subject": subject,
        "phase": frame.phase,
        "annotated": " ".join(frame.annotated),
        "vendor": frame.vendor,
        "centre": frame.centre,
        "scanner": frame.scanner,
        "field_strength_t": "" if strength != strength else f"{strength:g}",
        "pathology": frame.pathology,
        "source_indices": " ".join(map(str, frame.slice_numbers)),
    }


def _copy(path: Path, frame: int | None, copy: Path, what: str) -> None:
    """One volume: its bytes as they are, behind a header of listed fields."""
    try:
        header, shape, start, content = read_whole(path)
    except Unusable:
        raise _Refused(what) from None
    clean, size = allowed(header), len(content) - start
    if frame is not None and len(shape) == 4:
        if not 0 <= frame < shape[3]:
            raise _Refused(what)
        size //= shape[3]  # voxels of a time frame lie together
        start += frame * size
        clean.set_data_shape(shape[:3])
    clean["vox_offset"] = clean.single_vox_offset
    gap = b"\0" * (clean.single_vox_offset - clean.sizeof_hdr)  # four bytes that say: no extension
    copy.parent.mkdir(parents=True, exist_ok=True)
    payload = clean.binaryblock + gap + bytes(content[start : start + size])
    write_atomically(copy, gzip.compress(payload, compresslevel=4, mtime=0))


def _write_manifest(path: Path, rows: list[dict[str, str]]) -> None:
    if not rows:
        raise _Refused("no subject, since all are left out: the data set")
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
