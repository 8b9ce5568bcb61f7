"""The score of unlikeness: closed forms, scikit-learn as oracle, false alarms as promised, shifts that are seen."""

import json
from pathlib import Path

import numpy as np
import pytest

from cmrbridge.core.geometry import Grid
from cmrbridge.core.pack import Case, Pack, write_pack
from cmrbridge.errors import InputError
from cmrbridge.evaluation.texture import middle, subject_texture
from cmrbridge.evaluation.unlike import (
    ALARMS,
    Likeness,
    calibrated,
    conformal_limit,
    distance,
    fit,
    fit_unlike,
    left_out,
    score,
    shrinkage,
)

WIDTH = 122  # features of `texture`


def people(count: int, generator: np.random.Generator, shift: float = 0.0) -> np.ndarray:
    """Features that vary together in few directions, as those of one scanner's subjects do."""
    mixing = np.random.default_rng(0).normal(size=(6, WIDTH))
    return 0.3 * generator.normal(size=(count, 6)) @ mixing + 0.1 * generator.normal(size=(count, WIDTH)) + shift


def test_distance_weighs_each_direction_by_its_spread() -> None:
    flat = Likeness(np.array([1.0, 1, 1]), np.array([2.0, 2, 2]), np.array([[1.0, 0, 0]]), np.array([4.0]), 0.25)
    found = distance(np.array([[1.0, 1, 1], [5, 1, 1], [1, 2, 1]]), flat)
    assert found == pytest.approx([0, np.sqrt(4 / 4 / 3), np.sqrt(0.25 / 0.25 / 3)])


def test_the_covariance_is_shrunk_as_ledoit_and_wolf_say() -> None:
    features = people(20, np.random.default_rng(1))
    centred = features - features.mean(axis=0)
    weight, sphere = shrinkage(centred)
    oracle = pytest.importorskip("sklearn.covariance").LedoitWolf(assume_centered=True).fit(centred)
    assert weight == pytest.approx(oracle.shrinkage_, rel=1e-6)
    assert sphere == pytest.approx((centred**2).mean(), rel=1e-9)


def test_the_distance_is_mahalanobis_of_the_shrunk_covariance() -> None:
    generator = np.random.default_rng(2)
    features, others = people(30, generator), people(5, generator)
    likeness = fit(features)
    scaled = (features - likeness.mean) / likeness.scale
    oracle = pytest.importorskip("sklearn.covariance").LedoitWolf(assume_centered=True).fit(scaled)
    precision = np.linalg.inv(oracle.covariance_)
    away = (others - likeness.mean) / likeness.scale
    assert distance(others, likeness) == pytest.approx(np.sqrt(np.einsum("ni,ij,nj->n", away, precision, away) / WIDTH))


@pytest.mark.parametrize(("count", "place"), [(19, 19), (39, 38), (99, 95), (4, 4)])
def test_the_limit_is_conformal(count: int, place: int) -> None:
    assert conformal_limit(np.arange(1.0, count + 1)) == place


def test_of_more_of_the_same_hardly_any_is_called_unlike_however_few_there_were() -> None:
    """Promised: ALARMS from 19 subjects on, and 1 in n + 1 of fewer; 400 new subjects in each of 25 studies."""
    generator = np.random.default_rng(3)
    for known, held in ((24, 8), (8, 3)):
        rates = []
        for _ in range(25):
            model = calibrated(people(known, generator), people(held, generator))
            rates.append((distance(people(400, generator), likeness_of(model)) > model["limit"]).mean())
        assert np.mean(rates) <= max(ALARMS, 1 / (known + held + 1)) + 0.02
        assert np.mean(rates) > 0.002, "a limit that nothing passes warns of nothing"


def test_validation_subjects_alone_would_not_do() -> None:
    """Why the training subjects join: three validation subjects' largest score is passed by one new one in four."""
    generator = np.random.default_rng(4)
    rates = []
    for _ in range(40):
        model = calibrated(people(24, generator), people(3, generator))
        rates.append((distance(people(200, generator), likeness_of(model)) > max(model["validation"])).mean())
    assert np.mean(rates) > 0.15


