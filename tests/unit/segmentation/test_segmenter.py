"""Training on tiny packs: it learns, repeats, resumes bit for bit, mixes and confuses; predictions go home."""

import dataclasses
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch

from cmrbridge.core.checkpoint import Paused, Resume, read_tensors
from cmrbridge.core.geometry import Grid
from cmrbridge.core.labels import read_labels
from cmrbridge.core.pack import Case, Pack, write_pack
from cmrbridge.errors import InputError
from cmrbridge.segmentation.adversarial import reversal_at
from cmrbridge.segmentation.architectures.fingerprint import Fingerprint
from cmrbridge.segmentation.label import label_candidates, label_generated
from cmrbridge.segmentation.predict import predict_domains, segment_subject, write_like
from cmrbridge.segmentation.segmenter import Segmenter
from cmrbridge.segmentation.slices import gather
from cmrbridge.segmentation.train import build_trainee, read_training, settings_from, train_segmenter
from cmrbridge.segmentation.validate import volume_dice

SIZE = 32
ALL = ("LV", "MYO", "RV")


def tiny_pack(cases: int = 4, slices: int = 3, split: str = "train", annotated: tuple[str, ...] = ALL) -> Pack:
    """Concentric LV and MYO beside a square RV, each of its own grey; the last case is for validation."""
    y, x = np.mgrid[:SIZE, :SIZE]
    rng = np.random.default_rng(0)
    images, labels = [], []
    for _ in range(cases * slices):
        radius = np.hypot(y - 16 - rng.integers(-2, 3), x - 18 - rng.integers(-2, 3))
        label = np.select([radius < 4, radius < 8, (abs(y - 16) < 6) & (x < 9)], [1, 2, 3], 0)
        labels.append(label.astype(np.uint8))
        images.append((np.array([20, 220, 90, 160])[label] + rng.integers(-15, 16, label.shape)).astype(np.uint8))
    grid = Grid((40, 48, slices + 1), (1.5, 1.5, 8.0), True, True, False, (23.5, 19.5), SIZE, 1.5)
    splits = [split] * (cases - 1) + ["val" if split == "train" else split]
    table = [Case("toy", "toy", f"s{i}", "ED", s, annotated, (8.0, 1.5, 1.5), grid) for i, s in enumerate(splits)]
    number = np.repeat(np.arange(cases, dtype=np.int32), slices)
    position = np.tile(np.arange(slices, dtype=np.int32), cases)
    return Pack(np.stack(images), np.stack(labels), number, position, tuple(table))


def plain(steps: int, **changes: Any) -> dict[str, Any]:
    loop = {"steps": steps, "learning_rate": 3e-3, "checkpoint_every": 2, "report_every": 1, "inspect_every": steps}
    augment = {"geometry_chance": 0.5, "rotation": 10, "scale": [0.9, 1.1], "noise_chance": 0.5, "noise": 0.05}
    return {"architecture": "unet2d", "batch": 4, "loop": loop, "augment": augment} | changes


class Heard:
    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def __call__(self, step: int, total: int | None = None, **values: float) -> None:
        self.rows.append({"step": step, **values})


def train(folder: Path, settings: dict[str, Any], model: str = "model.safetensors", **changes: Any) -> Heard:
    if not (folder / "training.npz").exists():
        write_pack(folder / "training.npz", tiny_pack())
    heard = Heard()
    given: dict[str, Any] = {
        "training": [folder / "training.npz"],
        "synthetic": None,
        "unlabelled": [],
        "seed": 0,
        "checkpoint": None,
    }
    train_segmenter(
        settings=settings_from(settings), model=folder / model, device="cpu", report=heard, **given | changes
    )
    return heard


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
        report=Heard(),
    )
    return folder / out / "toy/s0_ED.nii.gz"


def test_learns_the_toy_and_predicts_the_same_bytes_twice(tmp_path: Path) -> None:
    heard = train(tmp_path, plain(30))
    assert heard.rows[-1]["val_dice"] > 0.85
    assert heard.rows[-1]["loss"] < heard.rows[0]["loss"] / 2
    pack = tiny_pack(cases=1, split="test")
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


def test_slices_return_to_their_place_in_the_file() -> None:
    pack = tiny_pack(cases=2)
    pack.position[3:] = [3, 0, 1]
    labels = segment_subject(Segmenter(Oracle(pack.labels[3:]), 2), [pack], [1], "cpu")[0]
    assert labels.shape == (40, 48, 4)
    assert labels[..., 2].max() == 0  # left out of the pack
    upright = labels.transpose(2, 1, 0)[:, ::-1]  # the grid's transpose and flip; the pixel size is the file's own
    expected = np.pad(pack.labels[3:], ((0, 0), (8, 8), (4, 4)))  # a crop of 32 pixels about (23.5, 19.5) of (48, 40)
    np.testing.assert_array_equal(upright[[3, 0, 1]], expected)


