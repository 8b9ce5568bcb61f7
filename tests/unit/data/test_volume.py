"""A damaged, lying or unfit file is refused by name before one of its voxels is used."""

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest

from cmrbridge.data.volume import read_image, read_labels
from cmrbridge.errors import InputError

CODES = {"LV": 3, "MYO": 2, "RV": 1}


@pytest.fixture
def image(tmp_path: Path, heart, write) -> Path:
    return write(tmp_path / "image.nii.gz", heart()[0])


def test_voxels_and_spacing_come_back(image: Path, heart) -> None:
    volume = read_image(image)
    np.testing.assert_array_equal(volume.voxels, heart()[0])
    assert volume.spacing == (2.0, 2.0, 8.0)


def test_a_frame_of_a_cine(tmp_path: Path, heart, write) -> None:
    frames = np.stack([heart(seed=1)[0], heart(seed=2)[0]], axis=3)
    path = write(tmp_path / "cine.nii.gz", frames)
    np.testing.assert_array_equal(read_image(path, 1).voxels, frames[..., 1])
    for frame in (None, 2, -1):
        with pytest.raises(InputError, match=r"cine\.nii\.gz.*frame"):
            read_image(path, frame)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.9999])
def test_a_file_cut_short(image: Path, share: float) -> None:
    whole = image.read_bytes()
    image.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=r"image\.nii\.gz"):
        read_image(image)


def test_flipped_bits_never_pass(image: Path) -> None:
    truth, whole = read_image(image).voxels, image.read_bytes()
    for place in np.random.default_rng(0).integers(10, len(whole), 80).tolist():
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        image.write_bytes(flipped)
        try:
            voxels = read_image(image).voxels
        except InputError:
            continue
        np.testing.assert_array_equal(voxels, truth)  # a bit of gzip's file name or time stamp


@pytest.mark.parametrize("dim", [20000, 65, 63, 0, -5])
def test_a_header_that_lies_about_size(image: Path, dim: int) -> None:
    content = bytearray(gzip.decompress(image.read_bytes()))
    content[42:44] = np.int16(dim).tobytes()
    if dim == 20000:
        content[44:48] = np.array([dim, dim], np.int16).tobytes()
    image.write_bytes(gzip.compress(content))
    with pytest.raises(InputError, match="header announces"):
        read_image(image)


@pytest.mark.parametrize(
    ("voxels", "reason"),
    [(np.full((8, 8, 2), np.nan, np.float32), "NaN"), (np.ones((8, 8, 2), np.float32), "every voxel is 1")],
)
def test_unfit_voxels(tmp_path: Path, write, voxels: np.ndarray, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read_image(write(tmp_path / "x.nii.gz", voxels))


def test_spacing(tmp_path: Path, heart, write) -> None:
    with pytest.raises(InputError, match="spacing"):
        read_image(write(tmp_path / "x.nii.gz", heart()[0], spacing=0.002))
    file = nibabel.load(write(tmp_path / "y.nii.gz", heart()[0]))
    file.header["pixdim"][1:4] = 0.002, 0.002, 0.008
    file.header.set_xyzt_units("meter")
    nibabel.save(file, tmp_path / "z.nii.gz")
    assert read_image(tmp_path / "z.nii.gz").spacing == pytest.approx((2, 2, 8), rel=1e-5)


def test_colour_and_other_files(tmp_path: Path) -> None:
    colour = np.zeros((4, 4, 2), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(colour, np.eye(4)), tmp_path / "rgb.nii.gz")
    with pytest.raises(InputError, match="colour"):
        read_image(tmp_path / "rgb.nii.gz")
    (tmp_path / "login.nii").write_text("<html>please log in</html>" * 100)
    with pytest.raises(InputError, match="not a NIfTI"):
        read_image(tmp_path / "login.nii")
    with pytest.raises(InputError, match="no such file"):
        read_image(tmp_path / "none.nii.gz")


def test_labels_take_canonical_codes(tmp_path: Path, image: Path, heart, write) -> None:
    labels = heart()[1]
    path = write(tmp_path / "gt.nii.gz", np.array([0, 3, 2, 1])[labels].astype(np.float32) + np.float32(1e-4))
    np.testing.assert_array_equal(read_labels(path, None, CODES, read_image(image)), labels)


def test_unfit_labels(tmp_path: Path, image: Path, heart, write) -> None:
    volume, labels = read_image(image), heart()[1]
    moved = np.diag([-2.0, -2, 8, 1])
    moved[0, 3] = 50
    for array, affine, reason in (
        (labels[:-1], None, "shape"),
        (labels + np.uint8(3), None, r"values \[4, 5, 6\].*labels"),
        (labels * np.float32(0.5), None, "whole numbers"),
        (labels, moved, "50.0 mm from their image"),
    ):
        with pytest.raises(InputError, match=reason):
            read_labels(write(tmp_path / "gt.nii.gz", array, affine=affine), None, CODES, volume)
