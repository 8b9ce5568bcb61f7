"""The probe reads what is there, nothing where nothing is, and says the same twice."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import binom

from cmrbridge.errors import InputError
from cmrbridge.shift.crossed import ShiftSettings, balanced_task, held_out_logits
from cmrbridge.shift.linear import linear_logits
from cmrbridge.shift.networks import IMAGE_NETWORKS
from cmrbridge.shift.probe import Features, channel_statistics, measure_probe, probe

SETTINGS = ShiftSettings(folds=3, steps=40, seed=0)
DOMAINS, SUBJECTS, EACH = 3, 6, 8


def planted(kind: str) -> Features:
    """Maps of 3 domains × 6 subjects × 8 slices: noise, with a sign of the domain of this kind in one channel."""
    generator = np.random.default_rng(5)
    domain = np.repeat(np.arange(DOMAINS), SUBJECTS * EACH)
    subjects = tuple(f"{index}-{place // EACH % SUBJECTS}" for place, index in enumerate(domain))
    maps = generator.normal(size=(len(domain), 6, 8, 8))
    sign = (1 + domain)[:, None, None]
    if kind == "mean":
        maps[:, 2] += sign
    elif kind == "spread":
        maps[:, 2] *= 2.0**sign
        maps[:, 2] -= maps[:, 2].mean(axis=(1, 2), keepdims=True)
    elif kind == "texture":  # same distribution of values: only the order of neighbours differs
        ordered = np.sort(maps[:, 2].reshape(len(domain), -1), axis=1).reshape(-1, 8, 8)
        stripes = np.where((domain == 1)[:, None, None], ordered.transpose(0, 2, 1), ordered)
        maps[:, 2] = np.where((domain == 2)[:, None, None], maps[:, 2], stripes)
    return Features([maps.astype(np.float16)], domain, tuple("abc"), subjects)


def accuracies(features: Features) -> dict[str, float]:
    return {score["reader"]: score["accuracy"] for score, _ in probe(features, SETTINGS, "cpu")}


@pytest.mark.parametrize("kind", ["mean", "spread"])
def test_a_planted_sign_is_read(kind: str) -> None:
    """The kind "spread" leaves every channel's mean the same, as instance normalisation does."""
    assert max(accuracies(planted(kind)).values()) > 0.9


def test_a_sign_in_the_neighbourhood_of_pixels_needs_the_convolution() -> None:
    found = accuracies(planted("texture"))
    assert found["linear"] < 0.5 < 0.85 < found["convolution"]


def test_noise_tells_nothing() -> None:
    """Slices of noise are independent, so the number told right is binomial: within its 99.9 % range about chance."""
    n = DOMAINS * SUBJECTS * EACH
    low, high = binom.interval(0.999, n, 1 / DOMAINS)
    for accuracy in accuracies(planted("none")).values():
        assert low <= accuracy * n <= high


def test_the_sign_of_a_subject_is_no_sign_of_its_domain() -> None:
    """Every subject carries a mark of its own and no domain does: only a leak between the folds could read it."""
    features = planted("none")
    marks = {name: np.random.default_rng(index).normal(size=6) * 4 for index, name in enumerate(set(features.subjects))}
    maps = features.maps[0] + np.stack([marks[name] for name in features.subjects])[:, :, None, None].astype(np.float16)
    task, rows = balanced_task(features.domain, features.subjects, features.domains, SETTINGS)
    statistics = channel_statistics([maps])[rows]
    seen: list[set[str]] = []

    def reader(train: np.ndarray, test: np.ndarray, fold: int) -> np.ndarray:
        sides = [{task.subjects[row] for row in side} for side in (train, test)]
        assert not sides[0] & sides[1]
        seen.append(sides[1])
        return linear_logits(statistics[train], task.classes[train], statistics[test], DOMAINS, 0.01)

    assert (held_out_logits(task, reader).argmax(axis=1) == task.classes).mean() < 0.7
    assert set.union(*seen) == set(features.subjects)


def test_the_regression_is_scikit_learns() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    generator = np.random.default_rng(0)
    classes = np.repeat([0, 1, 2], 20)
    train = generator.normal(size=(60, 5)) + classes[:, None] * [1, 0, 0, -1, 0]
    test = generator.normal(size=(7, 5))
    ours = linear_logits(train, classes, test, 3, penalty=0.05)
    scaled = [(part - train.mean(0)) / train.std(0) for part in (train, test)]
    # scikit-learn minimises the summed loss with |w|² / 2C
    oracle = linear_model.LogisticRegression(C=1 / (2 * 0.05 * 60), tol=1e-10, max_iter=5000).fit(scaled[0], classes)
    theirs = oracle.decision_function(scaled[1])
    centred = [part - part.mean(axis=1, keepdims=True) for part in (ours, theirs)]
    np.testing.assert_allclose(*centred, atol=1e-4)


def write(path: Path, features: Features) -> Path:
    about = json.dumps({"domains": features.domains, "subjects": features.subjects})
    arrays = {f"map_{index}": part for index, part in enumerate(features.maps)}
    np.savez(path, domain=features.domain, about=np.frombuffer(about.encode(), np.uint8), **arrays)
    return path


def test_tables_of_a_run_are_the_same_twice(tmp_path: Path) -> None:
    features = write(tmp_path / "features.npz", planted("mean"))
    run = {"source": "a", "arm": "classic", "architecture": "unet2d", "seed": 0}
    tables = []
    for place in ("one", "two"):
        paths = [tmp_path / f"{place}-{name}.csv" for name in ("scores", "confusion")]
        torch.manual_seed(hash(place) % 100)  # what others draw changes nothing
        measure_probe(
            settings=SETTINGS, features=[features], runs=[run], scores=paths[0], confusion=paths[1],
            device="cpu", report=lambda step, total=None, **values: None,
        )  # fmt: skip
        tables.append([path.read_bytes() for path in paths])
    assert tables[0] == tables[1]
    scores, matrix = (pd.read_csv(tmp_path / f"one-{name}.csv") for name in ("scores", "confusion"))
    assert set(scores.reader) == {"linear", "convolution"}
    assert scores.chance.to_numpy() == pytest.approx(1 / 3)
    assert scores.samples.tolist() == [DOMAINS * SUBJECTS * EACH] * 2
    assert matrix.groupby(["reader", "truth"]).share.sum().to_numpy() == pytest.approx(1)


def test_a_damaged_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "features.npz"
    path.write_bytes(write(path, planted("none")).read_bytes()[:5000])
    with pytest.raises(InputError, match=r"features\.npz: not a readable file of features"):
        measure_probe(
            settings=SETTINGS, features=[path], runs=[{}], scores=tmp_path / "s", confusion=tmp_path / "c",
            device="cpu", report=lambda step, total=None, **values: None,
        )  # fmt: skip


@pytest.mark.parametrize("name", IMAGE_NETWORKS)
@pytest.mark.parametrize("channels", [1, 2])
def test_every_network_answers_every_image(name: str, channels: int) -> None:
    assert IMAGE_NETWORKS[name](channels, 4)(torch.zeros(3, channels, 32, 32)).shape == (3, 4)
