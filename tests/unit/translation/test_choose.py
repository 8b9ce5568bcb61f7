"""Measures, shading and simulated shifts against exact answers and an oracle; the choice on made-up candidates."""

import csv
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from cmrbridge.core.checkpoint import write_model
from cmrbridge.core.geometry import Grid
from cmrbridge.core.labels import write_labels
from cmrbridge.core.pack import Case, Pack, read_pack, write_pack
from cmrbridge.errors import InputError
from cmrbridge.translation.choose import (
    COLUMNS,
    UNTRANSLATED,
    Candidates,
    _choice,
    choose_translation,
    read_choice,
    translate_candidates,
)
from cmrbridge.translation.model import KIND, TranslationTraining, build
from cmrbridge.translation.quality import dice, edge_distance, psnr, ssim
from cmrbridge.translation.settings import Translation
from cmrbridge.translation.shading import FLOOR, blurred, evened, shading
from cmrbridge.translation.shifts import SHIFTS, UNSHIFTED, shifted

SIZE = 16


def volume(seed: int = 0, slices: int = 2, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(seed).integers(20, 200, (slices, size, size), np.uint8)


def test_psnr_and_ssim_agree_with_scikit_image() -> None:
    truth = np.rint(blurred(volume(1, size=40), 2)).astype(np.uint8)
    images = np.clip(truth + np.random.default_rng(2).normal(0, 8, truth.shape), 0, 255).astype(np.uint8)
    for one, two, decibel, index in zip(images, truth, psnr(images, truth), ssim(images, truth)):
        assert decibel == pytest.approx(peak_signal_noise_ratio(two, one, data_range=255))
        expected = structural_similarity(one, two, data_range=255, gaussian_weights=True, use_sample_covariance=False)
        assert index == pytest.approx(expected, abs=1e-6)


def test_edges_a_known_way_apart() -> None:
    one, two = np.zeros((2, 1, SIZE, SIZE), np.uint8)
    one[0, 4, 4], two[0, 4, 7] = 1, 1
    one[0, 10, 10] = 3  # the other stack lacks it: no outline to measure by
    assert edge_distance(one, two, 2.5) == pytest.approx(7.5)
    assert edge_distance(one, one, 2.5) == 0
    assert np.isnan(edge_distance(one, np.zeros_like(one), 2.5))


def test_dice_is_a_mean_over_the_structures_that_are_there() -> None:
    one, two = np.zeros((2, 1, SIZE, SIZE), np.uint8)
    one[0, :2, 0] = two[0, :2, 0] = 1
    two[0, 5, 5] = 3
    assert dice(one, two) == pytest.approx(0.5)


def test_evening_towards_a_brighter_field_multiplies_by_its_excess() -> None:
    images = volume()
    towards = shading(images) + np.float32(0.2)
    expected = (images + FLOOR) * np.exp(0.1) - FLOOR
    np.testing.assert_allclose(evened(images, towards, 0.5), np.minimum(expected, 255), rtol=1e-4)
    assert np.array_equal(evened(images, towards, 0.0), images)


def test_evening_takes_a_slope_out() -> None:
    flat = np.full((3, 64, 64), 100, np.uint8)
    sloped = (flat * np.linspace(0.5, 1.5, 64)).astype(np.uint8)
    after = evened(sloped, shading(flat), 1.0)
    assert after[:, 32].std() < 0.25 * sloped[:, 32].std()


@pytest.mark.parametrize("name", SHIFTS)
def test_a_shift_changes_the_images_and_can_be_drawn_again(name: str) -> None:
    images = volume()
    one, two = (shifted(images, name, 4, 0) for _ in range(2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, shifted(images, name, 5, 0))
    assert abs(one.astype(int) - images).mean() > 2
    assert np.array_equal(shifted(images, UNSHIFTED, 4, 0), images)


def case(subject: str, phase: str) -> Case:
    grid = Grid((SIZE, SIZE, 2), (1.5, 1.5, 8), True, False, False, (7.5, 7.5), SIZE, 1.5)
    return Case("toy", "toy", subject, phase, "val", ("LV", "MYO", "RV"), (8, 1.5, 1.5), grid)


def labels() -> np.ndarray:
    out = np.zeros((2, SIZE, SIZE), np.uint8)
    out[:, 4:12, 4:12], out[:, 6:10, 6:10], out[:, 5:11, :4] = 2, 1, 3
    return out


@pytest.fixture
def made_up(tmp_path: Path) -> Path:
    """Candidates "good", which restores, and "bad", which spoils every image; and what a segmenter makes of them."""
    truth, wrong = volume(), 255 - volume()
    names = [(name, shift) for shift in (UNSHIFTED, "coil") for name in (UNTRANSLATED, "good", "bad")]
    fine = [name == "good" or (name, shift) == (UNTRANSLATED, UNSHIFTED) for name, shift in names]
    pack = Pack(
        images=np.concatenate([truth if one else wrong for one in fine]),
        labels=np.tile(labels(), (len(names), 1, 1)),
        case=np.repeat(np.arange(len(names), dtype=np.int32), 2),
        position=np.tile(np.arange(2, dtype=np.int32), len(names)),
        cases=tuple(case(*name) for name in names),
    )
    write_pack(tmp_path / "candidates.npz", pack)
    shifted_by_one = np.roll(labels(), 1, axis=2)
    write_labels(tmp_path / "predicted.npz", np.concatenate([labels() if one else shifted_by_one for one in fine]))
    return tmp_path


def choose(folder: Path, *names: str) -> dict:
    candidates = Candidates({name: Translation("ilvr", factor=4 if name == "good" else 8) for name in names})
    choose_translation(
        settings=candidates,
        candidates=folder / "candidates.npz",
        predicted=folder / "predicted.npz",
        choice=folder / "choice.json",
        table=folder / "table.csv",
    )
    return json.loads((folder / "choice.json").read_text())


def test_what_restores_is_chosen_with_its_settings_and_its_table(made_up: Path) -> None:
    chosen = choose(made_up, "bad", "good")
    assert chosen["chosen"] == "good"
    assert read_choice(made_up / "choice.json") == Translation("ilvr", factor=4)
    with (made_up / "table.csv").open() as stream:
        rows = {(row["candidate"], row["shift"]): row for row in csv.DictReader(stream)}
    assert tuple(rows["good", "coil"]) == COLUMNS
    assert float(rows["good", "coil"]["dice"]) == 1 > float(rows["good", "coil"]["dice_before"])
    assert float(rows["bad", UNSHIFTED]["dice_before"]) == 1
    assert float(rows["good", "coil"]["edge_mm"]) == 0 < float(rows["good", "coil"]["edge_mm_before"])


def test_gains_in_dice_that_hardly_differ_leave_the_choice_to_psnr() -> None:
    settings = Candidates({name: Translation("ilvr") for name in "abc"})
    assert _choice({"a": (0.0306, 1.0), "b": (0.0304, 2.0), "c": (0.0290, 3.0)}, settings)["chosen"] == "b"
    # where the best helps by less than that, one that harms is no rival
    assert _choice({"a": (0.0005, 1.0), "b": (-0.0003, 2.0)}, settings)["chosen"] == "a"


def test_who_insists_gets_the_best_of_what_does_not_help() -> None:
    named = {"a": {"method": "dda"}, "b": {"method": "ilvr"}}
    scores = {"a": (-0.02, 1.0), "b": (-0.01, -1.0)}
    found = _choice(scores, Candidates(named, insist=True))
    assert (found["chosen"], found["settings"]["method"]) == ("b", "ilvr")
    assert "no candidate helps; the best is taken all the same: b" in found["why"]
    assert _choice(scores, Candidates(named))["chosen"] == "none"


def test_where_nothing_helps_the_choice_is_to_leave_images_alone(made_up: Path) -> None:
    chosen = choose(made_up, "bad")
    assert chosen["chosen"] == UNTRANSLATED
    assert "no candidate helps" in chosen["why"]
    assert read_choice(made_up / "choice.json") == Translation("none", even=0.0, reshade=0.0)


def test_what_a_user_can_get_wrong_is_told(made_up: Path) -> None:
    write_labels(made_up / "predicted.npz", labels())
    with pytest.raises(InputError, match="delete it and run again"):
        choose(made_up, "good")
    with pytest.raises(InputError, match="at least one"):
        Candidates({})
    (made_up / "choice.json").write_text('{"settings": {"methods": 1}}')
    with pytest.raises(InputError, match="not a choice"):
        read_choice(made_up / "choice.json")


def test_candidates_hold_every_shift_with_and_without_translation(tmp_path: Path) -> None:
    trained = TranslationTraining(steps=1, learning_rate=1e-3, channels=(8, 8))
    network = build(trained, SIZE)
    average = {name: value.detach().clone() for name, value in network.named_parameters()}
    write_model(tmp_path / "model", network, average, {"kind": KIND, "size": SIZE, "settings": asdict(trained)})
    pack = Pack(volume(), labels(), np.zeros(2, np.int32), np.arange(2, dtype=np.int32), (case("one", "ED"),))
    write_pack(tmp_path / "training.npz", pack)
    translate_candidates(
        settings=Candidates({"even": {"method": "none", "even": 0.5, "reshade": 0}}, slices=1),  # type: ignore[dict-item]
        model=tmp_path / "model",
        training=tmp_path / "training.npz",
        candidates=tmp_path / "candidates.npz",
        seed=7,
        device="cpu",
        report=lambda *_, **__: None,
    )
    made = read_pack(tmp_path / "candidates.npz")
    assert made.labels is not None
    assert pack.labels is not None
    names = [(one.subject, one.phase) for one in made.cases]
    assert names == [(name, shift) for shift in [UNSHIFTED, *SHIFTS] for name in (UNTRANSLATED, "even")]
    assert np.array_equal(made.images[0], pack.images[1])  # the only slice of each volume is its middle one
    for index, (name, shift) in enumerate(names):
        moved = shifted(pack.images, shift, 7, 0)
        expected = evened(moved, np.zeros((SIZE, SIZE), np.float32), 0.5) if name == "even" else moved
        assert abs(made.images[index] - expected[1]).max() <= 0.5001
        assert np.array_equal(made.labels[index], pack.labels[1])
