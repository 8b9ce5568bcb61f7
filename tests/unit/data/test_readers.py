"""Each layout on disk, as its makers hand it out."""

from pathlib import Path

import numpy as np
import pytest

from cmrbridge.data.frames import IngestSettings
from cmrbridge.data.readers import READERS
from cmrbridge.errors import InputError


def settings(reader: str) -> IngestSettings:
    return IngestSettings(dataset=reader, reader=reader, size=32, spacing_mm=2.0)


@pytest.mark.parametrize("reader", READERS)
def test_a_missing_folder_is_named_with_the_way_to_the_data(reader: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: no such folder; .*(http|docs)"):
        READERS[reader](tmp_path / "nowhere", settings(reader))


def test_acdc(acdc: Path) -> None:
    frames = READERS["acdc"](acdc, settings("acdc"))
    assert [(frame.subject, frame.phase) for frame in frames[:3]] == [
        ("patient001", "ED"),
        ("patient001", "ES"),
        ("patient002", "ED"),
    ]
    assert len(frames) == 12
    assert frames[1].image.name == "patient001_frame12.nii.gz"
    assert frames[1].label is not None
    assert frames[1].label.name == "patient001_frame12_gt.nii.gz"
    assert (frames[0].vendor, frames[0].centre, frames[0].pathology) == ("Siemens", "Dijon", "DCM")


def test_acdc_takes_the_cine_where_a_frame_is_missing(acdc: Path) -> None:
    next(acdc.glob("training/patient001/*_frame12.nii.gz")).unlink()
    frame = READERS["acdc"](acdc, settings("acdc"))[1]
    assert (frame.image.name, frame.image_frame) == ("patient001_4d.nii.gz", 11)


def test_acdc_without_frame_numbers(acdc: Path) -> None:
    (acdc / "training/patient001/Info.cfg").write_text("Group: DCM\n")
    with pytest.raises(InputError, match=r"Info\.cfg.*'ED:'"):
        READERS["acdc"](acdc, settings("acdc"))


def test_mnms(tmp_path: Path, heart, write) -> None:
    rows = [",External code,VendorName,Vendor,Centre,ED,ES,Age,Pathology,Sex,Height,Weight"]
    for code, home, phases in (
        ("B2", "Training/Labeled", (2, 0)),
        ("A1", "Testing", (0, 0)),
        ("C3", "Training/Unlabeled", (0, 1)),
        ("D4", "Training/Unlabeled", (0, 0)),
    ):
        labels = np.zeros((64, 72, 3, 3), np.uint8)
        if "Unlabeled" not in home:
            labels[..., 2], labels[..., 0] = heart(10)[1], heart(5)[1]
        write(tmp_path / home / code / f"{code}_sa_gt.nii.gz", labels)
        rows.append(f"0,{code},Philips,B,2,{phases[0]},{phases[1]},50,HCM,F,,")
    rows.append("9,Z9,Canon,D,5,1,2,50,NOR,F,,")
    (tmp_path / "211230_M&Ms_Dataset_information_diagnosis_opendataset.csv").write_text("\ufeff" + "\n".join(rows))
    frames = READERS["mnms"](tmp_path, settings("mnms"))
    found = [(frame.subject, frame.phase, frame.image_frame, bool(frame.annotated)) for frame in frames]
    assert found == [
        ("A1", "ED", 2, True),  # a placeholder in the table: the labels tell the frames
        ("A1", "ES", 0, True),
        ("B2", "ED", 2, True),
        ("B2", "ES", 0, True),
        ("C3", "ED", 0, False),
        ("C3", "ES", 1, False),
    ]
    assert (frames[0].vendor, frames[0].centre, frames[0].label_frame) == ("Philips", "2", 2)


def test_mnms2(tmp_path: Path, heart, write) -> None:
    (tmp_path / "dataset_information.csv").write_text(
        "SUBJECT_CODE;DISEASE;VENDOR;SCANNER;FIELD\n"
        "2;NOR;GE MEDICAL SYSTEMS;SIGNA EXCITE;1,5\n1;FALL;SIEMENS;Avanto;1.5\n"
    )
    for code in ("001", "002"):
        for phase in ("ED", "ES"):
            write(tmp_path / "dataset" / code / f"{code}_SA_{phase}.nii.gz", heart()[0])
            write(tmp_path / "dataset" / code / f"{code}_SA_{phase}_gt.nii.gz", heart()[1])
            write(tmp_path / "dataset" / code / f"{code}_LA_{phase}.nii.gz", heart()[0])
    frames = READERS["mnms2"](tmp_path, settings("mnms2"))
    assert [frame.image.name for frame in frames] == [
        f"00{n}_SA_{phase}.nii.gz" for n in (1, 2) for phase in ("ED", "ES")
    ]
    assert (frames[2].vendor, frames[2].scanner, frames[2].field_strength_t) == ("GE", "SIGNA EXCITE", 1.5)


def test_manifest(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text(
        "subject,phase,image,label,annotated,vendor,field_strength_t,source_indices\n"
        "p1,ES,images/b.nii.gz,labels/b.nii.gz,LV,GE,1.5,2 3\n"
        "p1,ED,images/a.nii.gz,,,GE,,\n"
    )
    first, second = READERS["manifest"](tmp_path, settings("manifest"))
    assert (first.phase, first.label, first.annotated, first.slice_numbers) == ("ED", None, (), ())
    assert (second.image, second.annotated) == (tmp_path / "images/b.nii.gz", ("LV",))
    assert (second.field_strength_t, second.slice_numbers) == (1.5, (2, 3))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("subject,label\np1,x\n", "lacks the columns phase, image"),
        ("subject,phase,image\np1,EDV,x\n", "phase 'EDV'"),
        ("subject,phase,image,annotated\np1,ED,x,LV LA\n", "annotates LA"),
        ("subject,phase,image\np1,ED,x\np1,ED,y\n", "more than one row for p1 ED"),
        ("subject,phase,image\n", "no rows"),
        ("subject,phase,image,field_strength_t\np1,ED,x,strong\n", "'strong', which is no number"),
    ],
)
def test_a_careless_manifest(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "manifest.csv").write_text(text)
    with pytest.raises(InputError, match=rf"manifest\.csv.*{reason}"):
        READERS["manifest"](tmp_path, settings("manifest"))
