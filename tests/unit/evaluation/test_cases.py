"""A run of two subjects with known errors, through the files."""

from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest

from cmrbridge.errors import InputError
from cmrbridge.evaluation.cases import evaluate_cases
from cmrbridge.evaluation.frames import COLUMNS, ERROR_OF, read_cases
from cmrbridge.evaluation.gather import gather_cases
from cmrbridge.evaluation.volumes import read_volume

KEYS = {"study": "s", "source": "a", "arm": "real", "architecture": "unet2d", "seed": 0}
SPACING = (2.0, 1.0, 10.0)


def heart(radius: int, swap: bool) -> np.ndarray:
    """LV square of side ``radius`` in a MYO frame, RV beside it; canonical, or with the codes of LV and RV swapped."""
    labels = np.zeros((30, 30, 6), np.uint8)
    labels[8:20, 8:20, 1:5] = 2
    labels[10 : 10 + radius, 10 : 10 + radius, 1:5] = 3 if swap else 1
    labels[21:25, 8:20, 1:3] = 1 if swap else 3
    return labels


def save(path: Path, voxels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([*SPACING, 1])), path)


@pytest.fixture
def run(tmp_path: Path) -> dict:
    """Subject 007 has ED and ES, the latter with an LV two voxels too small; 008 has ED without RV; 009 is in train."""
    rows = []
    for subject, phase, annotated, truth, guess in [
        ("007", "ES", "LV MYO RV", 6, 4),
        ("007", "ED", "LV MYO RV", 8, 8),
        ("008", "ED", "LV MYO", 8, 8),
        ("009", "ED", "LV MYO RV", 8, 8),
    ]:
        label = tmp_path / "labels" / f"{subject}_{phase}_gt.nii.gz"
        save(label, heart(truth, swap=True))
        save(tmp_path / "predictions" / "b" / f"{subject}_{phase}.nii.gz", heart(guess, swap=False))
        spacing = dict(zip(("spacing_x", "spacing_y", "spacing_z"), SPACING))
        row = {"dataset": "acdc", "subject": subject, "phase": phase, "annotated": annotated, "label": label}
        rows.append(row | spacing | {"codes": "LV=3 MYO=2 RV=1", "label_frame": "", "slice_axis": "2"})
    pd.DataFrame(rows).to_csv(tmp_path / "subjects.csv", index=False)
    splits = {"subject": ["009", "008", "007"], "split": ["train", "test", "test"]}
    pd.DataFrame(splits).to_csv(tmp_path / "split.csv", index=False)
    return {
        "keys": KEYS,
        "predictions": tmp_path / "predictions",
        "targets": {"b": {"subjects": tmp_path / "subjects.csv", "split": tmp_path / "split.csv"}},
        "cases": tmp_path / "cases.csv",
        "report": lambda *_, **__: None,
    }


def value(frame: pd.DataFrame, **where: str) -> float:
    for name, wanted in where.items():
        frame = frame[frame[name] == wanted]
    return frame.value.item()


def test_scores_are_the_known_ones(run: dict) -> None:
    evaluate_cases(**run)
    frame = read_cases(run["cases"])
    assert tuple(frame.columns) == COLUMNS
    assert set(frame.subject) == {"007", "008"}
    es = frame[(frame.subject == "007") & (frame.phase == "ES")]
    assert value(es, structure="LV", region="whole", metric="dice") == round(2 * 16 / (16 + 36), 6)
    assert value(es, structure="LV", metric="hd95") == pytest.approx(4, abs=0.5)
    assert value(es, structure="LV", metric="volume_error_ml") == pytest.approx(-20 * 4 * 20 / 1000)
    assert value(es, structure="RV", region="base", metric="dice") == 1
    cycle = frame[frame.phase == "ED-ES"]
    assert value(cycle, structure="LV", metric="ef_percent") == pytest.approx(100 * (64 - 16) / 64)
    assert value(cycle, structure="LV", metric="ef_error_points") == pytest.approx(100 * (36 - 16) / 64)
    assert value(cycle, structure="RV", metric="ef_percent") == 0


