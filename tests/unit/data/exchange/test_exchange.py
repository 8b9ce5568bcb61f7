"""nnU-Net raw and Decathlon folders: what is written is read back the same, and what others write is understood."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from cmrbridge.cli import main
from cmrbridge.core.pack import Pack, read_pack
from cmrbridge.data.check.files import read_nifti
from cmrbridge.data.check.folder import reader_of
from cmrbridge.data.exchange.export import export_cases, found_in
from cmrbridge.data.frames import Frame, IngestSettings
from cmrbridge.data.ingest import ingest
from cmrbridge.data.readers import READERS, codes_of
from cmrbridge.data.volume import read_image, read_labels
from cmrbridge.errors import InputError
from reporters import silent

TILTED = np.array([[-2.0, 0.1, 0, 60], [0, -1.6, 4.8, 50], [0, -1.2, -6.4, 10], [0, 0, 0, 1]])  # not quite orthogonal


def quiet(*_: Any, **__: Any) -> None:
    pass


def settings(reader: str, **more: Any) -> IngestSettings:
    return IngestSettings(dataset="x", reader=reader, size=48, spacing_mm=2.5, **more)


def read(folder: Path, reader: str) -> list[tuple[Frame, dict[str, int]]]:
    codes = codes_of(folder, settings(reader))
    return [(frame, codes) for frame in READERS[reader](folder, settings(reader))]


def prepare(folder: Path, reader: str, home: Path) -> Pack:
    subjects, prepared, picture = (home / name for name in ("subjects.csv", "prepared.npz", "qc.png"))
    told = replace(settings(reader), dataset="ours")
    ingest(settings=told, folder=folder, subjects=subjects, prepared=prepared, picture=picture, report=quiet)
    return read_pack(prepared)


def same_files(ours: tuple[Frame, dict[str, int]], theirs: tuple[Frame, dict[str, int]]) -> None:
    (one, codes), (other, numbers) = ours, theirs
    image, back = read_image(one.image, one.image_frame), read_image(other.image)
    np.testing.assert_array_equal(back.voxels, image.voxels)
    np.testing.assert_allclose(back.affine, image.affine, atol=1e-5)
    assert back.spacing == pytest.approx(image.spacing)
    before, after = ({fault.check for fault in read_nifti(path)[1]} for path in (one.image, other.image))
    assert after <= before
    assert one.label is not None
    assert other.label is not None
    labels = read_labels(one.label, one.label_frame, codes, image)
    np.testing.assert_array_equal(read_labels(other.label, None, numbers, back), labels)


@pytest.fixture
def odd(acdc: Path) -> Path:
    """ACDC with a tilted, slightly skewed patient and one whose affine knows nothing of its spacing."""
    for path in acdc.glob("training/patient001/*.nii.gz"):
        nibabel.save(nibabel.Nifti1Image(np.asarray(nibabel.load(path).dataobj), TILTED), path)
    for path in acdc.glob("training/patient002/*.nii.gz"):
        file = nibabel.Nifti1Image(np.asarray(nibabel.load(path).dataobj), np.diag([-1.0, -1, 1, 1]))
        file.header.set_zooms((1.4, 1.4, 10))
        nibabel.save(file, path)
    return acdc


@pytest.mark.parametrize("form", ["nnunet", "msd"])
def test_import_of_export_is_the_data_set(form: str, odd: Path, tmp_path: Path) -> None:
    out = tmp_path / "Dataset501_ours"
    assert main(["export", str(odd), "-f", form, "-o", str(out)]) == 0
    ours = read(odd, "acdc")
    for reader in (form, "manifest"):
        theirs = read(out, reader)
        assert [(one.subject, one.phase) for one, _ in theirs] == [(one.subject, one.phase) for one, _ in ours]
        for pair in list(zip(ours, theirs))[:5]:
            same_files(*pair)
    told = [replace(frame, image=Path(), label=None) for frame, _ in read(out, "manifest")]
    assert told == [replace(frame, image=Path(), label=None) for frame, _ in ours]
    assert reader_of(out) == "manifest"
    (out / "manifest.csv").unlink()
    assert reader_of(out) == form


def test_a_study_of_the_import_is_that_of_the_original(acdc: Path, tmp_path: Path) -> None:
    """Crops and labels, case by case."""
    export_cases(cases=found_in(acdc), output=tmp_path / "out", form="nnunet", report=quiet)
    homes = {"acdc": acdc, "nnunet": tmp_path / "out"}
    ours, theirs = (prepare(homes[reader], reader, tmp_path / f"of {reader}") for reader in homes)
    np.testing.assert_array_equal(theirs.images, ours.images)
    assert theirs.labels is not None
    np.testing.assert_array_equal(theirs.labels, ours.labels)


def test_the_form_is_nnunet_s(acdc: Path, tmp_path: Path) -> None:
    export_cases(cases=found_in(acdc), output=tmp_path / "out", form="nnunet", report=quiet)
    told = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert told["labels"] == {"background": 0, "LV": 1, "MYO": 2, "RV": 3}
    assert (told["numTraining"], told["file_ending"], len(told["channel_names"])) == (12, ".nii.gz", 1)
    names = {path.name.removesuffix("_0000.nii.gz") for path in (tmp_path / "out" / "imagesTr").iterdir()}
    assert names == {path.name.removesuffix(".nii.gz") for path in (tmp_path / "out" / "labelsTr").iterdir()}


def test_a_structure_that_nobody_drew_is_no_background(acdc: Path, tmp_path: Path) -> None:
    cases = found_in(acdc)
    cases[1] = replace(cases[1], frame=replace(cases[1].frame, annotated=("LV",)))
    told = export_cases(cases=cases, output=tmp_path / "out", form="msd", report=quiet)
    assert "patient001 ES" in told[1]
    listing = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert listing["test"] == ["./imagesTs/patient001_ES.nii.gz"]
    assert READERS["msd"](tmp_path / "out", settings("msd"))[1].annotated == ()


def test_without_the_lv_the_others_keep_their_names(acdc: Path, tmp_path: Path) -> None:
    """Labels are numbered from 1, whichever they are: the manifest beside is not read by its reader's own codes."""
    cases = [replace(one, frame=replace(one.frame, annotated=("MYO", "RV"))) for one in found_in(acdc)]
    export_cases(cases=cases, output=tmp_path / "out", form="nnunet", report=silent)
    found = found_in(tmp_path / "out")
    assert {case.codes["RV"] for case in found} == {2}


