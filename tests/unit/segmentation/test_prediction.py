"""A trained segmenter at work: predictions go home to their files, looks are averaged, generated images labelled."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch

from cmrbridge.core.header import write_like
from cmrbridge.core.labels import read_labels
from cmrbridge.core.pack import Pack, write_pack
from cmrbridge.errors import InputError
from cmrbridge.segmentation.label import label_candidates, label_generated
from cmrbridge.segmentation.predict import predict_domains, segment_subject
from cmrbridge.segmentation.segmenter import Segmenter
from planted import FIELDS, plant_header
from reporters import silent

SIZE = 32
ToyPack = Callable[..., Pack]
Settings = Callable[..., dict[str, Any]]
Train = Callable[..., list[dict[str, float]]]


def write_image(folder: Path) -> None:
    """A 4-D image file with all that a header can carry, and the table that names it."""
    affine = np.array([[0, -1.5, 0, 7], [1.5, 0, 0.1, -3], [0, 0, 8, 11], [0, 0, 0, 1.0]])
    source = nibabel.Nifti1Image(np.zeros((40, 48, 4, 2), np.int16), affine)
    source.header.set_xyzt_units("mm", "sec")
    source.set_qform(np.diag([1.5, 1.5, 8, 1]), code=1)
    source.set_sform(affine, code=2)
    source.header.set_intent("estimate")
    source.header["cal_max"] = 900
    source.header.set_slope_inter(3, 5)
    nibabel.save(source, folder / "image.nii.gz")
    (folder / "subjects.csv").write_text(f"subject,phase,image\ns0,ED,{folder / 'image.nii.gz'}\n")


def predict(folder: Path, out: str) -> Path:
    predict_domains(
        model=folder / "model.safetensors",
        tests={"toy": folder / "test.npz"},
        subjects={"toy": folder / "subjects.csv"},
        folder=folder / out,
        batch=2,
        device="cpu",
        report=silent,
    )
    return folder / out / "toy/s0_ED.nii.gz"


def test_learns_the_toy_and_predicts_the_same_bytes_twice(
    tmp_path: Path, toy_hearts: ToyPack, plain: Settings, train: Train
) -> None:
    rows = train(tmp_path, plain(30))
    assert rows[-1]["val_dice"] > 0.85
    assert rows[-1]["loss"] < rows[0]["loss"] / 2
    pack = toy_hearts(cases=1, split="test")
    write_pack(tmp_path / "test.npz", Pack(pack.images, None, pack.case, pack.position, pack.cases))
    write_image(tmp_path)
    written = predict(tmp_path, "first")
    assert written.read_bytes() == predict(tmp_path, "second").read_bytes()
    assert set(np.unique(np.asanyarray(nibabel.load(written).dataobj))) == {0, 1, 2, 3}


class Oracle(torch.nn.Module):
    """Knows the labels of slices it is shown in order."""

    def __init__(self, labels: np.ndarray) -> None:
        super().__init__()
        self.rest = torch.from_numpy(labels).long()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        known, self.rest = self.rest[: len(images)], self.rest[len(images) :]
        return 100 * torch.nn.functional.one_hot(known, 4).movedim(-1, 1).float()


def test_slices_return_to_their_place_in_the_file(toy_hearts: ToyPack) -> None:
    pack = toy_hearts(cases=2)
    pack.position[3:] = [3, 0, 1]
    labels = segment_subject(Segmenter(Oracle(pack.labels[3:]), 2), [pack], [1], "cpu")[0]
    assert labels.shape == (40, 48, 4)
    assert labels[..., 2].max() == 0  # left out of the pack
    upright = labels.transpose(2, 1, 0)[:, ::-1]  # the grid's transpose and flip; the pixel size is the file's own
    expected = np.pad(pack.labels[3:], ((0, 0), (8, 8), (4, 4)))  # a crop of 32 pixels about (23.5, 19.5) of (48, 40)
    np.testing.assert_array_equal(upright[[3, 0, 1]], expected)


def test_labels_keep_the_geometry_of_their_image_and_nothing_else(tmp_path: Path) -> None:
    write_image(tmp_path)
    plant_header(tmp_path / "image.nii.gz")
    labels = np.random.default_rng(0).integers(0, 4, (40, 48, 4)).astype(np.uint8)
    write_like(labels, tmp_path / "image.nii.gz", tmp_path / "labels.nii.gz")
    image, origin = nibabel.load(tmp_path / "labels.nii.gz"), nibabel.load(tmp_path / "image.nii.gz")
    read = np.asanyarray(image.dataobj)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, labels)
    np.testing.assert_array_equal(image.get_sform(), origin.get_sform())
    np.testing.assert_array_equal(image.get_qform(), origin.get_qform())
    np.testing.assert_array_equal(image.header.get_zooms(), origin.header.get_zooms()[:3])
    assert image.header.get_xyzt_units() == origin.header.get_xyzt_units()
    for key in ("qform_code", "sform_code"):
        assert image.header[key] == origin.header[key]
    assert (image.header["intent_code"], image.header["cal_max"]) == (0, 0)
    assert (image.dataobj.slope, image.dataobj.inter) == (1, 0)
    assert all(not image.header[field].item() for field in FIELDS), "a patient's name may stand there"
    assert not image.header.extensions
    with pytest.raises(InputError, match="ingest it again"):
        write_like(labels[:-1], tmp_path / "image.nii.gz", tmp_path / "labels.nii.gz")


class Bright(torch.nn.Module):
    """Sure of the LV where its one channel is bright, of the RV where it is dark, twice as sure there."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        nothing = torch.zeros_like(images)
        return torch.cat([nothing, images, nothing, -2 * images], dim=1)


