"""A hospital's data set with people's names wherever they can stand: file names, headers, tables."""

import csv
import gzip
from pathlib import Path

import nibabel
import numpy as np

from cmrbridge.data.phantom.generate import PhantomSettings, generate_phantom

WORDS = ("Planted^Jane", "MRN4711007", "1961-02-03", "Plantedhospital")
FIELDS = {"descrip": "Planted Jane", "aux_file": "MRN4711007.hdr", "db_name": "19610203", "intent_name": "PLANTED^JANE"}


def names(count: int) -> list[str]:
    """Subjects as hospitals call them: the first by a planted name."""
    return ["MRN4711007_Planted_Jane", *(f"MRN48{number:05d}_Planted_Jane" for number in range(1, count))]


def plant_header(path: Path) -> None:
    """Identifiers into every field of text of a NIfTI file's header, and into an extension of it."""
    image = nibabel.load(path)
    voxels = np.asanyarray(image.dataobj)
    for field, text in FIELDS.items():
        image.header[field] = text.encode()
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"Planted^Jane 03.02.1961"))
    payload = nibabel.Nifti1Image(voxels, image.affine, image.header).to_bytes()
    path.write_bytes(gzip.compress(payload, mtime=0))


def plant_columns(manifest: Path) -> None:
    """Columns that nobody asked for."""
    rows = list(csv.DictReader(manifest.open(encoding="utf-8")))
    with manifest.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, [*rows[0], "name", "born", "referrer"], lineterminator="\n")
        table.writeheader()
        table.writerows(
            row | {"name": "Planted, Jane", "born": "3.2.1961", "referrer": "Plantedhospital"} for row in rows
        )


def hospital(folder: Path, scanners: tuple[str, ...], subjects: int) -> Path:
    """A data set by manifest of so many subjects a scanner, planted throughout: a folder each, named after them."""
    made = folder.with_name(f"{folder.name}.phantom")
    generate_phantom(
        settings=PhantomSettings(scanners=scanners, subjects=subjects, seed=0),
        folder=made,
        report=lambda *_, **__: None,
    )
    rows = list(csv.DictReader((made / "manifest.csv").open(encoding="utf-8")))
    called = dict(zip(sorted({row["subject"] for row in rows}), names(subjects * len(scanners))))
    for row in rows:
        row["subject"] = called[row["subject"]]
        for kind in ("image", "label"):
            path = folder / row["subject"] / f"{row['subject']}_{kind}_{row['phase']}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            (made / row[kind]).rename(path)
            plant_header(path)
            row[kind] = path.relative_to(folder).as_posix()
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    plant_columns(folder / "manifest.csv")
    return folder