def test_a_domain_s_test_subjects_are_kept_from_training(acdc: Path, tmp_path: Path) -> None:
    home = tmp_path / "results" / "mine"
    prepare(acdc, "acdc", home / "ingest" / "ours")
    split = home / "data" / "siemens" / "split.csv"
    split.parent.mkdir(parents=True)
    split.write_text("subject,split,dataset\npatient001,train,ours\npatient002,val,ours\npatient005,test,ours\n")
    assert main(["export", str(split.parent), "-f", "nnunet", "-o", str(tmp_path / "out")]) == 0
    found = {part: {path.name[:10] for path in (tmp_path / "out").glob(f"labels{part}/*")} for part in ("Tr", "Ts")}
    assert found == {"Tr": {"patient001", "patient002"}, "Ts": {"patient005"}}
    assert len(READERS["nnunet"](tmp_path / "out", settings("nnunet"))) == 6
    assert main(["export", str(home / "ingest" / "ours"), "-f", "nnunet", "-o", str(tmp_path / "all")]) == 0
    assert len(list((tmp_path / "all" / "labelsTr").iterdir())) == 12


@pytest.fixture
def raw(tmp_path: Path, heart, write) -> Path:
    """nnU-Net's own ACDC: frames numbered, codes by other names; the second case is ED."""
    for name, cavity in (("patient001_frame01", 6), ("patient001_frame12", 10)):
        image, labels = heart(cavity)
        write(tmp_path / "raw" / "imagesTr" / f"{name}_0000.nii.gz", image)
        write(tmp_path / "raw" / "labelsTr" / f"{name}.nii.gz", np.array([0, 3, 2, 1], np.uint8)[labels])
        write(tmp_path / "raw" / "imagesTs" / f"{name.replace('001', '101')}_0000.nii.gz", image)
    listing(tmp_path / "raw", labels={"background": 0, "RV": 1, "MLV": 2, "LVC": 3})
    return tmp_path / "raw"