def test_every_clinical_quantity_stands_beside_its_error(run: dict) -> None:
    """ED predicted two voxels too narrow, ES four: value − error is the reference, so one table is enough."""
    save(run["predictions"] / "b" / "007_ED.nii.gz", heart(6, swap=False))
    save(run["predictions"] / "b" / "007_ES.nii.gz", heart(2, swap=False))
    evaluate_cases(**run)
    frame = read_cases(run["cases"]).query("subject == '007' and region == 'whole'")
    voxel = 0.02  # mL
    heart_of = {"LV": frame[(frame.structure == "LV") & (frame.phase == "ED-ES")].set_index("metric").value}
    heart_of["MYO"] = frame[(frame.structure == "MYO") & (frame.phase == "ED")].set_index("metric").value
    for structure, metric, predicted, reference in [
        ("LV", "edv_ml", 36 * 4 * voxel, 64 * 4 * voxel),
        ("LV", "esv_ml", 4 * 4 * voxel, 36 * 4 * voxel),
        ("LV", "sv_ml", (36 - 4) * 4 * voxel, (64 - 36) * 4 * voxel),
        ("LV", "ef_percent", 100 * (36 - 4) / 36, 100 * (64 - 36) / 64),
        ("MYO", "mass_g", 1.05 * (144 - 36) * 4 * voxel, 1.05 * (144 - 64) * 4 * voxel),
    ]:
        found = heart_of[structure]
        assert found[metric] == pytest.approx(predicted, abs=1e-6)
        assert found[metric] - found[ERROR_OF[metric]] == pytest.approx(reference, abs=2e-6)
    assert set(frame[frame.metric == "mass_g"].phase) == {"ED"}


def test_a_heart_drawn_as_sunnybrook_draws_it_has_what_can_be_known(run: dict) -> None:
    """The outer contour exists at ED alone: mass and the LV's function follow from it, nothing of the RV does."""
    table = pd.read_csv(run["targets"]["b"]["subjects"], dtype=str)
    table.annotated = table.phase.map({"ED": "LV MYO", "ES": "LV"})
    table.to_csv(run["targets"]["b"]["subjects"], index=False)
    evaluate_cases(**run)
    frame = read_cases(run["cases"]).query("subject == '007' and region == 'whole'")
    shown = {tuple(row) for row in frame[["phase", "structure", "metric"]].values}
    assert {(phase, structure) for phase, structure, _ in shown} == {
        ("ED", "LV"), ("ED", "MYO"), ("ES", "LV"), ("ED-ES", "LV"),
    }  # fmt: skip
    function = {"edv_ml", "esv_ml", "sv_ml", "ef_percent"}
    cycle = {metric for phase, _, metric in shown if phase == "ED-ES"}
    assert cycle == function | {ERROR_OF[metric] for metric in function}
    assert {("ED", "MYO", "mass_g"), ("ED", "MYO", "mass_error_g")} <= shown


def test_a_missed_ventricle_has_no_function_and_counts(run: dict) -> None:
    """EF 0 and SV − ESV instead of nothing: a heart that was not found must not leave the mean."""
    save(run["predictions"] / "b" / "007_ED.nii.gz", np.zeros((30, 30, 6), np.uint8))
    evaluate_cases(**run)
    cycle = read_cases(run["cases"]).query("phase == 'ED-ES' and structure == 'LV'").set_index("metric").value
    assert (cycle["edv_ml"], cycle["ef_percent"]) == (0, 0)
    assert cycle["sv_ml"] == -cycle["esv_ml"] < 0
    assert cycle["ef_error_points"] == pytest.approx(-100 * (64 - 36) / 64)


