"""The phantom's hearts: volumes, function, topology; the files it writes."""

import functools
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from cmrbridge.data.phantom.cohort import PATHOLOGIES, draw_anatomy
from cmrbridge.data.phantom.generate import COLUMNS, PhantomSettings, generate_phantom, subject_seed
from cmrbridge.data.phantom.scan import Scan, scan
from cmrbridge.data.phantom.scanner import SCANNERS
from cmrbridge.errors import InputError

PLAUSIBLE = {  # EDV mL, EF, RV EDV mL, RV EF
    "NOR": ((100, 180), (0.55, 0.70), (100, 195), (0.49, 0.65)),
    "DCM": ((200, 320), (0.15, 0.40), (130, 240), (0.27, 0.51)),
    "HCM": ((90, 155), (0.60, 0.80), (100, 170), (0.51, 0.67)),
    "RV": ((85, 150), (0.49, 0.66), (190, 300), (0.21, 0.41)),
}


@functools.cache
def _scan(pathology: str, scanner: str = "aurora") -> Scan:
    of_anatomy, of_scan = subject_seed(3, scanner, 0)
    return scan(draw_anatomy(of_anatomy, pathology), SCANNERS[scanner], of_scan)


def _volumes(result: Scan, phase: str) -> np.ndarray:
    """mL of LV, MYO, RV."""
    voxel = abs(np.linalg.det(result.affine[:3, :3])) / 1000
    return np.bincount(result.labels[phase].ravel(), minlength=4)[1:] * voxel


