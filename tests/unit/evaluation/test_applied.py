"""Cases that nobody outlined: volumes of known shapes, agreement that can be counted, anatomy broken on purpose."""

from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest

from cmrbridge.errors import InputError
from cmrbridge.evaluation.applied import Run, agreement, heart, measure_applied, odd_slices

SPACING = (2.0, 2.0, 10.0)


def labels(cavity: int, shift: int = 0) -> np.ndarray:
    """(x, y, slice): a square cavity of ``cavity``² pixels in a wall of width 2, on 3 of 4 slices."""
    found = np.zeros((40, 40, 4), np.uint8)
    start = 10 + shift
    found[start - 2 : start + cavity + 2, 10 - 2 : 10 + cavity + 2, :3] = 2
    found[start : start + cavity, 10 : 10 + cavity, :3] = 1
    return found


def masks(ed: np.ndarray, es: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    codes = {"LV": 1, "MYO": 2, "RV": 3}
    return {phase: {name: one == code for name, code in codes.items()} for phase, one in (("ED", ed), ("ES", es))}


def test_volumes_of_squares() -> None:
    found = heart(masks(labels(10), labels(6)), SPACING)
    assert found["lv_edv_ml"] == pytest.approx(3 * 100 * 0.04)
    assert found["lv_ef_percent"] == pytest.approx(100 * (100 - 36) / 100)
    assert found["lv_mass_g"] == pytest.approx(1.05 * 3 * (14**2 - 10**2) * 0.04)
    assert found["rv_edv_ml"] == 0


def test_one_phase_has_a_mass_and_no_function() -> None:
    found = heart({"ED": masks(labels(10), labels(6))["ED"]}, SPACING)
    assert found["lv_mass_g"] > 0
    assert np.isnan(found["lv_ef_percent"])


def test_agreement_is_the_mean_dice_of_what_one_of_them_found() -> None:
    one, other = masks(labels(10), labels(10)), masks(labels(10), labels(10, shift=5))
    cavity = 2 * 50 / 200  # of squares half over one another
    wall = 2 * (one["ES"]["MYO"] & other["ES"]["MYO"]).sum() / (2 * one["ES"]["MYO"].sum())
    assert agreement([one, one, one]) == 1
    assert agreement([one, other]) == pytest.approx((1 + 1 + cavity + wall) / 4)
    assert np.isnan(agreement([one]))


def test_a_hole_in_the_wall_is_odd_on_its_slice_alone() -> None:
    broken = labels(10)
    broken[8:12, 14:16, 1] = 0
    assert odd_slices(masks(labels(10), labels(10))) == 0
    assert odd_slices(masks(broken, labels(10))) == pytest.approx(1 / 6)
    assert odd_slices(masks(np.zeros((9, 9, 2), np.uint8), np.zeros((9, 9, 2), np.uint8))) == 0


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Two networks' masks of three subjects; on c they agree least, on a not at all in doubt."""
    columns = "subject,phase,spacing_x,spacing_y,spacing_z,slice_axis"
    rows = [f"{name},{phase},2,2,10,2" for name in "abc" for phase in ("ED", "ES")]
    (tmp_path / "subjects.csv").write_text("\n".join([columns, *rows]) + "\n")
    (tmp_path / "split.csv").write_text("subject,split\na,train\nb,train\nc,train\n")
    shifts = {"a": 0, "b": 1, "c": 4}
    for network in (0, 1):
        folder = tmp_path / f"run{network}" / "clinic"
        folder.mkdir(parents=True)
        for name, shift in shifts.items():
            for phase, cavity in (("ED", 10), ("ES", 6)):
                found = labels(cavity, shift * network)
                nibabel.save(nibabel.Nifti1Image(found, np.diag([*SPACING, 1])), folder / f"{name}_{phase}.nii.gz")
    return tmp_path


def measured(cohort: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    measure_applied(
        runs=[Run("acdc", "classic", "unet2d", seed, cohort / f"run{seed}") for seed in (0, 1)],
        cohorts={"clinic": (cohort / "subjects.csv", cohort / "split.csv")},
        hearts=cohort / "hearts.csv",
        summary=cohort / "summary.csv",
        report=lambda done, total: None,
    )
    return pd.read_csv(cohort / "hearts.csv"), pd.read_csv(cohort / "summary.csv")


def test_the_least_agreed_upon_comes_first(cohort: Path) -> None:
    hearts, summary = measured(cohort)
    assert len(hearts) == 6
    assert summary.subject.tolist() == ["c", "b", "a"]
    assert summary.agreement.iloc[2] == 1
    assert summary.lv_ef_percent.to_numpy() == pytest.approx(64)
    assert summary.lv_ef_percent_sd.to_numpy() == pytest.approx(0)


def test_a_subject_that_is_gone_is_named(cohort: Path) -> None:
    (cohort / "split.csv").write_text("subject,split\nz,train\n")
    with pytest.raises(InputError, match=r"subjects.csv: has no subject 'z', which .*split.csv names"):
        measured(cohort)