def test_labels_keep_the_geometry_of_their_image_and_nothing_else(tmp_path: Path) -> None:
    write_image(tmp_path)
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
    with pytest.raises(InputError, match="ingest it again"):
        write_like(labels[:-1], tmp_path / "image.nii.gz", tmp_path / "labels.nii.gz")


@pytest.mark.parametrize("paused", [1, 3], ids=["before the classifier joins", "after"])
def test_same_seed_same_weights_and_resumed_equals_uninterrupted(tmp_path: Path, paused: int) -> None:
    write_pack(tmp_path / "training.npz", tiny_pack())
    write_pack(tmp_path / "other.npz", tiny_pack(split="test"))
    settings = plain(6, adversarial={"weight": 0.5, "alone": 0.3, "start": 0.4, "hidden": 4})
    others = {"unlabelled": [tmp_path / "other.npz"]}
    train(tmp_path, settings, "whole.safetensors", **others)
    calls = iter([False] * (paused - 1) + [True])
    with pytest.raises(Paused):
        train(
            tmp_path,
            settings,
            "pieces.safetensors",
            checkpoint=Resume(tmp_path / "resume", "stamp", lambda: next(calls)),
            **others,
        )
    train(tmp_path, settings, "pieces.safetensors", checkpoint=Resume(tmp_path / "resume", "stamp"), **others)
    train(tmp_path, settings, "other.safetensors", seed=1, **others)
    whole, pieces, other = (read_tensors(tmp_path / f"{n}.safetensors")[0] for n in ("whole", "pieces", "other"))
    assert all(torch.equal(value, pieces[name]) for name, value in whole.items())
    assert not all(torch.equal(value, other[name]) for name, value in whole.items())


def test_dann_reports_the_domains_and_leaves_no_adversary_behind(tmp_path: Path) -> None:
    write_pack(tmp_path / "a.npz", tiny_pack(split="test"))
    write_pack(tmp_path / "b.npz", tiny_pack(split="test"))
    phases = {"weight": 0.3, "alone": 0.25, "start": 0.5}
    heard = train(tmp_path, plain(4, adversarial=phases), unlabelled=[tmp_path / "a.npz", tmp_path / "b.npz"])
    assert "domain_loss" not in heard.rows[0]  # the segmenter alone, then the classifier too, then against it
    assert all({"domain_accuracy", "domain_loss", "segmentation_loss"} <= row.keys() for row in heard.rows[1:])
    assert [row["reversal"] for row in heard.rows[1:]] == pytest.approx([0, 0, 0.3 * reversal_at(0.5)])
    weights, about = read_tensors(tmp_path / "model.safetensors")
    assert sum(value.numel() for value in weights.values()) == 1_625_849
    assert about["architecture"] == "unet2d"
    assert about["fingerprint"] == {"size": SIZE, "spacing_mm": 1.5, "slices": 3, "slice_mm": 8.0}
    with pytest.raises(InputError, match="unlabelled"):
        train(tmp_path, plain(2, adversarial={}))


def test_synthetic_pairs_are_counted_against_real_training_slices(tmp_path: Path) -> None:
    write_pack(tmp_path / "training.npz", tiny_pack())  # 9 slices to train on, 3 to validate
    write_pack(tmp_path / "pairs.npz", tiny_pack(cases=2, split=""))
    settings = settings_from(plain(1, ratio=0.5))
    slices, validation = read_training(settings, [tmp_path / "training.npz"], tmp_path / "pairs.npz", None, "cpu")
    assert (len(slices), len(validation)) == (9 + 4, 3)
    settings = settings_from(plain(1, ratio=1.0))
    with pytest.raises(InputError, match=r"holds 6 synthetic pairs and the arm wants 9"):
        read_training(settings, [tmp_path / "training.npz"], tmp_path / "pairs.npz", None, "cpu")