def _within(value: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= value <= limits[1]


@pytest.mark.parametrize("pathology", PATHOLOGIES)
def test_drawn_hearts_are_plausible_and_keep_their_muscle(pathology: str) -> None:
    edv, ef, rv_edv, _ = PLAUSIBLE[pathology]
    for seed in range(40):
        ed, es = (draw_anatomy(np.random.default_rng(seed), pathology).phases[phase] for phase in ("ED", "ES"))
        assert _within(ed.endo.volume, edv)
        assert _within(1 - es.endo.volume / ed.endo.volume, ef)
        muscle = [phase.epi.volume - phase.endo.volume for phase in (ed, es)]
        assert muscle[0] == pytest.approx(muscle[1])
        levels = np.linspace(es.endo.base, es.endo.apex, 30)
        walls = [phase.epi.at(levels) - phase.endo.at(levels) for phase in (ed, es)]
        assert walls[1][5:15].mean() > walls[0][5:15].mean()  # it thickens
        assert min(wall.min() for wall in walls) > 2
        if pathology == "RV":
            assert rv_edv[0] > ed.endo.volume


@pytest.mark.parametrize("pathology", PATHOLOGIES)
def test_labels_measure_what_was_drawn(pathology: str) -> None:
    result = _scan(pathology)
    ed, es = _volumes(result, "ED"), _volumes(result, "ES")
    edv, ef, rv_edv, rv_ef = PLAUSIBLE[pathology]
    slack = 0.12  # slices 10 mm apart
    assert edv[0] * (1 - slack) <= ed[0] <= edv[1] * (1 + slack)
    assert _within(1 - es[0] / ed[0], (ef[0] - 0.06, ef[1] + 0.06))
    assert rv_edv[0] * (1 - slack) <= ed[2] <= rv_edv[1] * (1 + slack)
    assert _within(1 - es[2] / ed[2], (rv_ef[0] - 0.08, rv_ef[1] + 0.08))
    assert es[1] == pytest.approx(ed[1], rel=0.1)  # muscle is incompressible


def test_hypertrophic_walls_are_thick() -> None:
    for seed in range(20):
        heart = draw_anatomy(np.random.default_rng(seed), "HCM")
        wall = heart.phases["ED"].epi.radius - heart.phases["ED"].endo.radius
        assert 14.5 <= wall * (1 + heart.contour.offset) <= 25  # of the septum


@pytest.mark.parametrize("scanner", ["aurora", "dusk"])
def test_cavity_is_enclosed_and_right_ventricle_touches_the_ring_from_outside(scanner: str) -> None:
    for phase, labels in _scan("NOR", scanner).labels.items():
        with_cavity = np.flatnonzero((labels == 1).any(axis=(0, 1)))
        assert set(np.unique(labels[:, :, with_cavity[2:-2]])) == {0, 1, 2, 3}
        for z in with_cavity[2:-2]:
            cavity, ring, right = (labels[:, :, z] == code for code in (1, 2, 3))
            assert not (ndimage.binary_dilation(cavity) & ~cavity & ~ring).any(), (phase, z)
            assert ndimage.binary_fill_holes(ring)[cavity].all()
            if right.any():
                assert (ndimage.binary_dilation(right) & ring).any()
                assert not (ndimage.binary_dilation(right) & cavity).any()


def test_systole_has_fewer_slices_and_the_stack_8_to_12() -> None:
    for pathology in PATHOLOGIES:
        result = _scan(pathology)
        ed, es = ((result.labels[phase] == 1).any(axis=(0, 1)).sum() for phase in ("ED", "ES"))
        assert es < ed
        assert 8 <= result.labels["ED"].shape[2] <= 12


def test_one_anatomy_in_two_scanners_keeps_its_volumes() -> None:
    heart = draw_anatomy(np.random.default_rng(5), "NOR")
    scans = [scan(heart, SCANNERS[name], np.random.default_rng(6)) for name in ("aurora", "corona")]
    first, second = (_volumes(one, "ED") for one in scans)
    assert first == pytest.approx(second, rel=0.05)
    assert scans[0].images["ED"].shape != scans[1].images["ED"].shape


def test_affine_is_orthogonal_and_points_left_and_back() -> None:
    for name in SCANNERS:
        axes = _scan("NOR", name).affine[:3, :3]
        spacing = np.linalg.norm(axes, axis=0)
        assert axes.T @ axes == pytest.approx(np.diag(spacing**2), abs=1e-6)
        left, back = axes[:, 0] / spacing[0], axes[:, 1] / spacing[1]
        assert left[0] < -0.5
        assert back[1] < -0.3
        assert back[2] < -0.3
        assert spacing[2] == pytest.approx(SCANNERS[name].slice_mm + SCANNERS[name].gap_mm)


def test_right_ventricle_lies_left_of_the_left_in_the_image() -> None:
    result = _scan("NOR", "borealis")
    middle = {code: np.argwhere(result.labels["ED"] == code)[:, 0].mean() for code in (1, 3)}
    assert middle[3] < middle[1]


def test_files_are_complete_and_the_same_bytes_twice(tmp_path: Path) -> None:
    settings = PhantomSettings(scanners=("dusk",), subjects=1, seed=11)
    reports: list[tuple] = []
    for name in ("one", "two"):
        generate_phantom(settings=settings, folder=tmp_path / name, report=lambda *values, **_: reports.append(values))
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(files) == 5
    assert all((tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes() for path in files)
    lines = (tmp_path / "one/manifest.csv").read_text().splitlines()
    assert lines[0] == ",".join(COLUMNS)
    assert lines[1].startswith(
        "dusk-001,ED,images/dusk-001_ED.nii.gz,labels/dusk-001_ED.nii.gz,LV MYO RV,D,4,dusk,1.5,NOR"
    )
    assert reports == [(1, 1)] * 2
    image, label = (nib.load(tmp_path / "one" / kind / "dusk-001_ES.nii.gz") for kind in ("images", "labels"))
    assert image.shape == label.shape
    assert image.get_data_dtype() == np.int16
    assert label.get_data_dtype() == np.uint8
    assert np.array_equal(image.affine, label.affine)
    assert set(np.unique(label.dataobj)) == {0, 1, 2, 3}


def test_more_subjects_or_scanners_change_no_other_subject() -> None:
    one, two = (subject_seed(0, "aurora", 3)[0].random() for _ in range(2))
    assert one == two
    assert one != subject_seed(0, "dusk", 3)[0].random()


def test_unknown_scanner_is_named() -> None:
    with pytest.raises(InputError, match="zenith"):
        PhantomSettings(scanners=("zenith",), subjects=1)
