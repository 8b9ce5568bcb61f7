"""Entry point: an ingested data set, a domain or a data set's own folder → a folder of nnU-Net or the Decathlon."""

import gzip
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.data.check.folder import reader_of
from cmrbridge.data.frames import Frame, IngestSettings, number, read_table
from cmrbridge.data.own.notes import few
from cmrbridge.data.own.table import Row, as_csv, row_of
from cmrbridge.data.readers import READERS, codes_of
from cmrbridge.data.volume import Volume, read_image, read_labels
from cmrbridge.errors import InputError
from cmrbridge.files import write_atomically

Report = Callable[..., None]  # report(step, total); core.loop has the protocol, but with torch
FORMS = ("nnunet", "msd")
TEST = "test"  # of split.csv
SAME_MM = 1e-3  # that an entry of two affines may differ by
AGAIN = "run the study's ingest again"


@dataclass(frozen=True)
class Case:
    """frame: where its files are; codes: of the structures in them; test: whether it is kept from training."""

    frame: Frame
    codes: dict[str, int]
    test: bool = False


def ingested(subjects: Path, split: Path | None = None) -> list[Case]:
    """The frames of a subjects.csv; with a domain's split.csv those of its subjects alone, test subjects marked."""
    rows = read_table(subjects, ["dataset", "subject", "phase", "image", "label", "annotated", "codes"], AGAIN)
    parts = {row["subject"]: row["split"] for row in read_table(split, ["subject", "split"], AGAIN)} if split else None
    return [
        Case(_frame(row, subjects), _codes(row["codes"]), parts is not None and parts[row["subject"]] == TEST)
        for row in rows
        if parts is None or row["subject"] in parts
    ]


def found_in(folder: Path) -> list[Case]:
    """The frames of a data set's own folder, whose layout a reader knows."""
    reader = reader_of(folder)
    settings = IngestSettings(dataset=folder.resolve().name, reader=reader, size=0, spacing_mm=0.0)
    codes = codes_of(folder, settings)
    return [Case(frame, codes) for frame in READERS[reader](folder, settings)]


def export_cases(*, cases: Sequence[Case], output: Path, form: str, report: Report) -> list[str]:
    """Write ``output`` whole or not at all; gives what is to be said of it.

    Voxels, affine, spacing and labels stay; a 4-D file's frame becomes a file. Labels are numbered from 1 in the order
    LV, MYO, RV. Both formats know no unknown structure: a frame that lacks one goes to imagesTs, without its labels.
    manifest.csv beside holds what the formats have no place for, such as the vendor.
    """
    if form not in FORMS:
        raise InputError(f"--format {form}: choose from {', '.join(FORMS)}")
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise InputError(f"{output}: is there and no empty folder; name a new one")
    structures = [name for name in STRUCTURES if any(name in case.frame.annotated for case in cases)]
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        rows = []
        for done, case in enumerate(cases, 1):
            rows.append(_write_case(case, structures, partial, "_0000" if form == "nnunet" else ""))
            report(done, len(cases))
        listing = {"nnunet": _nnunet, "msd": _msd}[form](output.name, structures, rows)
        write_atomically(partial / "dataset.json", json.dumps(listing, indent=2, ensure_ascii=False) + "\n")
        write_atomically(partial / "manifest.csv", as_csv(rows))
        os.replace(partial, output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return list(_told(cases, rows, structures, output))


def _write_case(case: Case, structures: Sequence[str], folder: Path, channel: str) -> Row:
    """Image and, where every structure is annotated, labels; gives the row of the manifest."""
    frame, name = case.frame, f"{case.frame.subject}_{case.frame.phase}"
    volume = read_image(frame.image, frame.image_frame)
    labels = _numbered(case, volume, structures)
    part = "Ts" if case.test or labels is None else "Tr"
    image, label = f"images{part}/{name}{channel}.nii.gz", f"labels{part}/{name}.nii.gz"
    _write_volume(folder / image, _compact(volume.voxels), volume)
    if labels is None:
        return row_of(frame) | {"image": image, "annotated": "", "label": ""}
    _write_volume(folder / label, labels, volume)
    return row_of(frame) | {"image": image, "annotated": " ".join(structures), "label": label}


def _numbered(case: Case, volume: Volume, structures: Sequence[str]) -> NDArray[np.uint8] | None:
    """Labels numbered by ``structures``, None where one of them is not annotated or the file is empty."""
    frame = case.frame
    if frame.label is None or not structures or set(frame.annotated) != set(structures):
        return None
    labels = read_labels(frame.label, frame.label_frame, case.codes, volume)
    numbered = np.zeros_like(labels)
    for value, structure in enumerate(structures, 1):
        numbered[labels == STRUCTURES[structure]] = value
    return numbered if numbered.any() else None


def _compact(voxels: NDArray[np.float32]) -> NDArray[Any]:
    """As 16-bit whole numbers where they are such."""
    limits = np.iinfo(np.int16)
    fits = limits.min <= voxels.min() and voxels.max() <= limits.max and bool((voxels == np.rint(voxels)).all())
    return voxels.astype(np.int16) if fits else voxels


def _write_volume(path: Path, voxels: NDArray[Any], like: Volume) -> None:
    """sform is the affine as it was, pixdim the spacing; a qform, which holds both, only where it can say the same."""
    image = nibabel.Nifti1Image(voxels, like.affine)
    image.set_qform(like.affine, 1)
    image.set_sform(like.affine, 1)
    image.header.set_zooms(like.spacing)
    image.header.set_xyzt_units("mm")
    if not np.allclose(image.get_qform(), like.affine, atol=SAME_MM):
        image.header["qform_code"] = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, gzip.compress(image.to_bytes(), compresslevel=4, mtime=0))


