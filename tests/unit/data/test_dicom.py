"""DICOM folders, as four vendors write them, come back as the array and the place that they were made from."""

import gzip
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from cmrbridge.cli import main
from cmrbridge.core.anatomy import PHASES
from cmrbridge.core.keys import read_salt, subject_key
from cmrbridge.data.frames import IngestSettings
from cmrbridge.data.phantom.cohort import draw_anatomy
from cmrbridge.data.phantom.scan import scan
from cmrbridge.data.phantom.scanner import SCANNERS
from cmrbridge.data.readers import READERS
from cmrbridge.errors import InputError
from conversions import convert, refused, same
from scans import HABITS, NAME, PATIENT, STEP_MS, Habit, beating, export, oblique, plane, save


@pytest.fixture(scope="module")
def phantom() -> tuple[np.ndarray, np.ndarray]:
    """A patient of the phantom at every second pixel: 8 frames from ED to ES and back, (x, y, slice, frame)."""
    result = scan(draw_anatomy(np.random.default_rng(3), "NOR"), SCANNERS["aurora"], np.random.default_rng(4))
    ed, es = (result.images[phase][::2, ::2].astype(float) for phase in PHASES)
    shares = np.sin(np.pi * np.array([0, 1, 2, 3, 3.5, 4.2, 5, 6]) / 7) ** 2
    cine = np.stack([ed + share * (es - ed) for share in shares], axis=3).round().astype(np.int16)
    return cine, result.affine @ np.diag([2, 2, 1, 1])


@pytest.mark.parametrize("vendor", HABITS)
def test_the_phantom_returns_from_every_vendors_files(vendor: str, phantom, tmp_path: Path) -> None:
    cine, affine = phantom
    cine = np.minimum(cine, 4095)
    export(tmp_path / "in" / "a", cine, affine, HABITS[vendor])
    (cines, manifest, output) = convert(tmp_path / "in")
    same(output, cines[0], cine, affine)
    tesla = "3" if vendor == "Philips" else "1.5"
    about = [(r["phase"], r["image_frame"], r["vendor"], r["centre"], r["field_strength_t"]) for r in manifest]
    assert about == [("ED", "0", vendor, "Mercy Hospital", tesla), ("ES", "4", vendor, "Mercy Hospital", tesla)]
    assert manifest[0]["scanner"] == HABITS[vendor].model
    step = nibabel.load(output / cines[0]["image"]).header.get_zooms()[3]
    assert step == pytest.approx(STEP_MS if HABITS[vendor].trigger else 0)
    if vendor == "Canon":
        assert cines[0]["notes"] == "frames ordered by InstanceNumber: TriggerTime is missing in " + (
            f"{cine[0, 0].size} of {cine[0, 0].size} images"
        )


def test_a_converted_cine_is_read_by_the_workflow(tmp_path: Path) -> None:
    export(tmp_path / "in", beating(), oblique())
    _, _, output = convert(tmp_path / "in")
    frames = READERS["manifest"](output, IngestSettings(dataset="d", reader="manifest", size=32, spacing_mm=1.5))
    assert [(frame.phase, frame.image_frame, frame.label) for frame in frames] == [("ED", 0, None), ("ES", 3, None)]


def test_a_known_voxel_lies_where_its_header_says(tmp_path: Path) -> None:
    """By DICOM's own equation (PS3.3 C.7.6.2.1.1), from the header of the file that holds that voxel."""
    cine, affine = beating(), oblique(8.0)
    cine[5, 7, 2, 0] = 4000
    files = export(tmp_path / "in", cine, affine)
    cines, _, output = convert(tmp_path / "in")
    header = pydicom.dcmread(files[2 * cine.shape[3]])
    assert header.pixel_array[7, 5] == 4000
    place, rows_mm, columns_mm = (*[np.array(header.ImagePositionPatient, float)], *map(float, header.PixelSpacing))
    across, down = np.split(np.array(header.ImageOrientationPatient, float), 2)
    left, back, up = place + across * columns_mm * 5 + down * rows_mm * 7
    image = nibabel.load(output / cines[0]["image"])
    at = np.argwhere(np.asarray(image.dataobj)[..., 0] == 4000)[0]
    np.testing.assert_allclose(nibabel.affines.apply_affine(image.affine, at), [-left, -back, up], atol=1e-3)
    assert image.header.get_zooms()[2] == pytest.approx(8.0), "of the positions; the thickness is 6 mm"


