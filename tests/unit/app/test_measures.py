"""Volumes and function of voxels that are counted by hand, and masks that are no hearts."""

import numpy as np
import pytest

from cmrbridge.app.measures import by_volume, in_order, oddities, summary, volumes_ml
from cmrbridge.core.anatomy import check_mask
from cmrbridge.data.phantom.beat import beating
from cmrbridge.data.phantom.cohort import PATHOLOGIES, draw_anatomy
from cmrbridge.data.phantom.generate import subject_seed
from cmrbridge.data.phantom.scan import scan
from cmrbridge.data.phantom.scanner import SCANNERS

PERMILLE = 1e-3


@pytest.mark.parametrize("pathology", PATHOLOGIES)
def test_volumes_and_function_of_the_phantom_are_those_of_its_voxels(pathology: str) -> None:
    of_anatomy, of_scan = subject_seed(1, "aurora", 0)
    result = scan(draw_anatomy(of_anatomy, pathology), SCANNERS["aurora"], of_scan)
    x, y, slices = (float(edge) for edge in np.linalg.norm(result.affine[:3, :3], axis=0))
    ml = {phase: volumes_ml(labels, (x, y, slices)) for phase, labels in result.labels.items()}
    voxel = abs(np.linalg.det(result.affine[:3, :3])) / 1000  # mL, by another way: the affine's determinant
    counted = {phase: np.bincount(labels.ravel(), minlength=4) * voxel for phase, labels in result.labels.items()}
    found = summary(ml, "ED", "ES")
    for chamber, code in (("LV", 1), ("RV", 3)):
        edv, esv = counted["ED"][code], counted["ES"][code]
        assert found[chamber]["edv_ml"] == pytest.approx(edv, rel=PERMILLE)
        assert found[chamber]["esv_ml"] == pytest.approx(esv, rel=PERMILLE)
        assert found[chamber]["sv_ml"] == pytest.approx(edv - esv, rel=PERMILLE)
        assert found[chamber]["ef_percent"] == pytest.approx(100 * (1 - esv / edv), rel=PERMILLE)
    assert found["lv_mass_g"] == pytest.approx(1.05 * counted["ED"][2], rel=PERMILLE)


def test_a_beat_goes_from_one_drawn_phase_to_the_other_and_back() -> None:
    drawn = draw_anatomy(np.random.default_rng(0), "NOR")
    phases = beating(drawn, 10).phases
    blood = [phase.endo.volume for phase in phases.values()]
    assert next(iter(phases)) == "ED"
    assert int(np.argmin(blood)) == list(phases).index("ES")
    assert (phases["ED"], phases["ES"]) == (drawn.phases["ED"], drawn.phases["ES"])
    assert np.all(np.diff(blood[: int(np.argmin(blood)) + 1]) < 0)
    assert np.all(np.diff(blood[int(np.argmin(blood)) :]) > 0)
    muscle = [phase.epi.volume - phase.endo.volume for phase in phases.values()]
    np.testing.assert_allclose(muscle, muscle[0])


def test_ed_and_es_are_the_frames_of_most_and_least_blood() -> None:
    ml = {number: {"LV": volume} for number, volume in enumerate([90.0, 100.0, 40.0, 40.0])}
    assert by_volume(ml, (0, 3)) == (1, 2)
    assert by_volume({0: {"LV": 0.0}, 1: {"LV": 0.0}}, (1, 0)) == (1, 0)
    failed = {number: {"LV": volume} for number, volume in enumerate([90.0, 100.0, 0.0, 40.0])}
    assert by_volume(failed, (0, 2)) == (1, 3)  # no ventricle is without blood
    assert by_volume({0: {"LV": 90.0}, 1: {"LV": 0.0}}, (0, 1)) == (0, 1)
    assert in_order(5, 0, 3) == [0, 3, 1, 2, 4]
    assert in_order(1, 0, 0) == [0]


def heart() -> np.ndarray:
    labels = np.zeros((64, 72, 3), np.uint8)
    x, y = np.meshgrid(np.arange(64) - 30, np.arange(72) - 40, indexing="ij")
    labels[np.hypot(x, y + 17) < 9] = 3
    labels[np.hypot(x, y) < 14] = 2
    labels[np.hypot(x, y) < 9] = 1
    return labels


def test_oddities_name_the_slice_and_what_is_wrong() -> None:
    labels = heart()
    labels[:, :, 0] = 0
    assert oddities(labels) == []
    labels[28:33, 49:55, 1] = 0  # a cut through the ring
    labels[2, 2, 2] = 1
    assert oddities(labels) == [
        "slice 2: the LV is not enclosed by myocardium",
        "slice 3: the LV is in several pieces, the LV is not enclosed by myocardium",
    ]
    assert oddities(np.zeros((8, 8, 2), np.uint8)) == ["no left ventricle was found"]


@pytest.mark.parametrize("harm", range(20))
def test_a_slice_cut_to_what_is_there_breaks_the_same_rules(harm: int) -> None:
    """The rules are checked around the heart alone: over a whole image they take longer than the network."""
    labels, random = heart(), np.random.default_rng(harm)
    x, y = random.integers(0, 60, 2)
    labels[x : x + random.integers(1, 30), y : y + random.integers(1, 30), 1] = random.integers(0, 4)
    whole = {rule for rule, kept in check_mask(labels[:, :, 1]).items() if not kept}
    told = [line for line in oddities(labels) if line.startswith("slice 2")]
    assert len(whole) == (0 if not told else told[0].count(",") + 1)
