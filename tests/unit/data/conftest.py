"""Small NIfTI files with a beating ring in them."""

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

Heart = Callable[..., tuple[np.ndarray, np.ndarray]]
Writer = Callable[..., Path]


@pytest.fixture
def heart() -> Heart:
    """heart(cavity radius, seed) → image and canonical labels, both (x, y, slice): LV in a ring, RV to its left."""

    def make(cavity: float = 9.0, seed: int = 0, shape: tuple[int, int, int] = (64, 72, 3)) -> tuple[np.ndarray, ...]:
        x, y = np.meshgrid(np.arange(shape[0]) - 36, np.arange(shape[1]) - 33, indexing="ij")
        radius = np.hypot(x, y)
        labels = np.zeros(shape[:2], np.uint8)
        labels[np.hypot(x + 15, y) < 8] = 3
        labels[radius < 14] = 2
        labels[radius < cavity] = 1
        noise = np.random.default_rng(seed).normal(0, 3, shape)
        image = np.array([40, 200, 90, 190])[labels][:, :, None] + noise
        return image.astype(np.float32), np.repeat(labels[:, :, None], shape[2], axis=2)

    return make


@pytest.fixture
def write() -> Writer:
    """write(path, array, spacing, affine) → path of a NIfTI file; the default affine makes x run left and y back."""

    def save(path: Path, array: np.ndarray, spacing: float = 2.0, affine: np.ndarray | None = None) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        place = np.diag([-spacing, -spacing, 8.0, 1.0]) if affine is None else affine
        nibabel.save(nibabel.Nifti1Image(array, place), path)
        return path

    return save


@pytest.fixture
def acdc(tmp_path: Path, heart: Heart, write: Writer) -> Path:
    """A folder in ACDC's layout: 6 patients of 2 groups, 2 of them in testing/; ACDC's codes."""
    codes = np.array([0, 3, 2, 1], np.uint8)
    for number in range(1, 7):
        name = f"patient{number:03d}"
        home = tmp_path / "acdc" / ("training" if number < 5 else "testing") / name
        for frame, cavity in ((1, 10), (12, 6)):
            image, labels = heart(cavity, seed=100 * number + frame)
            write(home / f"{name}_frame{frame:02d}.nii.gz", image)
            write(home / f"{name}_frame{frame:02d}_gt.nii.gz", codes[labels])
        (home / "Info.cfg").write_text(f"ED: 1\nES: 12\nGroup: {'DCM' if number % 2 else 'NOR'}\nNbFrame: 30\n")
    return tmp_path / "acdc"