@pytest.mark.parametrize("flip", [(1, 1, -1), (-1, 1, 1), (1, -1, -1)])
def test_slices_run_from_base_to_apex_however_they_are_stored(flip: tuple[int, ...], tmp_path: Path) -> None:
    cine, affine = beating(), oblique()
    flipped = cine[tuple(slice(None, None, sign) for sign in flip)]
    turned = affine @ np.diag([*flip, 1.0])
    turned[:3, 3] = (affine @ [*((n - 1) * (sign < 0) for n, sign in zip(cine.shape, flip)), 1])[:3]
    export(tmp_path / "in", flipped, turned)
    cines, _, output = convert(tmp_path / "in")
    found = nibabel.load(output / cines[0]["image"])
    assert found.affine[:3, 2] @ affine[:3, 2] > 0
    for voxel in np.argwhere(cine[..., 0] > 940)[::50]:
        there = np.rint(np.linalg.inv(found.affine) @ affine @ [*voxel, 1]).astype(int)[:3]
        assert np.asarray(found.dataobj)[(*there, 0)] == cine[(*voxel, 0)]


@pytest.mark.parametrize(
    "habit",
    [
        Habit(syntax=ImplicitVRLittleEndian),
        Habit(syntax=ExplicitVRBigEndian),
        Habit(syntax=RLELossless),
        Habit(signed=True, intercept=2000),
        Habit(inverted=True),
        Habit(inverted=True, signed=False, stored=16),
        Habit(enhanced=True, trigger=False),
    ],
    ids=["implicit", "big-endian", "rle", "signed", "inverted", "inverted-16", "dimension-index"],
)
def test_every_way_to_store_pixels(habit: Habit, tmp_path: Path) -> None:
    export(tmp_path / "in", beating(), oblique(), habit)
    cines, _, output = convert(tmp_path / "in")
    same(output, cines[0], beating(), oblique())


@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGLSLossless])
def test_lossless_jpeg(syntax: str, tmp_path: Path) -> None:
    import gdcm

    for path in export(tmp_path / "in", beating(), oblique()):
        reader, writer, change = gdcm.ImageReader(), gdcm.ImageWriter(), gdcm.ImageChangeTransferSyntax()
        reader.SetFileName(str(path))
        assert reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(syntax))))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer.SetFileName(str(path))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == syntax
    cines, _, output = convert(tmp_path / "in")
    same(output, cines[0], beating(), oblique())


def test_overlays_above_the_high_bit_are_no_pixels(tmp_path: Path) -> None:
    for path in export(tmp_path / "in", beating(), oblique()):
        dataset = pydicom.dcmread(path)
        dataset.PixelData = (np.frombuffer(dataset.PixelData, "<u2") | 0x8000).astype("<u2").tobytes()
        dataset.save_as(path)
    cines, _, output = convert(tmp_path / "in")
    same(output, cines[0], beating(), oblique())


def test_scaled_pixels_are_written_as_they_are_meant(tmp_path: Path) -> None:
    export(tmp_path / "in", beating(), oblique(), Habit(slope=0.5, intercept=3))
    cines, _, output = convert(tmp_path / "in")
    image = nibabel.load(output / cines[0]["image"])
    assert image.get_data_dtype() == np.float32
    np.testing.assert_allclose(np.asarray(image.dataobj), beating(), atol=0.26)


def test_nothing_of_a_header_survives_but_the_machine(tmp_path: Path) -> None:
    export(tmp_path / "in", beating(), oblique(), HABITS["Philips"])
    _, _, output = convert(tmp_path / "in")
    written = b""
    for path in output.rglob("*"):
        if path.is_file():
            written += path.name.encode() + (gzip.decompress if path.suffix == ".gz" else bytes)(path.read_bytes())
    for planted in (*NAME.split("^"), PATIENT, "19610203", "Referrer", "ACC990017", "1.2.826", "sBTFE", "PRIVATE"):
        assert planted.lower().encode() not in written.lower()


