"""Conditions of label diffusion: read off a pack, drawn as often as they occur, and obeyed by guidance."""

from pathlib import Path

import numpy as np
import pytest
import torch

from cmrbridge.core.geometry import Grid
from cmrbridge.core.pack import Case, Pack
from cmrbridge.errors import InputError
from cmrbridge.masks.conditions import LEVELS, Vocabulary, levels, read_conditions, vocabulary_from
from cmrbridge.masks.model import LabelDenoiser, guided

GRID = Grid((8, 8, 6), (1, 1, 8), False, False, False, (3.5, 3.5), 8, 1.0)


def cone(widths: list[int], case: int = 0) -> np.ndarray:
    """Slices (n, 8, 8) with a square heart of these widths."""
    labels = np.zeros((len(widths), 8, 8), np.uint8)
    for mask, width in zip(labels, widths):
        mask[:width, :width] = 2
        mask[1 : width - 1, 1 : width - 1] = 1
    return labels


def pack_of(*stacks: list[int], pathology: tuple[str, ...] = ("DCM", "NOR")) -> Pack:
    labels = np.concatenate([cone(stack) for stack in stacks])
    phases = ("ED", "ES")
    return Pack(
        images=labels,
        labels=labels,
        case=np.repeat(np.arange(len(stacks)), [len(stack) for stack in stacks]).astype(np.int32),
        position=np.concatenate([np.arange(len(stack)) for stack in stacks]).astype(np.int32),
        cases=tuple(
            Case("toy", "toy", f"s{i}", phases[i % 2], "train", ("LV", "MYO", "RV"), (8, 1, 1), GRID, "", pathology[i])
            for i in range(len(stacks))
        ),
    )


def test_the_apex_is_where_the_heart_is_narrow_whichever_way_the_file_runs() -> None:
    pack = pack_of([6, 6, 5, 5, 3, 2], [2, 4, 6])
    assert levels(pack, np.arange(9)) == ["base", "base", "mid", "mid", "apex", "apex", "apex", "mid", "base"]


def test_codes_say_level_phase_and_pathology() -> None:
    pack = pack_of([6, 5, 2], [6, 5, 2])
    vocabulary, codes = read_conditions(pack, np.arange(6), ("level", "phase", "pathology"))
    assert vocabulary.values == (LEVELS, ("ED", "ES"), ("DCM", "NOR"))
    assert codes.tolist() == [[1, 1, 1], [2, 1, 1], [3, 1, 1], [1, 2, 2], [2, 2, 2], [3, 2, 2]]
    assert vocabulary.words(codes[:1]) == [{"level": "base", "phase": "ED", "pathology": "DCM"}]
    again = vocabulary_from(vocabulary.plain())
    assert again.values == vocabulary.values
    assert np.array_equal(again.seen, vocabulary.seen)


def test_what_no_subject_has_and_what_nobody_knows_is_refused() -> None:
    pack = pack_of([6, 5, 2], pathology=("",))
    with pytest.raises(InputError, match="no subject of the source has a pathology"):
        read_conditions(pack, np.arange(3), ("pathology",))
    with pytest.raises(InputError, match=r"smoker.*level, phase, pathology"):
        read_conditions(pack, np.arange(3), ("smoker",))


def test_combinations_are_drawn_as_often_as_they_occur() -> None:
    seen = np.repeat([[1], [2]], [30, 10], axis=0)
    drawn = Vocabulary(("level",), (("base", "mid"),), seen).draw(400, np.random.default_rng(0))
    assert drawn[:, 0].tolist().count(1) == 300
    few = Vocabulary(("level",), (("base", "mid"),), seen).draw(4, np.random.default_rng(0))
    assert sorted(few[:, 0].tolist()) == [1, 1, 1, 2]


def test_guidance_of_one_is_the_condition_and_of_two_goes_as_far_again() -> None:
    torch.manual_seed(0)
    network = LabelDenoiser((8, 16), 1, 2, [3, 2]).eval()
    x, time = torch.randn(2, 4, 8, 8), torch.tensor([500, 500])
    codes = torch.tensor([[1, 2], [3, 1]])
    with torch.no_grad():
        free, asked = network(x, time), network(x, time, codes)
        assert not torch.allclose(free, asked)
        torch.testing.assert_close(guided(network, codes, 1.0)(x, time), asked)
        torch.testing.assert_close(guided(network, codes, 2.0)(x, time), 2 * asked - free, atol=1e-5, rtol=0)


def test_a_conditional_training_samples_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trained with conditions, sampled with guidance, each mask's wish written down."""
    import csv

    from cmrbridge.core.pack import write_pack
    from cmrbridge.masks import sample as sampling
    from cmrbridge.masks.model import MaskTraining
    from cmrbridge.masks.sample import MaskSampling, load_model
    from cmrbridge.masks.train import train_label_diffusion

    write_pack(tmp_path / "training.npz", pack_of([6, 5, 3], [6, 5, 3]))
    train_label_diffusion(
        settings=MaskTraining(steps=2, learning_rate=1e-3, batch=2, channels=(8, 16), conditions=("level", "phase")),
        training=tmp_path / "training.npz",
        model=tmp_path / "model.safetensors",
        samples=tmp_path / "samples.png",
        seed=0,
        checkpoint=None,
        device="cpu",
        report=lambda step, total=None, **values: None,
    )
    trained = load_model(tmp_path / "model.safetensors", "cpu")
    assert trained.vocabulary.names == ("level", "phase")
    monkeypatch.setattr(sampling, "_judge", lambda real, pixel: lambda mask: dict.fromkeys(sampling.JUDGED, True))
    sampling.sample_masks(
        settings=MaskSampling(ratio=1.0, calls=2, batch=4, guidance=2.0),
        training=tmp_path / "training.npz",
        model=tmp_path / "model.safetensors",
        masks=tmp_path / "masks.npz",
        gallery=tmp_path / "gallery.png",
        validity=tmp_path / "validity.csv",
        conditions=tmp_path / "conditions.csv",
        seed=0,
        checkpoint=None,
        device="cpu",
        report=lambda step, total=None, **values: None,
    )
    rows = list(csv.DictReader((tmp_path / "conditions.csv").open()))
    assert [row["mask"] for row in rows] == [str(i) for i in range(6)]
    assert {row["phase"] for row in rows} == {"ED", "ES"}
