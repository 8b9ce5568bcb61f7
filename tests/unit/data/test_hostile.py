"""What a careless export hands over is refused by one line: the file, what is wrong, and what to do."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cmrbridge.data.frames import IngestSettings
from cmrbridge.data.ingest import ingest
from cmrbridge.data.volume import read_image, read_labels
from cmrbridge.errors import InputError

CODES = {"LV": 1, "MYO": 2, "RV": 3}
Change = Callable[[np.ndarray], np.ndarray]


def with_one(value: float) -> Change:
    def change(array: np.ndarray) -> np.ndarray:
        array[3, 4, 1] = value
        return array

    return change


def colour(array: np.ndarray) -> np.ndarray:
    return np.zeros(array.shape, [("R", "u1"), ("G", "u1"), ("B", "u1")])


IMAGES: dict[str, tuple[Change, str]] = {
    "NaN": (with_one(np.nan), "1 voxels are NaN or infinite"),
    "Inf": (with_one(np.inf), "1 voxels are NaN or infinite"),
    "-Inf": (with_one(-np.inf), "1 voxels are NaN or infinite"),
    "constant": (lambda array: np.full_like(array, 7), "every voxel is 7"),
    "RGB": (colour, "colour"),
    "one-hot, or several frames": (lambda array: np.stack([array] * 4, axis=3), "one 3-D frame is needed"),
    "a single slice as a plane": (lambda array: array[..., 0], "one 3-D frame is needed"),
}
LABELS: dict[str, tuple[Change, str]] = {
    "outside the set": (lambda array: array * np.uint8(85), r"values \[85, 170, 255\]"),
    "interpolated": (lambda array: array * np.float32(0.5), "not whole numbers"),
    "NaN": (lambda array: with_one(np.nan)(array.astype(np.float32)), "not whole numbers"),
    "RGB": (colour, "colour"),
    "one-hot": (lambda array: (array[..., None] == np.arange(4)).astype(np.uint8), "one 3-D frame is needed"),
    "another shape": (lambda array: array[:, :-1], "labels of shape"),
    "a slice less": (lambda array: array[..., :-1], "labels of shape"),
}


def told(error: pytest.ExceptionInfo[InputError], path: Path) -> bool:
    """One line: the file first, a remedy last."""
    line = str(error.value)
    return line.startswith(f"{path}: ") and ("; " in line) and "\n" not in line


@pytest.mark.parametrize("kind", IMAGES)
def test_an_image_is_refused(kind: str, tmp_path: Path, heart, write) -> None:
    change, reason = IMAGES[kind]
    path = write(tmp_path / "image.nii.gz", change(heart()[0]))
    with pytest.raises(InputError, match=reason) as error:
        read_image(path)
    assert told(error, path)


@pytest.mark.parametrize("kind", LABELS)
def test_labels_are_refused(kind: str, tmp_path: Path, heart, write) -> None:
    change, reason = LABELS[kind]
    image, labels = heart()
    path = write(tmp_path / "gt.nii.gz", change(labels))
    with pytest.raises(InputError, match=reason) as error:
        read_labels(path, None, CODES, read_image(write(tmp_path / "image.nii.gz", image)))
    assert told(error, path)


def test_labels_a_rounding_away_from_whole_numbers_are_taken(tmp_path: Path, heart, write) -> None:
    image, labels = heart()
    volume = read_image(write(tmp_path / "image.nii.gz", image))
    path = write(tmp_path / "gt.nii.gz", labels * np.float32(0.9999))
    np.testing.assert_array_equal(read_labels(path, None, CODES, volume), labels)


@pytest.mark.parametrize("edges", [(2, 2, 0), (0, 2, 8), (2000, 2000, 8000), (0.002, 0.002, 0.008)])
def test_a_spacing_that_is_none_or_in_metres_is_refused(
    edges: tuple[float, float, float], tmp_path: Path, heart, write
) -> None:
    path = write(tmp_path / "image.nii.gz", heart()[0])
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[80:92] = np.array(edges, np.float32).tobytes()  # nibabel would mend a 0
    path.write_bytes(gzip.compress(content))
    with pytest.raises(InputError, match=r"voxels of .* mm; write the spacing") as error:
        read_image(path)
    assert told(error, path)


@pytest.mark.parametrize("slices", [1, 40])
def test_one_slice_and_forty_go_in(slices: int, tmp_path: Path, heart, write) -> None:
    folder = tmp_path / "data"
    for phase, cavity in (("ED", 10), ("ES", 6)):
        image, labels = heart(cavity, shape=(64, 72, slices))
        write(folder / f"{phase}.nii.gz", image)
        write(folder / f"{phase}_gt.nii.gz", labels)
    rows = [f"p1,{phase},{phase}.nii.gz,{phase}_gt.nii.gz,LV MYO RV" for phase in ("ED", "ES")]
    (folder / "manifest.csv").write_text("\n".join(["subject,phase,image,label,annotated", *rows]))
    ingest(
        settings=IngestSettings(dataset="mine", reader="manifest", size=32, spacing_mm=2.5),
        folder=folder,
        subjects=tmp_path / "out" / "subjects.csv",
        prepared=tmp_path / "out" / "prepared.npz",
        picture=tmp_path / "out" / "picture.png",
        report=lambda step, total=None, **values: None,
    )
    with np.load(tmp_path / "out" / "prepared.npz") as pack:
        assert pack["images"].shape == (2 * slices, 32, 32)
        assert set(np.unique(pack["labels"])) == {0, 1, 2, 3}
