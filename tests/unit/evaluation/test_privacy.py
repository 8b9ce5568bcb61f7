"""The audit on phantom patients: copies are found however disturbed, other patients are let pass; its parts exactly."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from cmrbridge.core.geometry import Grid, crop, crop_labels, orientation, upright
from cmrbridge.core.labels import labelled_rows
from cmrbridge.core.pack import Case, Pack, read_pack, write_pack
from cmrbridge.data.phantom.cohort import PATHOLOGIES, draw_anatomy
from cmrbridge.data.phantom.scan import scan
from cmrbridge.data.phantom.scanner import SCANNERS
from cmrbridge.errors import InputError
from cmrbridge.evaluation.alignment import Pose, correlate, lay, make_ready, nearest, upright_distances
from cmrbridge.evaluation.controls import Disturbance, disturb, draw_controls
from cmrbridge.evaluation.detection import auc, false_alarms, threshold
from cmrbridge.evaluation.embedding import SIZE, likeness, normalise, offsets, prints
from cmrbridge.evaluation.privacy import AuditSettings, audit_privacy
from cmrbridge.evaluation.rendering import beyond_mask
from cmrbridge.evaluation.verdict import give_verdict
from reporters import silent

TRAIN, VAL, FRESH = 5, 2, 3  # patients
STILL = Disturbance(0, 1, (0, 0), False, 1, 1, 0, (0, 0), 0, 0, 0)

Bytes = NDArray[np.uint8]


def patient(index: int) -> tuple[Bytes, Bytes, Case]:
    """Canonical ED slices (n, 64, 64), labels and case of a phantom patient of one scanner."""
    pathology = list(PATHOLOGIES)[index % len(PATHOLOGIES)]
    one = scan(
        draw_anatomy(np.random.default_rng([1, index]), pathology),
        SCANNERS["aurora"],
        np.random.default_rng([2, index]),
    )
    image, labels = one.images["ED"], one.labels["ED"]
    spacing = tuple(float(mm) for mm in np.linalg.norm(one.affine[:3, :3], axis=0))
    whole = Grid(image.shape, spacing, *orientation(one.affine), (0.0, 0.0), 64, 2.5)
    centre = np.argwhere(upright(labels, whole)).mean(axis=0)[1:]
    grid = dataclasses.replace(whole, centre=(float(centre[0]), float(centre[1])))
    stack = crop(upright(image, grid), grid)
    low, high = np.percentile(stack, [0.5, 99.5])
    grey = (np.clip((stack - low) / (high - low), 0, 1) * 255).round().astype(np.uint8)
    split = "train" if index < TRAIN else "val" if index < TRAIN + VAL else "test"
    names = ("phantom", "aurora", f"p{index}", "ED", split, ("LV", "MYO", "RV"), (10.0, 2.5, 2.5), grid)
    return grey, crop_labels(upright(labels, grid), grid, 4), Case(*names)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Pack, Pack]:
    """(training pack's file, its pack, pack of fresh patients of the same scanner)."""
    people = [patient(index) for index in range(TRAIN + VAL + FRESH)]
    images, labels = (np.concatenate([one[part] for one in people]) for part in (0, 1))
    counts = [len(one[0]) for one in people]
    position = np.concatenate([np.arange(n, dtype=np.int32) for n in counts])
    numbers = np.repeat(np.arange(len(people), dtype=np.int32), counts)
    whole = Pack(images, labels, numbers, position, tuple(one[2] for one in people))
    training = whole.select(list(range(TRAIN + VAL)))
    path = tmp_path_factory.mktemp("cohort") / "training.npz"
    write_pack(path, training)
    fresh = whole.split("test")
    return path, training, fresh


def synthetic(path: Path, images: Bytes, like: Case, split: tuple[str, ...] = ("train",)) -> Path:
    cases = tuple(dataclasses.replace(like, dataset="synthetic", subject="synthetic", split=name) for name in split)
    each = np.repeat(np.arange(len(split), dtype=np.int32), -(-len(images) // len(split)))[: len(images)]
    write_pack(path, Pack(images, None, each, np.arange(len(images), dtype=np.int32), cases))
    return path


def run_audit(training: Path, generated: Path, out: Path, references: Path | None = None) -> dict[str, Any]:
    audit_privacy(
        settings=AuditSettings(negatives=40, controls=40, members=30, draws=500, shown=6),
        training=training,
        synthetic=generated,
        references=references,
        audit=out / "audit.json",
        distances=out / "distances.csv",
        copies=out / "copies.png",
        report=silent,
    )
    return json.loads((out / "audit.json").read_text())


def foreground(pack: Pack, split: str) -> Bytes:
    return pack.images[labelled_rows(pack, split)]


def test_fresh_patients_pass_and_the_controls_are_caught(cohort: tuple[Path, Pack, Pack], tmp_path: Path) -> None:
    path, training, fresh = cohort
    images = foreground(fresh, "test")
    found = run_audit(path, synthetic(tmp_path / "fresh.npz", images, training.cases[0]), tmp_path)
    assert found["verdict"] == "no copies found", found["reasons"]
    assert found["controls"]["caught"] >= 0.95
    assert found["negatives"]["false_alarms"] <= 0.01
    assert found["generated"]["copies"] == 0
    assert found["membership"]["auc_low"] < 0.5 < found["membership"]["auc_high"]
    table = pd.read_csv(tmp_path / "distances.csv")
    assert table[table.set == "generated"].shape[0] == len(images)
    others = table[table.set == "other_subject"]
    assert (others.subject != others.nearest_subject).all()
    assert (tmp_path / "copies.png").read_bytes().startswith(b"\x89PNG")


def test_a_generator_that_returns_disturbed_training_images_is_flagged(
    cohort: tuple[Path, Pack, Pack], tmp_path: Path
) -> None:
    path, training, fresh = cohort
    stolen = draw_controls(foreground(training, "train")[::6], np.random.default_rng(5))
    mixed = np.concatenate([foreground(fresh, "test"), stolen])
    found = run_audit(path, synthetic(tmp_path / "mixed.npz", mixed, training.cases[0]), tmp_path)
    assert found["verdict"] == "flagged"
    assert found["generated"]["copies"] >= 0.9 * len(stolen)
    assert "nearer to a training image" in found["reasons"][0]
    table = pd.read_csv(tmp_path / "distances.csv")
    assert not table[(table.set == "generated") & (table.copy == 1)].slice.lt(len(mixed) - len(stolen)).any()


def test_renderings_that_know_their_own_image_are_flagged_though_the_generated_set_is_new(
    cohort: tuple[Path, Pack, Pack], tmp_path: Path
) -> None:
    """The rendered training images are the true ones, those of held-out masks are other patients'."""
    path, training, fresh = cohort
    generated = synthetic(tmp_path / "fresh.npz", foreground(fresh, "test"), training.cases[0])
    train, val = foreground(training, "train"), foreground(training, "val")
    rendered = np.concatenate([train, np.resize(foreground(fresh, "test"), val.shape)])
    cases = tuple(dataclasses.replace(training.cases[0], subject=name, split=name) for name in ("train", "val"))
    numbers = np.repeat(np.arange(2, dtype=np.int32), [len(train), len(val)])
    references = tmp_path / "references.npz"
    write_pack(references, Pack(rendered, None, numbers, np.arange(len(rendered), dtype=np.int32), cases))
    found = run_audit(path, generated, tmp_path, references)
    assert found["verdict"] == "flagged"
    assert found["rendering"]["copies_train"] == 1
    assert found["rendering"]["copies_held_out"] == 0
    assert found["rendering"]["auc_low"] > 0.95
    assert len(found["reasons"]) == 2
    write_pack(references, Pack(rendered[1:], None, numbers[1:], np.arange(len(rendered) - 1, dtype=np.int32), cases))
    with pytest.raises(InputError, match=r"references\.npz.*train split"):
        run_audit(path, generated, tmp_path, references)


def test_one_training_subject_is_audited_by_the_held_out_ones_and_one_in_all_is_refused(
    cohort: tuple[Path, Pack, Pack], tmp_path: Path
) -> None:
    _, training, fresh = cohort
    generated = synthetic(tmp_path / "fresh.npz", foreground(fresh, "test")[:10], training.cases[0])
    write_pack(tmp_path / "one.npz", training.select([0, *range(TRAIN, TRAIN + VAL)]))
    found = run_audit(tmp_path / "one.npz", generated, tmp_path)
    assert found["negatives"]["subjects"] == VAL
    assert found["membership"]["auc_low"] is None
    write_pack(tmp_path / "lone.npz", training.select([0, TRAIN]))
    with pytest.raises(InputError, match=r"lone\.npz.*raise split\.val"):
        run_audit(tmp_path / "lone.npz", generated, tmp_path)


def test_prints_do_not_heed_turns_flips_and_grey_scale(cohort: tuple[Path, Pack, Pack]) -> None:
    """Quarter turns and mirrors move no pixel between pixels: the likeness is then that of the image to itself."""
    image = foreground(cohort[1], "train")[5:6]
    changed = [np.rot90(image, 1, (1, 2)), image[:, ::-1], image[:, :, ::-1], (image * 0.5 + 40).astype(np.uint8)]
    for one in changed:
        assert likeness(prints(image), prints(np.ascontiguousarray(one)))[0, 0] > 0.97


def test_laying_a_disturbed_slice_back_finds_its_pose() -> None:
    y, x = offsets()
    blob = np.exp(-((y - 6) ** 2 + (x + 9) ** 2) / 40) + 0.5 * np.exp(-((y + 12) ** 2 + (x - 3) ** 2) / 20)
    assert np.unravel_index(lay(blob, Pose(np.pi / 2, 1.0, False)).argmax(), blob.shape) == (
        22,
        25,
    )  # (6, −9) → (−9, −6)
    assert np.allclose(lay(blob, Pose(0.0, 1.0, True)), blob[::-1], atol=1e-5)


def test_the_correlation_is_that_of_numpy_at_the_best_shift() -> None:
    generator = np.random.default_rng(0)
    picture = generator.normal(size=(SIZE, SIZE)).astype(np.float32)
    shifted = np.roll(picture, (3, -2), (0, 1))
    disc = np.hypot(*offsets()) <= 0.44 * SIZE
    assert upright_distances(picture[None], shifted[None])[0] == pytest.approx(0, abs=1e-4)
    noisy = shifted + generator.normal(size=picture.shape).astype(np.float32)
    back = np.roll(noisy, (-3, 2), (0, 1))
    expected = np.corrcoef(picture[disc], back[disc])[0, 1]
    found = correlate(picture, [(0, Pose(0.0, 1.0, False))], make_ready(noisy[None]))[0]
    assert found == pytest.approx(expected, abs=1e-3)


def test_a_blank_slice_is_like_nothing_and_breaks_nothing(cohort: tuple[Path, Pack, Pack]) -> None:
    blank = np.zeros((2, 64, 64), np.uint8)
    rows, distances = nearest(prints(blank), prints(foreground(cohort[1], "train")[:4]))
    assert np.isfinite(distances).all()
    assert (distances > 0.9).all()
    assert rows.shape == (2,)


def test_an_undisturbed_control_is_the_slice_itself(cohort: tuple[Path, Pack, Pack]) -> None:
    image = cohort[1].images[3]
    assert np.array_equal(disturb(image, STILL), image)
    assert np.array_equal(disturb(image, dataclasses.replace(STILL, flip=True)), image[::-1])
    drawn = draw_controls(image[None], np.random.default_rng(1))
    assert np.array_equal(drawn, draw_controls(image[None], np.random.default_rng(1)))
    assert not np.array_equal(drawn[0], image)


def test_beyond_the_mask_the_heart_does_not_count() -> None:
    generator = np.random.default_rng(2)
    images = generator.integers(0, 255, (1, 64, 64), dtype=np.uint8)
    labels = np.zeros((1, 64, 64), np.uint8)
    labels[:, 24:40, 24:40] = 1
    other = images.copy()
    other[labels > 0] = 255 - other[labels > 0]
    pictures = normalise(images)
    changed = np.where(labels > 0, -pictures, pictures)
    assert beyond_mask(changed, pictures, labels)[0] == pytest.approx(1)
    assert np.isnan(beyond_mask(pictures, pictures, np.ones_like(labels))[0])


def test_the_threshold_of_an_exponential_tail_is_its_quantile() -> None:
    """Fisher-transformed similarities that are exponential: P(z > t) = exp(−4 t)."""
    z = -np.log((np.arange(20000) + 0.5) / 20000) / 4
    limit = threshold(1 - np.tanh(z), 0.001)
    assert np.arctanh(1 - limit) == pytest.approx(np.log(1000) / 4, rel=0.01)


def test_false_alarms_are_counted_where_a_subject_had_no_say() -> None:
    """c and d lie near each other and would set a threshold that lets both pass, were they asked."""
    generator = np.random.default_rng(0)
    names, partners = np.repeat(list("abcd"), 200), np.repeat(list("xydc"), 200)
    distances = np.concatenate([generator.uniform(0.5, 0.9, 400), generator.uniform(0.01, 0.02, 400)])
    assert false_alarms(distances, names, partners, 0.01) == 0.5
    assert false_alarms(distances, names, np.repeat(list("xyzz"), 200), 0.01) < 0.01
    assert np.isnan(false_alarms(distances[:400], names[:400], partners[:400], 0.01))


def test_auc_counts_pairs_and_its_interval_knows_subjects() -> None:
    near, far = np.array([0.1, 0.2, 0.5, 0.4]), np.array([0.3, 0.5, 0.6])
    ours, theirs = np.array(["a", "a", "b", "b"]), np.array(["c", "d", "d"])
    found = auc(near, ours, far, theirs, 500, 0)
    assert found.auc == pytest.approx((3 + 3 + 1.5 + 2) / 12)
    assert found.low <= found.auc <= found.high
    assert np.isnan(auc(near, ours, far[1:], theirs[1:], 500, 0).low)
    assert auc(near, ours, far + 1, theirs, 500, 0) == (1, 1, 1)


def figures(**changes: dict[str, Any]) -> dict[str, Any]:
    quiet: dict[str, Any] = {
        "controls": {"caught": 0.99},
        "negatives": {"false_alarms": 0.0},
        "generated": {"n": 100, "copies": 0, "p": 1.0},
        "membership": {"auc": 0.5, "auc_low": 0.4, "auc_high": 0.6},
        "rendering": None,
    }
    return {name: quiet[name] | changes[name] if name in changes and quiet[name] else changes.get(name, quiet[name])
            for name in quiet}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "no copies found"),
        ({"controls": {"caught": 0.94}}, "not conclusive"),
        ({"negatives": {"false_alarms": float("nan")}}, "not conclusive"),
        ({"generated": {"copies": 9, "p": 0.009}}, "flagged"),
        ({"generated": {"copies": 9, "p": 0.009}, "controls": {"caught": 0.5}}, "flagged"),
        ({"membership": {"auc_low": 0.61}}, "flagged"),
        ({"membership": {"auc_low": float("nan")}}, "no copies found"),
    ],
)
def test_the_verdict_follows_its_rule(changes: dict[str, Any], verdict: str) -> None:
    found, reasons = give_verdict(figures(**changes), 0.01)
    assert found == verdict
    assert bool(reasons) == (verdict != "no copies found")


def test_a_pack_of_another_size_is_refused(cohort: tuple[Path, Pack, Pack], tmp_path: Path) -> None:
    path, training, _ = cohort
    small = synthetic(tmp_path / "small.npz", np.zeros((2, 32, 32), np.uint8), training.cases[0])
    with pytest.raises(InputError, match=r"small\.npz: images are \(2, 32, 32\)"):
        run_audit(path, small, tmp_path)
    assert read_pack(path).images.shape[1:] == (64, 64)
