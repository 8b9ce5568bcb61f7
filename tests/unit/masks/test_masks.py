"""Label diffusion end to end on a handful of drawn hearts, and its parts against exact answers."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cmrbridge.core.anatomy import check_mask
from cmrbridge.core.checkpoint import Paused, Resume, read_tensors
from cmrbridge.core.geometry import Grid
from cmrbridge.core.labels import labelled_slices, read_labels, write_labels
from cmrbridge.core.pack import Case, Pack, read_pack, write_pack
from cmrbridge.errors import InputError
from cmrbridge.masks import sample as sampling
from cmrbridge.masks.model import MaskTraining, build
from cmrbridge.masks.sample import MaskSampling, load_model, sample_masks
from cmrbridge.masks.train import possible_hearts, train_label_diffusion
from reporters import silent

TINY = MaskTraining(steps=4, learning_rate=1e-3, batch=2, channels=(8, 16), fold=2, report_every=2, checkpoint_every=1)
SIZE = 16


def heart(size: int = SIZE) -> NDArray[np.uint8]:
    """A round LV in its ring, with an RV beside it."""
    y, x = np.mgrid[:size, :size] - size / 2
    labels = np.where((np.hypot(y, x - 4) < 4), 3, 0)
    labels[np.hypot(y, x) < 4.5] = 2
    labels[np.hypot(y, x) < 2.5] = 1
    return labels.astype(np.uint8)


def case(split: str, annotated: tuple[str, ...] = ("LV", "MYO", "RV")) -> Case:
    grid = Grid((SIZE, SIZE, 2), (1, 1, 8), False, False, False, (7.5, 7.5), SIZE, 1.0)
    return Case("toy", "toy", f"subject-{split}", "ED", split, annotated, (8, 1, 1), grid)


@pytest.fixture
def training(tmp_path: Path) -> Path:
    labels = np.stack([heart(), np.zeros_like(heart()), heart(), heart()])
    pack = Pack(
        images=labels * 60,
        labels=labels,
        case=np.array([0, 0, 1, 2], np.int32),
        position=np.array([0, 1, 0, 0], np.int32),
        cases=(case("train"), case("val"), case("train", ("LV", "MYO"))),
    )
    write_pack(tmp_path / "training.npz", pack)
    return tmp_path / "training.npz"


def train(training: Path, name: str = "model", checkpoint: Resume | None = None) -> Path:
    model = training.with_name(f"{name}.safetensors")
    train_label_diffusion(
        settings=TINY,
        training=training,
        model=model,
        samples=training.with_name("samples.png"),
        seed=3,
        checkpoint=checkpoint,
        device="cpu",
        report=silent,
    )
    return model


def test_resumed_training_writes_the_same_file(training: Path) -> None:
    whole = train(training, "whole").read_bytes()
    state = training.with_name("state")
    with pytest.raises(Paused):
        train(training, "cut", Resume(state, "s", stop=state.exists))
    assert train(training, "cut", Resume(state, "s")).read_bytes() == whole
    assert training.with_name("samples.png").read_bytes().startswith(b"\x89PNG")


def test_the_model_file_alone_rebuilds_the_averaged_network(training: Path) -> None:
    model = train(training)
    trained = load_model(model, "cpu")
    tensors, _ = read_tensors(model)
    assert trained.size == SIZE
    assert list(trained.settings.channels) == [8, 16]
    for name, value in trained.network.named_parameters():
        assert torch.equal(value, tensors[f"average.{name}"])


def test_only_slices_with_every_structure_annotated_are_learnt(training: Path) -> None:
    images, labels = labelled_slices(read_pack(training), "train")
    assert len(images) == len(labels) == 1  # neither the empty slice nor the case without RV
    pack = read_pack(training)
    write_pack(training, pack.select([2]))
    with pytest.raises(InputError, match=r"training\.npz.*carries all of LV, MYO, RV"):
        train(training)


def test_sampling_drops_counts_and_tops_up(training: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every other mask drawn is broken: half of the samples count as valid, and none of the others is written."""
    model, out = train(training), training.parent

    def draw(network: object, count: int, size: int, *_: object, **__: object) -> NDArray[np.uint8]:
        bad = heart()
        bad[0, 0] = 2
        return np.stack([heart(), bad] * (count // 2))

    monkeypatch.setattr(sampling, "draw_masks", draw)
    arguments = {
        "training": training,
        "model": model,
        "masks": out / "masks.npz",
        "gallery": out / "gallery.png",
        "validity": out / "validity.csv",
        "conditions": out / "conditions.csv",
        "seed": 0,
        "checkpoint": None,
        "device": "cpu",
        "report": silent,
    }
    slices = len(read_pack(training).split("train").images)
    sample_masks(settings=MaskSampling(ratio=5 / slices, batch=4), **arguments)
    masks = read_labels(out / "masks.npz")
    assert len(masks) == 5
    assert all(all(check_mask(mask).values()) for mask in masks)
    rows = {row["rule"]: row for row in csv.DictReader((out / "validity.csv").open())}
    assert list(rows) == [*sampling.JUDGED, "all"]
    assert rows["all"] == {
        "rule": "all",
        "samples": "0.5000",
        "held_out": "1.0000",
        "n_samples": "12",
        "n_held_out": "1",
    }
    assert rows["myo_one_piece"]["samples"] == "0.5000"
    monkeypatch.setattr(
        sampling, "draw_masks", lambda n, count, size, *_, **__: np.zeros((count, size, size), np.uint8)
    )
    with pytest.raises(InputError, match="more steps"):
        sample_masks(settings=MaskSampling(ratio=4, batch=4), **arguments)


def test_a_wall_thicker_than_any_real_one_is_no_possible_heart(training: Path) -> None:
    _, real = labelled_slices(read_pack(training), "train")
    judge = sampling._judge(np.concatenate([real, real]), 1.0)
    assert all(judge(heart()).values())
    thick = np.where((heart() == 1) & (np.hypot(*(np.mgrid[:SIZE, :SIZE] - SIZE / 2)) > 1), 2, heart())
    verdict = judge(thick.astype(np.uint8))
    assert [rule for rule, kept in verdict.items() if not kept] == ["wall_thickness"]


def test_only_possible_hearts_are_learnt_from(training: Path) -> None:
    pack = read_pack(training)
    assert pack.labels is not None
    open_ring = heart()
    open_ring[: SIZE // 2] = 0
    pack.labels[1] = open_ring
    write_pack(training, pack)
    np.testing.assert_array_equal(possible_hearts(training, ())[0], heart()[None])
    pack.labels[:] = open_ring
    write_pack(training, pack)
    with pytest.raises(InputError, match="none of 2 masks is a possible heart"):
        possible_hearts(training, ())


def test_sampling_repeats(training: Path) -> None:
    trained = load_model(train(training), "cpu")
    draws = [
        sampling.draw_masks(
            trained.network, 2, SIZE, trained.settings, calls=2, generator=torch.Generator().manual_seed(seed)
        )
        for seed in (1, 1, 2)
    ]
    assert draws[0].shape == (2, SIZE, SIZE)
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


@pytest.mark.parametrize("fold", [1, 2])
def test_network_keeps_the_shape(fold: int) -> None:
    network = build(MaskTraining(steps=1, learning_rate=1, channels=(8, 16), fold=fold), ())
    x = torch.randn(2, 4, SIZE, SIZE)
    assert network(x, torch.tensor([3, 900])).shape == x.shape


def test_no_average_is_refused() -> None:
    with pytest.raises(InputError, match="average"):
        MaskTraining(steps=1, learning_rate=1, average=0)


def test_damaged_mask_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "masks.npz"
    write_labels(path, heart()[None])
    assert np.array_equal(read_labels(path), heart()[None])
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"masks\.npz"):
        read_labels(path)
    write_labels(path, heart()[None] + 9)
    with pytest.raises(InputError, match="below 4"):
        read_labels(path)
