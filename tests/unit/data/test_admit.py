"""What a data set hands on when it is admitted: voxels and listed words, and no person's name."""

import csv
import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from cmrbridge.core.header import KEPT
from cmrbridge.core.keys import read_salt, subject_key
from cmrbridge.core.pack import Pack, read_pack
from cmrbridge.custody.scan import scan
from cmrbridge.custody.words import Words
from cmrbridge.data.admit import AdmitSettings, admit, keys_of
from cmrbridge.data.exchange.export import export_cases, found_in
from cmrbridge.data.ingest import IngestSettings, ingest
from cmrbridge.data.readers import codes_of
from cmrbridge.errors import InputError
from planted import WORDS, plant_columns, plant_header
from reporters import silent

SETTINGS = AdmitSettings(dataset="ours", reader="manifest", pseudonymise=True)
Writer = Callable[..., Path]


def admitted(folder: Path, settings: AdmitSettings = SETTINGS) -> tuple[list[dict[str, str]], Path]:
    """(rows of the manifest, the folder)."""
    output = folder.with_name("admitted") / "files"
    admit(settings=settings, folder=folder, output=output, salt=folder.with_name("salt"), report=silent)
    return list(csv.DictReader((output / "manifest.csv").open())), output


def ingested(folder: Path, reader: str, out: Path, labels: dict[str, int]) -> Pack:
    settings = IngestSettings(dataset="ours", reader=reader, size=48, spacing_mm=2.5, labels=labels)
    files = {"subjects": out / "subjects.csv", "prepared": out / "prepared.npz", "picture": out / "qc.png"}
    ingest(settings=settings, folder=folder, **files, report=silent)
    return read_pack(out / "prepared.npz")


def manifest(folder: Path, *rows: str) -> Path:
    (folder / "manifest.csv").write_text("\n".join(["subject,phase,image,image_frame,label", *rows]) + "\n")
    return folder


def findings(folder: Path) -> list[str]:
    return [str(one) for one in scan(folder, Words(list(WORDS), "words"), silent)]


@pytest.fixture
def planted(tmp_path: Path, write: Writer) -> Path:
    """Names in paths, headers, extensions and columns that nobody asked for."""
    folder = tmp_path / "in"
    voxels = np.arange(16 * 16 * 3, dtype=np.int16).reshape(16, 16, 3)
    path = write(folder / "Planted_Jane" / "MRN4711007.nii.gz", voxels)
    plant_header(path)
    manifest(folder, "MRN4711007,ED,Planted_Jane/MRN4711007.nii.gz,,Planted_Jane/MRN4711007.nii.gz")
    plant_columns(folder / "manifest.csv")
    return folder


def test_no_planted_identifier_gets_in(planted: Path) -> None:
    assert findings(planted), "they are there to be found"
    rows, output = admitted(planted)
    assert findings(output) == []
    assert [row["subject"] for row in rows] == [subject_key("MRN4711007", read_salt(planted.with_name("salt")))]
    header = nibabel.load(output / rows[0]["image"]).header
    fresh = nibabel.Nifti1Header()
    assert [name for name in fresh if name not in KEPT and header[name] != fresh[name]] == []
    assert gzip.decompress((output / rows[0]["image"]).read_bytes())[348:352] == b"\0\0\0\0", "no extension"


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_frame_of_a_cine_keeps_its_bits_and_its_place(tmp_path: Path, kind: type, order: str) -> None:
    affine = np.array([[0, -1.5, 0.1, 7], [1.5, 0, 0.2, -3], [0, 0, 8, 11], [0, 0, 0, 1.0]])
    stored = np.random.default_rng(0).integers(-900, 900, (6, 7, 3, 4)).astype(np.int16)
    header = kind.header_class(endianness=order)
    image = kind(stored, affine, header)
    image.header.set_data_dtype(np.int16)
    image.header.set_slope_inter(0.5, 3)
    image.set_qform(affine, 1)
    image.header.set_xyzt_units("mm", "sec")
    (tmp_path / "in").mkdir()
    nibabel.save(image, tmp_path / "in" / "cine.nii")
    before = nibabel.load(tmp_path / "in" / "cine.nii")
    rows, output = admitted(manifest(tmp_path / "in", "a,ED,cine.nii,2,"))
    after = nibabel.load(output / rows[0]["image"])
    np.testing.assert_array_equal(after.dataobj.get_unscaled(), before.dataobj.get_unscaled()[..., 2])
    np.testing.assert_array_equal(np.asarray(after.dataobj), np.asarray(before.dataobj)[..., 2])
    np.testing.assert_array_equal(after.affine, before.affine)
    assert after.header.endianness == order
    assert after.header.get_zooms() == before.header.get_zooms()[:3]


