"""All 48 ways to lay a case's axes into its files give the same mask in world space, from file to file."""

from itertools import permutations, product
from pathlib import Path

import nibabel
import numpy as np
import pytest

from cmrbridge.core.geometry import Grid, crop_labels, orientation, restore, upright
from cmrbridge.core.header import write_like
from cmrbridge.data.check.files import read_nifti
from cmrbridge.data.volume import read_image, read_labels
from cmrbridge.evaluation.clinical import thirds
from cmrbridge.evaluation.volumes import read_masks

SPACING = (1.5, 1.5, 8.0)
AFFINE = np.array([[-1.5, 0, 0, 60], [0, -1.2, 4.8, 50], [0, -0.9, -6.4, 10], [0, 0, 0, 1.0]])
CODES = {"LV": 1, "MYO": 2, "RV": 3}
WAYS = [(order, flips) for order in permutations(range(3)) for flips in product((False, True), repeat=3)]


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    labels = np.zeros((60, 48, 5), np.uint8)
    labels[20:40, 14:30] = 2
    labels[24:34, 18:26] = 1
    labels[12:20, 16:22, :3] = 3
    labels[30:, :, 4] = 0
    return labels


def laid(order: tuple[int, ...], flips: tuple[bool, ...], shape: tuple[int, ...]) -> np.ndarray:
    """4 × 4: voxel of the file as it is laid → voxel of the file as it was; exact."""
    matrix = np.zeros((4, 4))
    for new, old in enumerate(order):
        matrix[old, new] = -1 if flips[new] else 1
        matrix[old, 3] = shape[old] - 1 if flips[new] else 0
    matrix[3, 3] = 1
    return matrix


def turned(array: np.ndarray, order: tuple[int, ...], flips: tuple[bool, ...]) -> np.ndarray:
    return np.transpose(array, order)[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]


def world(path: Path) -> set[tuple[float, ...]]:
    """Millimetres and label of every labelled voxel of a file, by nibabel alone."""
    file = nibabel.load(path)
    labels = np.asarray(file.dataobj)
    voxels = np.argwhere(labels)
    places = nibabel.affines.apply_affine(file.affine, voxels)
    return {(*place, int(label)) for place, label in zip(places.round(3).tolist(), labels[tuple(voxels.T)])}


def segmented(image: Path, label: Path, out: Path) -> None:
    """The file's labels through the canonical crop and back, as a network without fault would return them."""
    volume = read_image(image)
    labels = read_labels(label, None, CODES, volume)
    transpose, rows, columns = orientation(volume.affine)
    shape = (volume.voxels.shape[0], volume.voxels.shape[1], volume.voxels.shape[2])
    middle = tuple((edge - 1) / 2 for edge in (reversed(shape[:2]) if transpose else shape[:2]))
    grid = Grid(shape, volume.spacing, transpose, rows, columns, middle, 64, 1.5)  # type: ignore[arg-type]
    cropped = crop_labels(upright(labels, grid), grid, 4)
    write_like(restore(np.stack([cropped == code for code in range(4)], axis=1).astype(np.float32), grid), image, out)


def test_there_are_48() -> None:
    assert len(set(WAYS)) == 48


@pytest.mark.parametrize(("order", "flips"), WAYS)
def test_the_same_mask_in_world_space(
    order: tuple[int, ...], flips: tuple[bool, ...], truth: np.ndarray, tmp_path: Path
) -> None:
    image, label, found = (tmp_path / f"{name}.nii.gz" for name in ("image", "label", "found"))
    affine = AFFINE @ laid(order, flips, truth.shape)
    for path, array in ((image, 50.0 * truth + 1), (label, truth)):
        nibabel.save(nibabel.Nifti1Image(turned(array, order, flips), affine), path)
    nibabel.save(nibabel.Nifti1Image(truth, AFFINE), tmp_path / "as_it_was.nii.gz")
    segmented(image, label, found)
    assert nibabel.load(found).shape == nibabel.load(image).shape
    assert world(found) == world(tmp_path / "as_it_was.nii.gz")
    axis = order.index(2)
    assert read_image(image).slice_axis == axis
    checked, _ = read_nifti(image)
    assert checked is not None
    assert np.array_equal(checked.volume(None), read_image(image).voxels)
    masks = read_masks(found, CODES, axis=axis)
    assert [len(slices) for slices in thirds(masks["MYO"]).values()] == [2, 2, 1], "base to apex along the slices"


def test_labels_lie_as_their_image_does_whatever_spacing_they_claim(truth: np.ndarray, tmp_path: Path) -> None:
    image, label = tmp_path / "image.nii", tmp_path / "label.nii"
    affine = AFFINE @ laid((2, 0, 1), (False, False, False), truth.shape)
    nibabel.save(nibabel.Nifti1Image(50.0 * turned(truth, (2, 0, 1), (False,) * 3) + 1, affine), image)
    file = nibabel.Nifti1Image(turned(truth, (2, 0, 1), (False,) * 3), affine)
    file.header["pixdim"][1:4] = 1
    nibabel.save(file, label)
    assert np.array_equal(read_labels(label, None, CODES, read_image(image)), truth)


def test_reading_and_writing_agree_at_the_border_of_thick(tmp_path: Path) -> None:
    """1.2 mm is more than one and a half times 0.8 mm by the last bit, or not, as float32 is compared."""
    image = nibabel.Nifti1Image(np.arange(5 * 8 * 8, dtype=np.int16).reshape(5, 8, 8), np.diag([1.2, 0.8, 0.8, 1]))
    nibabel.save(image, tmp_path / "image.nii.gz")
    labels = np.zeros(read_image(tmp_path / "image.nii.gz").voxels.shape, np.uint8)
    write_like(labels, tmp_path / "image.nii.gz", tmp_path / "labels.nii.gz")
    assert nibabel.load(tmp_path / "labels.nii.gz").shape == (5, 8, 8)
