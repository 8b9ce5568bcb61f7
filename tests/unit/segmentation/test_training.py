"""Training on tiny packs: it repeats, resumes bit for bit, mixes real, generated and redrawn images, and confuses."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cmrbridge.core.checkpoint import Paused, Resume, read_tensors
from cmrbridge.core.pack import Pack, write_pack
from cmrbridge.errors import InputError
from cmrbridge.segmentation.adversarial import reversal_at
from cmrbridge.segmentation.architectures.fingerprint import Fingerprint
from cmrbridge.segmentation.slices import gather
from cmrbridge.segmentation.train import build_trainee, read_training, settings_from
from cmrbridge.segmentation.validate import volume_dice

SIZE = 32
ToyPack = Callable[..., Pack]
Settings = Callable[..., dict[str, Any]]
Train = Callable[..., list[dict[str, float]]]


@pytest.mark.parametrize("paused", [1, 3], ids=["before the classifier joins", "after"])
def test_same_seed_same_weights_and_resumed_equals_uninterrupted(
    tmp_path: Path, paused: int, toy_hearts: ToyPack, plain: Settings, train: Train
) -> None:
    write_pack(tmp_path / "training.npz", toy_hearts())
    write_pack(tmp_path / "other.npz", toy_hearts(split="test"))
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


def test_dann_reports_the_domains_and_leaves_no_adversary_behind(
    tmp_path: Path, toy_hearts: ToyPack, plain: Settings, train: Train
) -> None:
    write_pack(tmp_path / "a.npz", toy_hearts(split="test"))
    write_pack(tmp_path / "b.npz", toy_hearts(split="test"))
    phases = {"weight": 0.3, "alone": 0.25, "start": 0.5}
    rows = train(tmp_path, plain(4, adversarial=phases), unlabelled=[tmp_path / "a.npz", tmp_path / "b.npz"])
    assert "domain_loss" not in rows[0]  # the segmenter alone, then the classifier too, then against it
    assert all({"domain_accuracy", "domain_loss", "segmentation_loss"} <= row.keys() for row in rows[1:])
    assert [row["reversal"] for row in rows[1:]] == pytest.approx([0, 0, 0.3 * reversal_at(0.5)])
    weights, about = read_tensors(tmp_path / "model.safetensors")
    assert sum(value.numel() for value in weights.values()) == 1_625_849
    assert about["architecture"] == "unet2d"
    assert about["fingerprint"] == {"size": SIZE, "spacing_mm": 1.5, "slices": 3, "slice_mm": 8.0}
    with pytest.raises(InputError, match="unlabelled"):
        train(tmp_path, plain(2, adversarial={}))


def test_synthetic_pairs_are_counted_against_real_training_slices(
    tmp_path: Path, toy_hearts: ToyPack, plain: Settings
) -> None:
    write_pack(tmp_path / "training.npz", toy_hearts())  # 9 slices to train on, 3 to validate
    write_pack(tmp_path / "pairs.npz", toy_hearts(cases=2, split=""))
    settings = settings_from(plain(1, ratio=0.5))
    slices, validation = read_training(settings, [tmp_path / "training.npz"], tmp_path / "pairs.npz", None, "cpu")
    assert (len(slices), len(validation)) == (9 + 4, 3)
    settings = settings_from(plain(1, ratio=1.0))
    with pytest.raises(InputError, match=r"holds 6 synthetic pairs and the arm wants 9"):
        read_training(settings, [tmp_path / "training.npz"], tmp_path / "pairs.npz", None, "cpu")


@pytest.mark.parametrize(("keep_real", "count"), [(True, 18), (False, 9)])
def test_translated_images_join_or_replace_the_real_ones(
    tmp_path: Path, keep_real: bool, count: int, toy_hearts: ToyPack, plain: Settings
) -> None:
    pack = toy_hearts()
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


def test_two_training_packs_are_one_and_unknown_structures_stay_unknown(toy_hearts: ToyPack) -> None:
    slices = gather([toy_hearts(), toy_hearts(annotated=("LV",))], "cpu")
    assert (len(slices), int(slices.case.max())) == (24, 7)
    assert slices.known[0].tolist() == [True] * 4
    assert slices.known[-1].tolist() == [True, True, False, False]


def test_volume_dice_pools_a_volumes_slices_and_skips_the_unknown(toy_hearts: ToyPack) -> None:
    slices = gather([toy_hearts(cases=1), toy_hearts(cases=1, annotated=("LV", "MYO"))], "cpu")
    assert volume_dice(slices.labels.long(), slices) == {"LV": 1.0, "MYO": 1.0, "RV": 1.0, "dice": 1.0}
    half = slices.labels.long()
    half[1:3] = 0
    found, real = int((half[:3] == 3).sum()), int((slices.labels[:3] == 3).sum())
    half[3:][half[3:] == 3] = 0  # not annotated there: missing it costs nothing
    assert volume_dice(half, slices)["RV"] == pytest.approx(2 * found / (found + real))


def test_settings_name_what_they_do_not_know(plain: Settings) -> None:
    with pytest.raises(InputError, match="colour"):
        settings_from(plain(1, augment={"colour": 1}))
    assert settings_from(plain(1)).augment.scale == (0.9, 1.1)
    data = Fingerprint(SIZE, 1.5, 3, 8.0)
    trainees = [build_trainee(settings_from(plain(1)), data, 1, seed).state_dict() for seed in (0, 0, 1)]
    first, same, other = (torch.cat([v.flatten() for v in state.values()]) for state in trainees)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