def test_an_ensemble_averages_the_probabilities_of_both_looks(toy_hearts: ToyPack) -> None:
    """Where the two looks disagree, the surer one wins: dark in one, bright in the other gives RV, never a vote."""
    pack = toy_hearts(cases=1)
    other = dataclasses.replace(pack, images=255 - pack.images)
    both, swapped, one, twice = (
        segment_subject(Segmenter(Bright(), 2), looks, [0], "cpu")
        for looks in ([pack, other], [other, pack], [pack], [pack, pack])
    )
    np.testing.assert_array_equal(both, swapped)
    assert not np.array_equal(both, one)
    np.testing.assert_array_equal(twice, one)


def test_a_translated_pack_of_other_cases_is_refused(
    tmp_path: Path, toy_hearts: ToyPack, plain: Settings, train: Train
) -> None:
    train(tmp_path, plain(1))
    write_pack(tmp_path / "test.npz", toy_hearts(cases=2))
    write_pack(tmp_path / "other.npz", toy_hearts(cases=3))
    with pytest.raises(InputError, match=r"other\.npz: holds other cases"):
        predict_domains(
            model=tmp_path / "model.safetensors",
            tests={"toy": tmp_path / "test.npz"},
            translated={"toy": tmp_path / "other.npz"},
            subjects={"toy": tmp_path / "subjects.csv"},
            folder=tmp_path / "out",
            batch=4,
            device="cpu",
            report=silent,
        )


def test_a_frozen_segmenter_labels_generated_and_held_out_slices(
    tmp_path: Path, toy_hearts: ToyPack, plain: Settings, train: Train
) -> None:
    train(tmp_path, plain(2))
    write_pack(tmp_path / "images.npz", toy_hearts(cases=2))
    label_generated(
        model=tmp_path / "model.safetensors",
        training=tmp_path / "training.npz",
        synthetic=tmp_path / "images.npz",
        predicted=tmp_path / "predicted.npz",
        batch=4,
        device="cpu",
        report=silent,
    )
    with np.load(tmp_path / "predicted.npz") as found:
        assert found["synthetic"].shape == (6, SIZE, SIZE)
        assert found["held_out"].shape == (3, SIZE, SIZE)
    label_candidates(
        model=tmp_path / "model.safetensors",
        candidates=tmp_path / "images.npz",
        predicted=tmp_path / "labels.npz",
        batch=4,
        device="cpu",
        report=silent,
    )
    with np.load(tmp_path / "predicted.npz") as found:
        np.testing.assert_array_equal(read_labels(tmp_path / "labels.npz"), found["synthetic"])