def listing(folder: Path, **changes: Any) -> None:
    told = {"channel_names": {"0": "cineMRI"}, "labels": {"LV": 1}, "numTraining": 2, "file_ending": ".nii.gz"}
    (folder / "dataset.json").write_text(json.dumps(told | changes))


def test_phases_by_the_size_of_the_lv(raw: Path) -> None:
    frames = READERS["nnunet"](raw, settings("nnunet"))
    assert [(one.subject, one.phase, one.image.name[11:18], bool(one.label)) for one in frames] == [
        ("patient001", "ED", "frame12", True),
        ("patient001", "ES", "frame01", True),
        ("patient101", "ED", "frame01", False),  # without labels counting begins at the R wave
        ("patient101", "ES", "frame12", False),
    ]
    assert codes_of(raw, settings("nnunet")) == {"RV": 1, "MYO": 2, "LV": 3}


def test_init_writes_a_manifest_of_it(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(raw)]) == 0
    told = capsys.readouterr().out
    assert "layout: nnunet" in told
    assert "labels: RV=1 MYO=2 LV=3 (" in told
    assert [frame.phase for frame in READERS["manifest"](raw, settings("manifest"))] == ["ED", "ES", "ED", "ES"]


def test_names_and_anatomy_that_contradict_each_other_are_told(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listing(raw, labels={"background": 0, "LV": 1, "MYO": 2, "RV": 3})
    assert main(["init", str(raw)]) == 0
    assert "dataset.json says LV=1 MYO=2 RV=3, but in 2 of 2 frames 2 encloses 3" in capsys.readouterr().out


def test_nnunet_1_is_read_as_the_decathlon(raw: Path) -> None:
    names = [f"patient001_frame{frame}.nii.gz" for frame in ("01", "12")]
    told = {
        "labels": {"0": "background", "1": "right ventricle", "2": "myocardium", "3": "left ventricular cavity"},
        "training": [{"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"} for name in names],
        "test": [],
    }
    (raw / "dataset.json").write_text(json.dumps(told))
    assert reader_of(raw) == "msd"
    frames = READERS["msd"](raw, settings("msd"))
    assert [frame.image.name for frame in frames] == [
        "patient001_frame12_0000.nii.gz",
        "patient001_frame01_0000.nii.gz",
    ]
    assert codes_of(raw, settings("msd")) == {"RV": 1, "MYO": 2, "LV": 3}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"labels": {"background": 0, "left atrium": 1}}, "names no LV, MYO or RV among background, left atrium"),
        ({"labels": {"LV": [1, 2]}}, "region"),
        ({"labels": [1]}, "the object `labels`"),
        ({"channel_names": {"0": "T1", "1": "T2"}}, "one channel"),
        ({"file_ending": ".nrrd"}, "convert the images"),
    ],
)
def test_a_listing_that_cannot_be_used(raw: Path, changes: dict[str, Any], reason: str) -> None:
    listing(raw, **changes)
    with pytest.raises(InputError, match=rf"dataset\.json: .*{reason}"):
        READERS["nnunet"](raw, settings("nnunet"))


def test_check_tells_a_broken_listing(raw: Path, tmp_path: Path) -> None:
    (raw / "dataset.json").write_text("{")
    assert main(["check", str(raw), "--reader", "nnunet", "-o", str(tmp_path / "out")]) == 1
    assert "dataset.json: not a readable JSON file" in (tmp_path / "out" / "problems.csv").read_text()


def test_a_case_without_phase_is_refused_with_the_way_out(raw: Path) -> None:
    (raw / "labelsTr" / "patient001_frame12.nii.gz").unlink()
    (raw / "imagesTr" / "patient001_frame12_0000.nii.gz").unlink()
    with pytest.raises(InputError, match=r"a single labelled frame; name the cases SUBJECT_ED.*cmrbridge init"):
        READERS["nnunet"](raw, settings("nnunet"))


def test_nothing_is_exported_over_a_folder(acdc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(acdc), "-f", "msd", "-o", str(acdc)]) == 2
    assert "no empty folder; name a new one" in capsys.readouterr().err
    next(acdc.glob("testing/*/*_gt.nii.gz")).write_bytes(b"x")
    assert main(["export", str(acdc), "-f", "msd", "-o", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()
