"""From files to subjects.csv, the pack and the picture."""

import dataclasses
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest

from cmrbridge.core.pack import Pack, read_pack
from cmrbridge.data.ingest import COLUMNS, IngestSettings, ingest
from cmrbridge.errors import InputError

SETTINGS = IngestSettings(dataset="acdc", reader="acdc", size=48, spacing_mm=2.5, licence="CC BY-NC-SA 4.0")


def run(folder: Path, out: Path, settings: IngestSettings = SETTINGS) -> tuple[pd.DataFrame, Pack]:
    ingest(
        settings=settings,
        folder=folder,
        subjects=out / "subjects.csv",
        prepared=out / "prepared.npz",
        picture=out / "qc.png",
        report=lambda step, total=None, **values: None,
    )
    return pd.read_csv(out / "subjects.csv", keep_default_na=False), read_pack(out / "prepared.npz")


def test_rows_and_slices(acdc: Path, tmp_path: Path) -> None:
    table, pack = run(acdc, tmp_path / "out")
    assert tuple(table.columns) == COLUMNS
    assert len(table) == len(pack.cases) == 12
    assert table.annotated.unique().tolist() == ["LV MYO RV"]
    assert table.cut_off.max() == 0
    assert pack.images.shape == (36, 48, 48)
    assert pack.labels is not None
    assert set(np.unique(pack.labels)) == {0, 1, 2, 3}
    cavity, right = (np.argwhere(pack.labels[0] == code).mean(axis=0) for code in (1, 3))
    assert right[1] < cavity[1] - 5
    assert abs(right[0] - cavity[0]) < 2
    assert (tmp_path / "out/qc.png").read_bytes()[1:4] == b"PNG"


def test_equal_input_gives_equal_bytes(acdc: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        run(acdc, tmp_path / name)
    for file in ("subjects.csv", "prepared.npz", "qc.png"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize("kind", ["flip x", "flip y", "turn"])
def test_the_file_s_axes_do_not_matter(acdc: Path, tmp_path: Path, kind: str) -> None:
    _, truth = run(acdc, tmp_path / "one")
    for path in acdc.rglob("*.nii.gz"):
        file = nibabel.load(path)
        array = np.asarray(file.dataobj)
        turned, axes = {
            "flip x": (array[::-1], [[-1, 0], [0, 1]]),
            "flip y": (array[:, ::-1], [[1, 0], [0, -1]]),
            "turn": (np.rot90(array), [[0, 1], [-1, 0]]),  # rot90 makes x out of −y
        }[kind]
        affine = file.affine.copy()
        affine[:3, :2] = (
            file.affine[:3, :2] @ np.array(axes, float)
            if kind != "turn"
            else np.stack([-file.affine[:3, 1], file.affine[:3, 0]], axis=1)
        )
        nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(turned), affine), path)
    _, pack = run(acdc, tmp_path / "two")
    np.testing.assert_array_equal(pack.images, truth.images)
    assert pack.labels is not None
    assert truth.labels is not None
    assert (pack.labels != truth.labels).mean() < 1e-4  # ties between two classes may break the other way


def test_swapped_codes_are_noticed(acdc: Path, tmp_path: Path) -> None:
    for codes in ({"LV": 2, "MYO": 3, "RV": 1}, {"LV": 1, "MYO": 2, "RV": 3}):
        with pytest.raises(InputError, match=r"does not enclose.*`labels`"):
            run(acdc, tmp_path / "out", dataclasses.replace(SETTINGS, labels=codes))


def test_codes_that_cannot_be(acdc: Path, tmp_path: Path) -> None:
    for codes in ({"LV": 0}, {"LV": 1, "MYO": 1}, {"LA": 1}):
        with pytest.raises(InputError, match="code of its own"):
            run(acdc, tmp_path / "out", dataclasses.replace(SETTINGS, labels=codes))


def test_a_subject_without_labels(acdc: Path, tmp_path: Path) -> None:
    for path in acdc.glob("training/patient001/*_gt.nii.gz"):
        path.unlink()
    table, pack = run(acdc, tmp_path / "out")
    assert table.annotated.tolist()[:3] == ["", "", "LV MYO RV"]
    assert pack.cases[0].annotated == ()
    assert pack.labels is not None
    assert not pack.labels[pack.case == 0].any()


def test_swapped_phases_leave_a_warning(acdc: Path, tmp_path: Path) -> None:
    (acdc / "training/patient001/Info.cfg").write_text("ED: 12\nES: 1\nGroup: DCM\n")
    table, _ = run(acdc, tmp_path / "out")
    assert "swapped" in table.warnings[0]
    assert (table.warnings[2:] == "").all()


def test_a_structure_that_a_frame_does_not_annotate_is_left_out(acdc: Path, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    shutil.copytree(acdc / "training/patient001", folder)
    (folder / "manifest.csv").write_text(
        "subject,phase,image,label,annotated\np1,ES,patient001_frame12.nii.gz,patient001_frame12_gt.nii.gz,LV\n"
    )
    settings = dataclasses.replace(SETTINGS, reader="manifest", labels={"LV": 3, "MYO": 2, "RV": 1})
    table, pack = run(folder, tmp_path / "out", settings)
    assert table.annotated.tolist() == ["LV"]
    assert pack.labels is not None
    assert set(np.unique(pack.labels)) == {0, 1}
    assert (table.centre_x[0], table.centre_y[0]) == (31.5, 35.5)  # one phase alone: the image's middle


def test_unknown_reader(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no reader 'dicom'; choose from acdc"):
        run(tmp_path, tmp_path / "out", dataclasses.replace(SETTINGS, reader="dicom"))
