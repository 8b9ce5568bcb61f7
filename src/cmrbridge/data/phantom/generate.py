"""Entry point: scan a cohort by every scanner asked for and write the files that the manifest reader ingests."""

import csv
import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.anatomy import PHASES
from cmrbridge.data.phantom.cohort import PATHOLOGIES, draw_anatomy
from cmrbridge.data.phantom.scan import Scan, scan
from cmrbridge.data.phantom.scanner import SCANNERS
from cmrbridge.errors import InputError

Report = Callable[..., None]  # report(step, total); core.loop has the protocol, but with torch
COLUMNS = (
    "subject", "phase", "image", "label", "annotated", "vendor", "centre", "scanner", "field_strength_t", "pathology",
)  # fmt: skip


@dataclass(frozen=True)
class PhantomSettings:
    """scanners: names out of SCANNERS; subjects: patients of each scanner; seed: of the whole cohort."""

    scanners: tuple[str, ...] = tuple(SCANNERS)
    subjects: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "scanners", tuple(self.scanners))
        unknown = sorted(set(self.scanners) - set(SCANNERS))
        if unknown or not self.scanners:
            raise InputError(f"phantom: unknown scanners {unknown}; choose from {', '.join(SCANNERS)}")
        if self.subjects < 1:
            raise InputError(f"phantom: subjects is {self.subjects}; at least 1 is needed")


def subject_seed(seed: int, scanner: str, index: int) -> tuple[np.random.Generator, np.random.Generator]:
    """Random numbers of a patient's anatomy and of its scan, by name: adding scanners or subjects changes no other."""
    children = np.random.SeedSequence([seed, zlib.crc32(scanner.encode()), index]).spawn(2)
    return np.random.default_rng(children[0]), np.random.default_rng(children[1])


def generate_phantom(*, settings: PhantomSettings, folder: Path, report: Report) -> None:
    """Write folder/manifest.csv, folder/images and folder/labels; equal settings give equal bytes.

    Pathologies take turns, so that every scanner sees the same mix and the shift is the scanner's alone.
    """
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    total = len(settings.scanners) * settings.subjects
    rows: list[dict[str, str]] = []
    for name in settings.scanners:
        for index in range(settings.subjects):
            pathology = list(PATHOLOGIES)[index % len(PATHOLOGIES)]
            of_anatomy, of_scan = subject_seed(settings.seed, name, index)
            result = scan(draw_anatomy(of_anatomy, pathology), SCANNERS[name], of_scan)
            rows += _write_subject(folder, f"{name}-{index + 1:03d}", name, pathology, result)
            report(len(rows) // len(PHASES), total)
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _write_subject(folder: Path, subject: str, name: str, pathology: str, result: Scan) -> list[dict[str, str]]:
    scanner = SCANNERS[name]
    rows = []
    for phase in PHASES:
        image, label = (f"{kind}/{subject}_{phase}.nii.gz" for kind in ("images", "labels"))
        _write_nifti(folder / image, result.images[phase], result.affine)
        _write_nifti(folder / label, result.labels[phase], result.affine)
        machine = (scanner.vendor, scanner.centre, name, str(scanner.field_t))
        rows.append(dict(zip(COLUMNS, (subject, phase, image, label, "LV MYO RV", *machine, pathology))))
    return rows


def _write_nifti(path: Path, voxels: NDArray[np.generic], affine: NDArray[np.float64]) -> None:
    picture = nib.Nifti1Image(voxels, affine)
    picture.set_qform(affine, 1)
    picture.set_sform(affine, 1)
    picture.header.set_xyzt_units("mm")
    path.write_bytes(gzip.compress(picture.to_bytes(), compresslevel=4, mtime=0))