@pytest.mark.parametrize(("keep_real", "count"), [(True, 18), (False, 9)])
def test_translated_images_join_or_replace_the_real_ones(tmp_path: Path, keep_real: bool, count: int) -> None:
    pack = tiny_pack()
    write_pack(tmp_path / "training.npz", pack)
    looks = dataclasses.replace(pack, images=255 - pack.images)
    write_pack(tmp_path / "translated.npz", looks)
    settings, real = settings_from(plain(1, keep_real=keep_real)), [tmp_path / "training.npz"]
    slices, validation = read_training(settings, real, None, tmp_path / "translated.npz", "cpu")
    assert len(slices) == count
    np.testing.assert_array_equal(slices.images[-9:], looks.split("train").images)
    np.testing.assert_array_equal(slices.labels[-9:], pack.split("train").labels)
    assert validation is not None
    np.testing.assert_array_equal(validation.images, pack.split("val").images)  # always the real ones
    if not keep_real:
        with pytest.raises(InputError, match="translation"):
            read_training(settings, real, None, None, "cpu")


class Bright(torch.nn.Module):
    """Sure of the LV where its one channel is bright, of the RV where it is dark, twice as sure there."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        nothing = torch.zeros_like(images)
        return torch.cat([nothing, images, nothing, -2 * images], dim=1)


def test_an_ensemble_averages_the_probabilities_of_both_looks() -> None:
    """Where the two looks disagree, the surer one wins: dark in one, bright in the other gives RV, never a vote."""
    pack = tiny_pack(cases=1)
    other = dataclasses.replace(pack, images=255 - pack.images)
    both, swapped, one, twice = (
        segment_subject(Segmenter(Bright(), 2), looks, [0], "cpu")
        for looks in ([pack, other], [other, pack], [pack], [pack, pack])
    )
    np.testing.assert_array_equal(both, swapped)
    assert not np.array_equal(both, one)
    np.testing.assert_array_equal(twice, one)


def test_a_translated_pack_of_other_cases_is_refused(tmp_path: Path) -> None:
    train(tmp_path, plain(1))
    write_pack(tmp_path / "test.npz", tiny_pack(cases=2))
    write_pack(tmp_path / "other.npz", tiny_pack(cases=3))
    with pytest.raises(InputError, match=r"other\.npz: holds other cases"):
        predict_domains(
            model=tmp_path / "model.safetensors",
            tests={"toy": tmp_path / "test.npz"},
            translated={"toy": tmp_path / "other.npz"},
            subjects={"toy": tmp_path / "subjects.csv"},
            folder=tmp_path / "out",
            batch=4,
            device="cpu",
            report=Heard(),
        )


def test_a_frozen_segmenter_labels_generated_and_held_out_slices(tmp_path: Path) -> None:
    train(tmp_path, plain(2))
    write_pack(tmp_path / "images.npz", tiny_pack(cases=2))
    label_generated(
        model=tmp_path / "model.safetensors",
        training=tmp_path / "training.npz",
        synthetic=tmp_path / "images.npz",
        predicted=tmp_path / "predicted.npz",
        batch=4,
        device="cpu",
        report=Heard(),
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
        report=Heard(),
    )
    with np.load(tmp_path / "predicted.npz") as found:
        np.testing.assert_array_equal(read_labels(tmp_path / "labels.npz"), found["synthetic"])


def test_two_training_packs_are_one_and_unknown_structures_stay_unknown() -> None:
    slices = gather([tiny_pack(), tiny_pack(annotated=("LV",))], "cpu")
    assert (len(slices), int(slices.case.max())) == (24, 7)
    assert slices.known[0].tolist() == [True] * 4
    assert slices.known[-1].tolist() == [True, True, False, False]


def test_volume_dice_pools_a_volumes_slices_and_skips_the_unknown() -> None:
    slices = gather([tiny_pack(cases=1), tiny_pack(cases=1, annotated=("LV", "MYO"))], "cpu")
    assert volume_dice(slices.labels.long(), slices) == {"LV": 1.0, "MYO": 1.0, "RV": 1.0, "dice": 1.0}
    half = slices.labels.long()
    half[1:3] = 0
    found, real = int((half[:3] == 3).sum()), int((slices.labels[:3] == 3).sum())
    half[3:][half[3:] == 3] = 0  # not annotated there: missing it costs nothing
    assert volume_dice(half, slices)["RV"] == pytest.approx(2 * found / (found + real))


def test_settings_name_what_they_do_not_know() -> None:
    with pytest.raises(InputError, match="colour"):
        settings_from(plain(1, augment={"colour": 1}))
    assert settings_from(plain(1)).augment.scale == (0.9, 1.1)
    data = Fingerprint(SIZE, 1.5, 3, 8.0)
    trainees = [build_trainee(settings_from(plain(1)), data, 1, seed).state_dict() for seed in (0, 0, 1)]
    first, same, other = (torch.cat([v.flatten() for v in state.values()]) for state in trainees)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