def test_other_series_and_other_files_are_left_aside(tmp_path: Path) -> None:
    home = tmp_path / "in"
    export(home / "cine", beating(), oblique(), number=9)
    export(home / "scout", beating(1), np.diag([-1, -1, 8.0, 1]), number=1)
    long_axis = oblique()[:, [2, 1, 0, 3]] @ np.diag([0.2, 1, 5, 1])
    export(home / "long axis", beating(), long_axis, Habit(description=""), number=4)
    export(home / "late", beating(1), oblique(), Habit(description="psir_sa"), number=12)
    (home / "README.dcm").write_text("not DICOM, whatever its name says")
    (home / "weights.dcm").write_bytes(b"\x80\x04\x95pickle")
    directory = plane(beating()[:, :, 0, 0], oblique(), 0)
    directory.SOPInstanceUID = "1.2.3"
    directory.SOPClassUID = directory.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    save(directory, home / "DICOMDIR")
    cines, _, output = convert(home)
    same(output, cines[0], beating(), oblique())
    assert cines[0]["chosen"].startswith("series 9 (3 slices × 8 frames of 24 × 20, normal 0°")


def test_two_cines_are_a_choice_that_the_user_makes(tmp_path: Path) -> None:
    home = tmp_path / "in"
    export(home / "a", beating(), oblique(), Habit(description=""), number=7)
    export(home / "b", beating() + 1, oblique(), Habit(description=""), number=8)
    message = refused(home)
    assert "several short-axis cines" in message
    assert "series 7 (3 slices × 8 frames" in message
    assert "--series" in message
    cines, _, output = convert(home, series=("8",))
    same(output, cines[0], beating() + 1, oblique())


def test_two_studies_of_a_person_are_never_taken_for_one(tmp_path: Path) -> None:
    home = tmp_path / "in"
    export(home / "before", beating(), oblique(), study="1.2.3")
    export(home / "after", beating(shape=(24, 20, 4)), oblique(), study="1.2.4")
    assert "these are 2 studies" in refused(home)
    cines, _, _ = convert(home, subjects_by="study")
    assert sorted(row["slices"] for row in cines) == ["3", "4"]


def test_folders_tell_people_apart_where_headers_do_not(tmp_path: Path) -> None:
    home = tmp_path / "in"
    for name in ("a", "b"):
        export(home / name / "x", beating(), oblique())
    assert len(convert(home, subjects_by="folder")[0]) == 2
    next(home.glob("a/x/*")).rename(home / "stray")
    shutil.rmtree(tmp_path / "out")
    assert "stray: not in a folder of its subject" in refused(home, subjects_by="folder")


def test_no_short_axis_names_what_there_is(tmp_path: Path) -> None:
    export(tmp_path / "in", beating(), np.diag([-1.5, -1.5, 8, 1]))
    assert "no short-axis cine" in (message := refused(tmp_path / "in"))
    assert "series 7" in message
    assert "no short axis" in message


def test_a_key_is_the_same_for_a_person_and_not_to_be_guessed(tmp_path: Path) -> None:
    export(tmp_path / "one" / "in", beating(), oblique())
    export(tmp_path / "two" / "in", beating(), oblique())
    keys = [convert(tmp_path / name / "in")[0][0]["subject"] for name in ("one", "two")]
    assert keys[0] != keys[1], "each has a salt of its own"
    assert (tmp_path / "one" / "salt").stat().st_mode & 0o077 == 0


def test_a_forgotten_person_is_not_converted_again(tmp_path: Path) -> None:
    home = tmp_path / "in"
    for name in ("a", "b"):
        export(home / name / "x", beating(), oblique())
    keys = [row["subject"] for row in convert(home, subjects_by="folder")[0]]
    salt = read_salt(tmp_path / "salt")
    for listed in (keys[0], subject_key(keys[0], salt)):  # the latter where a study keys the keys again
        shutil.rmtree(tmp_path / "out")
        cines, manifest, output = convert(home, subjects_by="folder", forgotten=(listed,))
        assert {row["subject"] for row in [*cines, *manifest]} == {keys[1]}
        assert not list(output.rglob(f"{keys[0]}*"))
    shutil.rmtree(tmp_path / "out")
    with pytest.raises(InputError, match="everybody in it is to be forgotten"):
        convert(home, subjects_by="folder", forgotten=tuple(keys))
    assert not (tmp_path / "out").exists()


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(tmp_path / "in", beating(), oblique(), HABITS["Philips"])
    assert main(["dicom", str(tmp_path / "in"), str(tmp_path / "out"), "--series", "7"]) == 0
    assert (tmp_path / "out.salt").is_file()
    assert main(["dicom", str(tmp_path / "in"), str(tmp_path / "out")]) == 2
    assert "out: not empty" in capsys.readouterr().err
