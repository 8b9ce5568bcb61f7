"""A model with a translator: its twin segments the redrawn images, which can be looked at in the file's place."""

import base64
import gzip
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest

from cmrbridge.app.package import read_package
from cmrbridge.errors import InputError
from serving import GREY, SIZE, Served, painted, running, write_package

SHAPE = (90, 80, 3)  # larger than the crop


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = write_package(tmp_path_factory.mktemp("packages") / "fast", adapt=True)
    with tempfile.TemporaryDirectory(prefix="app-test-") as name, running([folder], Path(name)) as server:
        yield server


def inverse(labels: np.ndarray) -> np.ndarray:
    """What the toy network finds in 255 less the grey values of these labels."""
    return np.abs((255 - GREY)[labels][..., None] - GREY).argmin(-1)


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    made = np.zeros(SHAPE, np.uint8)
    made[30:60, 25:55] = 2
    made[35:50, 30:50] = 1
    made[20:30, 25:55] = 3
    return made


@pytest.fixture(scope="module")
def case(served: Served, labels: np.ndarray) -> str:
    image = nibabel.Nifti1Image(painted(labels), np.diag([2.0, 2, 8, 1]))
    status, about = served.json("POST", "/api/cases", gzip.compress(image.to_bytes()))
    assert status == 201, about
    return str(about["case"])


def mask(served: Served, case: str, model: str) -> np.ndarray:
    (line,) = (line for line in served.segment(case, model) if "mask" in line)
    raw = gzip.decompress(base64.b64decode(line["mask"]))
    return np.frombuffer(raw, np.uint8).reshape(SHAPE, order="F")


def test_a_twin_stands_behind_its_model(served: Served) -> None:
    _, told = served.json("GET", "/api/models")
    assert [(model["name"], model["adapts"]) for model in told["models"]] == [("fast", None), ("fast+adapted", "fast")]


def test_the_twin_outlines_the_translated_image(served: Served, case: str, labels: np.ndarray) -> None:
    plain, adapted = (mask(served, case, name) for name in ("fast", "fast%2Badapted"))
    inside = (slice(25, 55), slice(20, 60))
    assert (plain[inside] == labels[inside]).mean() > 0.95
    assert (adapted[inside] == inverse(labels[inside])).mean() > 0.95


def test_the_translated_image_lies_where_the_file_lies_in_its_grey_levels(
    served: Served, case: str, labels: np.ndarray
) -> None:
    status, _, content = served.ask("GET", f"/api/cases/{case}/translated/0.nii.gz?model=fast")
    assert status == 200
    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(content))
    assert image.shape == SHAPE
    np.testing.assert_allclose(image.affine, np.diag([2.0, 2, 8, 1]))
    seen, original = np.asarray(image.dataobj, np.float64), painted(labels).astype(np.float64)
    changed = np.abs(seen - original).max(axis=(1, 2)) > 1
    assert 0 < changed.sum() <= SIZE < SHAPE[0], "outside the crop nothing changes"
    middle = (slice(36, 49), slice(31, 49))
    np.testing.assert_allclose(seen[middle], 1000 + 3550 - original[middle], atol=15)


def test_a_translator_that_is_gone_or_altered_is_refused(tmp_path: Path) -> None:
    folder = write_package(tmp_path / "fast", adapt=True)
    (folder / "adapt.onnx").write_bytes(b"another")
    with pytest.raises(InputError, match=r"adapt\.onnx: not the file that was exported"):
        read_package(folder)
    (folder / "adapt.onnx").unlink()
    with pytest.raises(InputError, match=r"adapt\.onnx: no such file"):
        read_package(folder)
