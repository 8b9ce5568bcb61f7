"""A data set without a fault, small enough to be spoilt in many ways."""

import csv
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from cmrbridge.data.check.problem import Problem
from cmrbridge.data.check.run import check, datasets_of

Heart = Callable[..., tuple[np.ndarray, np.ndarray]]
SLICES = 10
PLACE = np.array([[-2.0, 0, 0, 60], [0, -1.6, 4.8, 50], [0, -1.2, -6.4, 10], [0, 0, 0, 1]])  # 2 × 2 × 8 mm, tilted
COLUMNS = ("subject", "phase", "image", "label", "annotated", "vendor", "centre", "scanner", "field_strength_t",
           "pathology", "source_indices")  # fmt: skip


class Cohort:
    """A folder of a manifest, its images and labels; every change is made to the files."""

    def __init__(self, folder: Path, heart: Heart, subjects: int) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        rows = []
        for number in range(subjects):
            for phase, cavity in (("ED", 12), ("ES", 8)):
                name = f"s{number:02d}_{phase}.nii.gz"
                image, labels = heart(cavity, seed=2 * number + (phase == "ES"), shape=(64, 72, SLICES))
                self.write(folder / "images" / name, np.roll(image, number, axis=0))
                self.write(folder / "labels" / name, np.roll(labels, number, axis=0))
                machine = ("Siemens", "Dijon", "Aera", "1.5", "NOR", " ".join(map(str, range(SLICES))))
                rows.append((f"s{number:02d}", phase, f"images/{name}", f"labels/{name}", "LV MYO RV", *machine))
        with (folder / "manifest.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows([COLUMNS, *rows])

    def write(self, path: Path, array: np.ndarray) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = nibabel.Nifti1Image(array, PLACE)
        file.set_qform(PLACE, 1)
        file.set_sform(PLACE, 1)
        file.header.set_xyzt_units("mm")
        path.write_bytes(gzip.compress(file.to_bytes(), compresslevel=1))

    def image(self, subject: int = 0, phase: str = "ED") -> Path:
        return self.folder / "images" / f"s{subject:02d}_{phase}.nii.gz"

    def label(self, subject: int = 0, phase: str = "ED") -> Path:
        return self.folder / "labels" / f"s{subject:02d}_{phase}.nii.gz"

    def both(self, subject: int = 0, phase: str = "ED") -> list[Path]:
        return [self.image(subject, phase), self.label(subject, phase)]

    def voxels(self, path: Path, change: Callable[[np.ndarray], np.ndarray | None]) -> None:
        """Write what ``change`` gives of a file's voxels, or the voxels as it leaves them."""
        array = np.asarray(nibabel.load(path).dataobj).copy()
        changed = change(array)
        self.write(path, array if changed is None else changed)

    def header(self, path: Path, **fields: Any) -> None:
        """Set fields of the raw header; name[i] is written name_i."""
        content = gzip.decompress(path.read_bytes())
        header = nibabel.Nifti1Header(content[:348], check=False)
        for name, value in fields.items():
            field, _, index = name.rpartition("_")
            if index.isdecimal():
                header[field][int(index)] = value
            else:
                header[name] = value
        path.write_bytes(gzip.compress(header.binaryblock + content[348:], compresslevel=1))

    def table(self, change: Callable[[str], str]) -> None:
        path = self.folder / "manifest.csv"
        path.write_text(change(path.read_text()))

    def check(self, reader: str = "manifest", workers: int = 1) -> list[Problem]:
        """The problems of the folder; table, page and summary lie in out/ beside it."""
        out = self.folder.parent / "out"
        return check(
            datasets=datasets_of([self.folder], [{"dataset": "data", "reader": reader}]),
            table=out / "problems.csv",
            page_file=out / "check.html",
            summary=out / "summary.txt",
            report=lambda step, total=None, **values: None,
            workers=workers,
        )


@pytest.fixture
def cohort(tmp_path: Path, heart: Heart) -> Callable[[int], Cohort]:
    return lambda subjects: Cohort(tmp_path / "data", heart, subjects)