def test_another_layout_gives_the_same_slices_under_keys(acdc: Path, tmp_path: Path) -> None:
    rows, output = admitted(acdc, replace(SETTINGS, reader="acdc"))
    assert {row["vendor"] for row in rows} == {"Siemens"}
    before = ingested(acdc, "acdc", tmp_path / "before", {})
    after = ingested(output, "manifest", tmp_path / "after", {})
    salt = tmp_path / "salt"
    keys = keys_of(acdc, None, salt)
    of = {case.subject + case.phase: index for index, case in enumerate(after.cases)}
    order = [of[keys[case.subject] + case.phase] for case in before.cases]
    np.testing.assert_array_equal(after.select(order).images, before.images)
    np.testing.assert_array_equal(after.select(order).labels, before.labels)
    assert "patient" not in (output / "manifest.csv").read_text()


def test_codes_travel_with_the_copy(acdc: Path, tmp_path: Path) -> None:
    """A manifest's own codes would take ACDC's right ventricle, or that of an nnU-Net folder, for the left one."""
    export_cases(cases=found_in(acdc), output=tmp_path / "nnunet", form="nnunet", report=silent)
    listing = tmp_path / "nnunet" / "dataset.json"
    told = json.loads(listing.read_text())
    listing.write_text(json.dumps(told | {"labels": {"background": 0, "RV": 1, "LV": 2, "MYO": 3}}))
    for folder, reader, codes in (
        (acdc, "acdc", {"LV": 3, "MYO": 2, "RV": 1}),
        (tmp_path / "nnunet", "nnunet", {"RV": 1, "LV": 2, "MYO": 3}),
    ):
        copy = tmp_path / f"{reader} copied"
        admit(
            settings=replace(SETTINGS, reader=reader),
            folder=folder,
            output=copy,
            salt=tmp_path / "salt",
            report=silent,
        )
        assert codes_of(copy, IngestSettings("ours", "manifest", 48, 2.5)) == codes


def test_forgotten_people_are_left_out_with_names_or_keys(acdc: Path) -> None:
    rows, output = admitted(acdc, replace(SETTINGS, reader="acdc", pseudonymise=False))
    assert {row["subject"] for row in rows} == {f"patient00{number}" for number in range(1, 7)}
    salt = acdc.with_name("salt")
    key = keys_of(acdc, None, salt)["patient003"]
    for hidden in (False, True):
        output.rename(output.with_name(f"before {hidden}"))
        rows, output = admitted(acdc, replace(SETTINGS, reader="acdc", pseudonymise=hidden, forgotten=(key,)))
        assert len(rows) == 10
        assert not {"patient003", key} & {row["subject"] for row in rows}
        assert len(list(output.rglob("*.nii.gz"))) == 20


@pytest.mark.parametrize(
    ("row", "what"),
    [("MRN4711007,ED,Planted_Jane/none.nii.gz,,", "the image of subject 1 of 1, ED,"),
     ("MRN4711007,EDD,Planted_Jane/MRN4711007.nii.gz,,", "its folder or a table of it"),
     ("MRN4711007,ED,Planted_Jane/MRN4711007.nii.gz,x,", "its folder or a table of it")],
)  # fmt: skip
def test_an_error_tells_what_to_do_and_names_nobody(planted: Path, row: str, what: str) -> None:
    manifest(planted, row)
    with pytest.raises(InputError) as caught:
        admitted(planted)
    assert str(caught.value).startswith(f"dataset ours: {what} cannot be used; `cmrbridge check {planted}` names")
    assert not list(Words(list(WORDS), "words").find(str(caught.value)))
    assert not list(planted.parent.glob("admitted/*")), "nothing half made"


def test_keys_are_stable_and_never_made_from_a_new_salt_unasked(tmp_path: Path, planted: Path) -> None:
    with pytest.raises(InputError, match="name the salt of the study"):
        keys_of(planted, None, tmp_path / "none")
    salt = read_salt(tmp_path / "salt")
    assert read_salt(tmp_path / "salt") == salt
    assert keys_of(planted, None, tmp_path / "salt") == {"MRN4711007": subject_key("MRN4711007", salt)}
    assert subject_key("MRN4711007", b"0" * 64) != subject_key("MRN4711007", salt)