def test_a_subject_that_was_left_out_scores_as_a_new_one() -> None:
    generator = np.random.default_rng(5)
    known = people(24, generator)
    assert np.median(left_out(known)) == pytest.approx(np.median(distance(people(500, generator), fit(known))), rel=0.1)
    assert np.median(distance(known, fit(known))) < 0.8 * np.median(left_out(known)), "one that is within does not"


def test_another_scanner_is_unlike() -> None:
    generator = np.random.default_rng(6)
    model = calibrated(people(24, generator), people(8, generator))
    assert (distance(people(50, generator, shift=0.5), likeness_of(model)) > model["limit"]).mean() > 0.95


def test_subjects_that_do_not_differ_make_no_division_by_zero() -> None:
    model = calibrated(np.ones((5, WIDTH)), np.ones((2, WIDTH)))
    assert model["limit"] == 0
    assert distance(np.full((1, WIDTH), 2.0), likeness_of(model)) > 0


def test_images_are_scored_from_plain_json_whatever_their_brightness() -> None:
    generator = np.random.default_rng(7)
    y, x = np.mgrid[:32, :32]

    def stack(period: float) -> np.ndarray:
        waves = np.sin(2 * np.pi * (x + generator.uniform(0, 9)) / period + y / 9)
        return (120 + 40 * waves + generator.normal(0, 8, (5, 32, 32))).clip(0, 255).astype(np.uint8)

    known, held = (np.array([subject_texture([stack(8), stack(8)]) for _ in range(count)]) for count in (12, 8))
    model = calibrated(known, held)
    text = json.dumps(model)
    assert len(text) < 200_000
    new = stack(8)
    same, darker, other = (score([shown], json.loads(text)) for shown in (new, new // 2, stack(4)))
    assert darker.score == pytest.approx(same.score, rel=0.3)
    assert other.score > 2 * same.score
    assert other.warn
    assert other.rarer == pytest.approx(1 / 21)
    assert other.limit == model["limit"]


def pack_of(folder: Path, train: int) -> Path:
    """training.npz of so many training subjects and one for validation, a stack of two noisy slices each."""
    grid = Grid((32, 32, 2), (1.5, 1.5, 8.0), False, False, False, (16.0, 16.0), 32, 1.5)
    splits = [*["train"] * train, "val"]
    cases = tuple(Case("toy", "toy", f"s{i}", "ED", split, (), (8.0, 1.5, 1.5), grid) for i, split in enumerate(splits))
    images = np.random.default_rng(8).integers(0, 256, (2 * len(cases), 32, 32), np.uint8)
    case, position = np.repeat(np.arange(len(cases)), 2), np.tile([0, 1], len(cases))
    write_pack(folder / "training.npz", Pack(images, None, case.astype(np.int32), position.astype(np.int32), cases))
    return folder / "training.npz"


def test_three_training_subjects_and_one_are_enough_and_fewer_are_refused(tmp_path: Path) -> None:
    chosen, unlike = tmp_path / "chosen.json", tmp_path / "unlike.json"
    chosen.write_text('{"training": ["toy"]}')
    fit_unlike(chosen=chosen, training={"toy": pack_of(tmp_path, 3)}, unlike=unlike)
    assert len(json.loads(unlike.read_text())["calibration"]) == 4
    with pytest.raises(InputError, match=r"toy: 2 training and 1 validation subjects.*split\.train"):
        fit_unlike(chosen=chosen, training={"toy": pack_of(tmp_path, 2)}, unlike=unlike)


@pytest.mark.parametrize(("count", "kept"), [(1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (8, [2, 3, 4, 5])])
def test_the_middle_half_of_a_stack_is_looked_at(count: int, kept: list[int]) -> None:
    assert list(range(count))[middle(count)] == kept


def likeness_of(model: dict) -> Likeness:
    arrays = [np.asarray(model[name]) for name in ("mean", "scale", "components", "variance")]
    return Likeness(*arrays, model["residual"])