def test_an_unannotated_structure_and_an_empty_third_have_no_row(run: dict) -> None:
    evaluate_cases(**run)
    frame = read_cases(run["cases"])
    assert set(frame[frame.subject == "008"].structure) == {"LV", "MYO"}
    assert set(frame[(frame.structure == "RV") & (frame.metric == "dice")].region) == {"whole", "base"}
    assert set(frame[frame.metric == "hd95"].region) == {"whole"}


def test_a_missed_structure_costs_the_diagonal(run: dict) -> None:
    save(run["predictions"] / "b" / "008_ED.nii.gz", np.zeros((30, 30, 6), np.uint8))
    evaluate_cases(**run)
    missed = read_cases(run["cases"]).query("subject == '008' and structure == 'LV'")
    assert value(missed, region="whole", metric="dice") == 0
    assert value(missed, metric="hd95") == value(missed, metric="hd") == pytest.approx(np.hypot(np.hypot(60, 30), 60))


def test_the_reference_may_be_a_frame_of_a_longer_file(run: dict) -> None:
    evaluate_cases(**run)
    expected = run["cases"].read_bytes()
    table = pd.read_csv(run["targets"]["b"]["subjects"], dtype=str).assign(label_frame="2")
    for path in map(Path, table.label):
        truth = np.asarray(nibabel.load(path).dataobj)
        save(path, np.stack([0 * truth, 0 * truth, truth, 0 * truth], axis=-1))
    table.to_csv(run["targets"]["b"]["subjects"], index=False)
    evaluate_cases(**run)
    assert run["cases"].read_bytes() == expected


def test_bytes_do_not_depend_on_the_day(run: dict) -> None:
    evaluate_cases(**run)
    first = run["cases"].read_bytes()
    evaluate_cases(**run)
    assert run["cases"].read_bytes() == first


def test_a_missing_prediction_is_named(run: dict) -> None:
    path = run["predictions"] / "b" / "008_ED.nii.gz"
    path.unlink()
    with pytest.raises(InputError, match=r"b/008_ED\.nii\.gz"):
        evaluate_cases(**run)


def test_a_damaged_or_misfitting_prediction_is_named(run: dict) -> None:
    path = run["predictions"] / "b" / "007_ED.nii.gz"
    whole = path.read_bytes()
    for damaged in (whole[:-5], whole[:-6] + bytes([whole[-6] ^ 1]) + whole[-5:]):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"007_ED\.nii\.gz.*not a readable"):
            evaluate_cases(**run)
    save(path, np.zeros((30, 31, 6), np.uint8))
    with pytest.raises(InputError, match="shape"):
        evaluate_cases(**run)


def test_gather_sorts_and_refuses_a_run_that_comes_twice(run: dict, tmp_path: Path) -> None:
    parts = []
    for seed in (10, 2):
        parts.append(tmp_path / f"{seed}.csv")
        evaluate_cases(**{**run, "keys": {**KEYS, "seed": seed}, "cases": parts[-1]})
    together, reverse = tmp_path / "all.csv", tmp_path / "reverse.csv"
    gather_cases(parts=parts, cases=together)
    gather_cases(parts=parts[::-1], cases=reverse)
    assert together.read_bytes() == reverse.read_bytes()
    assert read_cases(together).seed.is_monotonic_increasing
    with pytest.raises(InputError, match="twice"):
        gather_cases(parts=[parts[0], parts[0]], cases=together)


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_both_kinds_of_nifti_are_read(tmp_path: Path, kind: type) -> None:
    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    nibabel.save(kind(voxels, np.eye(4)), tmp_path / "a.nii")
    np.testing.assert_array_equal(read_volume(tmp_path / "a.nii"), voxels)


def test_a_file_of_many_frames_needs_the_frame(tmp_path: Path) -> None:
    save(tmp_path / "a.nii.gz", np.zeros((4, 4, 2, 3), np.uint8))
    with pytest.raises(InputError, match="frame"):
        read_volume(tmp_path / "a.nii.gz")
    with pytest.raises(InputError, match=r"a\.nii\.gz"):
        read_volume(tmp_path / "a.nii.gz", "3")