def _nnunet(name: str, structures: Sequence[str], rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "name": name,
        "channel_names": {"0": "MRI"},
        "labels": {"background": 0, **{structure: value for value, structure in enumerate(structures, 1)}},
        "numTraining": len(_training(rows)),
        "file_ending": ".nii.gz",
    }


def _msd(name: str, structures: Sequence[str], rows: Sequence[Row]) -> dict[str, Any]:
    training = _training(rows)
    test = [f"./{row['image']}" for row in rows if row not in training]
    return {
        "name": name,
        "tensorImageSize": "3D",
        "modality": {"0": "MRI"},
        "labels": {"0": "background", **{str(value): structure for value, structure in enumerate(structures, 1)}},
        "numTraining": len(training),
        "numTest": len(test),
        "training": [{"image": f"./{row['image']}", "label": f"./{row['label']}"} for row in training],
        "test": test,
    }


def _training(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["label"].startswith("labelsTr/")]


def _told(cases: Sequence[Case], rows: Sequence[Row], structures: Sequence[str], output: Path) -> Iterator[str]:
    training = len(_training(rows))
    yield f"{output}: {training} frames to train on, {len(rows) - training} others; labels {' '.join(structures)}"
    stripped = [case for case, row in zip(cases, rows) if case.frame.annotated and not row["label"]]
    if stripped:
        names = few([f"{case.frame.subject} {case.frame.phase}" for case in stripped])
        yield f"{len(stripped)} frames lack a structure and went to imagesTs without labels: {names}"


def _codes(text: str) -> dict[str, int]:
    pairs = (word.partition("=") for word in text.split())
    return {name: int(code) for name, _, code in pairs}


def _frame(row: Row, table: Path) -> Frame:
    indices = [row.get(name, "") for name in ("image_frame", "label_frame")]
    image_frame, label_frame = (int(number(text, table, "frame")) if text else None for text in indices)
    return Frame(
        dataset=row["dataset"],
        subject=row["subject"],
        phase=row["phase"],
        image=Path(row["image"]),
        image_frame=image_frame,
        label=Path(row["label"]) if row["label"] else None,
        label_frame=label_frame,
        annotated=tuple(row["annotated"].split()),
        vendor=row.get("vendor", ""),
        centre=row.get("centre", ""),
        scanner=row.get("scanner", ""),
        field_strength_t=number(row.get("field_strength_t", ""), table, "field_strength_t"),
        pathology=row.get("pathology", ""),
    )
