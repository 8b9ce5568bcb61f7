"""On packs of drawn hearts: what is the same scores as the reference does, what is off is seen by the right row."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cmrbridge.core.geometry import Grid
from cmrbridge.core.labels import labelled_slices
from cmrbridge.core.pack import Case, Pack, read_pack, write_pack
from cmrbridge.errors import InputError
from cmrbridge.evaluation.features import image_features
from cmrbridge.evaluation.fidelity import COLUMNS, measure_generators
from cmrbridge.evaluation.halves import halvings, real_slices
from cmrbridge.evaluation.sets import FidelitySettings, compare_diversity, compare_sets
from cmrbridge.evaluation.shapes import DESCRIPTORS

SETTINGS = FidelitySettings(repeats=4, neighbours=3, pairs=20)
SUBJECTS, SLICES, SIZE = 8, 12, 48


def hearts(count: int, draw: np.random.Generator, wall: float = 5) -> np.ndarray:
    y, x = np.ogrid[:SIZE, :SIZE]
    out = np.zeros((count, SIZE, SIZE), np.uint8)
    for mask in out:
        row, column, radius = draw.normal(24, 1), draw.normal(24, 1), draw.uniform(5, 8)
        away = np.hypot(y - row, x - column)
        mask[np.hypot(y - row, x - column + 16) < radius] = 3
        mask[away < radius + wall] = 2
        mask[away < radius] = 1
    return out


def images_of(labels: np.ndarray, draw: np.random.Generator, noise: float = 8) -> np.ndarray:
    levels = np.array([50, 200, 90, 170])[labels]
    return np.clip(levels + draw.normal(0, noise, labels.shape), 0, 255).astype(np.uint8)


def pack_of(images: np.ndarray, labels: np.ndarray | None, splits: list[str]) -> Pack:
    grid = Grid((SIZE, SIZE, 1), (1.5, 1.5, 8.0), False, False, False, (23.5, 23.5), SIZE, 2.0)
    cases = tuple(
        Case("d", "a", f"s{i}", "ED", split, ("LV", "MYO", "RV"), (8.0, 2.0, 2.0), grid)
        for i, split in enumerate(splits)
    )
    each = len(images) // len(cases)
    case = np.repeat(np.arange(len(cases), dtype=np.int32), each)
    return Pack(images, labels, case, np.tile(np.arange(each, dtype=np.int32), len(cases)), cases)


@pytest.fixture
def study(tmp_path: Path) -> dict[str, Path]:
    draw = np.random.default_rng(0)
    labels = hearts(SUBJECTS * SLICES, draw)
    labels[::SLICES] = 0  # one empty slice a subject
    write_pack(tmp_path / "training.npz", pack_of(images_of(labels, draw), labels, ["train", "val"] * (SUBJECTS // 2)))
    synthetic = hearts(60, draw)
    write_pack(tmp_path / "synthetic.npz", pack_of(images_of(synthetic, draw), synthetic, ["train"]))
    held_out = labelled_slices(read_pack(tmp_path / "training.npz"), "val")[1]
    np.savez(tmp_path / "predicted.npz", synthetic=np.where(synthetic == 3, 0, synthetic), held_out=held_out)
    names = {"training": "npz", "synthetic": "npz", "predicted": "npz", "fidelity": "csv", "shapes": "csv"}
    return {name: tmp_path / f"{name}.{ending}" for name, ending in names.items()}


def measure(study: dict[str, Path]) -> tuple[pd.DataFrame, pd.DataFrame]:
    measure_generators(settings=SETTINGS, **study, report=lambda *_: None)
    return pd.read_csv(study["fidelity"]).set_index(["what", "measure"]), pd.read_csv(study["shapes"])


def test_a_perfect_generator_scores_as_the_reference(study: dict[str, Path]) -> None:
    fidelity, shapes = measure(study)
    assert list(pd.read_csv(study["fidelity"]).columns) == list(COLUMNS)
    for what in ("images", "masks"):
        assert 0.6 < fidelity.loc[(what, "frechet"), "ratio"] < 1.6
        assert fidelity.loc[(what, "frechet"), "n"] == SUBJECTS // 2 * (SLICES - 1)
    assert list(shapes.descriptor) == list(DESCRIPTORS)
    assert (shapes.ks_p_holm > 0.05).all()
    assert (shapes.p_subjects > 0.01).all()


def test_mask_fidelity_by_hand(study: dict[str, Path]) -> None:
    """The segmenter of the fixture finds LV and myocardium everywhere, no RV on synthetic images."""
    rows = measure(study)[0].loc["mask fidelity"]
    assert rows.generated.to_dict() == pytest.approx({"dice_LV": 1, "dice_MYO": 1, "dice_RV": 0, "dice": 2 / 3})
    assert (rows.reference == 1).all()
    assert rows.ratio["dice"] == pytest.approx(2 / 3)


def test_smooth_images_and_thick_walls_are_seen_where_they_are(study: dict[str, Path]) -> None:
    draw = np.random.default_rng(1)
    labels = hearts(60, draw)
    write_pack(study["synthetic"], pack_of(images_of(labels, draw, noise=1), labels, ["train"]))
    fidelity, _ = measure(study)
    assert fidelity.loc[("images", "frechet"), "ratio"] > 4
    assert fidelity.loc[("images", "precision"), "generated"] < 0.2
    assert fidelity.loc[("masks", "frechet"), "ratio"] < 1.6
    thick = hearts(60, draw, wall=9)
    write_pack(study["synthetic"], pack_of(images_of(thick, draw), thick, ["train"]))
    fidelity, shapes = measure(study)
    assert fidelity.loc[("masks", "frechet"), "ratio"] > 4
    assert fidelity.loc[("masks", "thickness_outside"), "generated"] > 0.95
    assert fidelity.loc[("masks", "thickness_outside"), "reference"] < 0.25  # a range of 44 masks misses a few of 44
    wall = shapes.set_index("descriptor").loc["wall_mean"]
    assert wall.generated_mean - wall.real_mean == pytest.approx(8, abs=0.5)  # 4 pixels of 2 mm
    assert wall.ks_p_holm < 0.001
    assert wall.p_subjects < 0.01


def test_copies_of_one_image_are_not_diverse() -> None:
    draw = np.random.default_rng(2)
    labels = hearts(24, draw)
    real, subject = images_of(labels, draw), np.repeat([f"s{i}" for i in range(6)], 4)
    (row,) = compare_diversity(np.repeat(real[:1], 20, axis=0), real, subject, SETTINGS)
    assert row["generated"] == 1
    assert row["reference"] < 0.8


def test_equal_seeds_give_equal_rows(study: dict[str, Path]) -> None:
    first, second = (measure(study) for _ in range(2))
    pd.testing.assert_frame_equal(first[0], second[0])
    pd.testing.assert_frame_equal(first[1], second[1])


def test_halves_share_no_subject(study: dict[str, Path]) -> None:
    real = real_slices(study["training"])
    assert np.array_equal(real.labels[real.held_out], labelled_slices(read_pack(study["training"]), "val")[1])
    assert set(real.subject[real.held_out]) == {f"d s{i}" for i in range(1, SUBJECTS, 2)}
    for one, other in halvings(real.subject, 5, np.random.default_rng(0)):
        assert not set(real.subject[one]) & set(real.subject[other])
        assert sorted([*one, *other]) == list(range(len(real.subject)))


def test_sets_too_small_are_refused(study: dict[str, Path]) -> None:
    real = real_slices(study["training"])
    with pytest.raises(InputError, match="too small for 3 neighbours"):
        compare_sets(real.images[:4], real.images, real.subject, image_features, SETTINGS)
    alone = np.full(len(real.subject), "only one")
    with pytest.raises(InputError, match="1 real subject"):
        compare_sets(real.images, real.images, alone, image_features, SETTINGS)


def test_a_source_without_validation_subjects_is_named(study: dict[str, Path]) -> None:
    pack = read_pack(study["training"])
    write_pack(study["training"], pack_of(pack.images, pack.labels, ["train"] * SUBJECTS))
    with pytest.raises(InputError, match=r"training\.npz: no slice of the split 'val'"):
        measure(study)


def test_predictions_of_another_set_are_named(study: dict[str, Path]) -> None:
    with np.load(study["predicted"]) as file:
        np.savez(study["predicted"], synthetic=file["synthetic"][1:], held_out=file["held_out"])
    with pytest.raises(InputError, match=r"predicted\.npz: synthetic has shape \(59"):
        measure(study)
    study["predicted"].write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(InputError, match=r"predicted\.npz: not a file of predicted masks"):
        measure(study)
