"""What may be dropped on the page, told by its content; what must not harm; and names, which go nowhere."""

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from cmrbridge.app.case import Case, frame, load
from cmrbridge.app.upload import open_folder, open_upload
from cmrbridge.app.worker import without_paths
from cmrbridge.errors import InputError
from scans import NAME, PATIENT, Habit, beating, export, oblique

CINE, AFFINE = beating(), oblique()


def nifti(voxels: np.ndarray, affine: np.ndarray = AFFINE) -> bytes:
    return bytes(nibabel.Nifti1Image(voxels, affine).to_bytes())


def zipped(**files: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(mode: str = "w", **files: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def dicom(folder: Path, **habit: object) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in export(folder, CINE, AFFINE, Habit(**habit))}  # type: ignore[arg-type]


def opened(content: bytes, home: Path) -> tuple[Case, list[np.ndarray]]:
    """The case and its frames; nothing may be left of the upload but them."""
    folder = home / "case"
    folder.mkdir()
    (folder / "upload").write_bytes(content)
    case = open_upload(folder / "upload", folder)
    assert load(folder) == case
    left = {path.name for path in folder.iterdir()} - {"upload"}
    assert left == {"case.json", "frames", "frame.hdr", "image.hdr", "labels.hdr", "truth.hdr"}
    return case, [frame(folder, case, number).voxels for number in range(case.frames)]


def refused(content: bytes, home: Path) -> str:
    """Why an upload is refused, as the page is told; nothing may be left of what was unpacked."""
    folder = home / "case"
    folder.mkdir()
    (folder / "upload").write_bytes(content)
    with pytest.raises(InputError) as error:
        open_upload(folder / "upload", folder)
    assert {path.name for path in folder.iterdir()} <= {"upload"}
    told = without_paths(str(error.value), str(folder))
    assert str(home) not in told
    return told


CINES: dict[str, Callable[[Path], bytes]] = {
    "nii": lambda _: nifti(CINE),
    "nii.gz": lambda _: gzip.compress(nifti(CINE)),
    "zip of a NIfTI file": lambda _: zipped(x=gzip.compress(nifti(CINE))),
    "zip of DICOM files": lambda home: zipped(**dicom(home / "in")),
    "tar of DICOM files": lambda home: tarred(**dicom(home / "in")),
    "tar.gz of DICOM files": lambda home: tarred("w:gz", **dicom(home / "in", single_series=False)),
    "one enhanced DICOM file": lambda home: next(iter(dicom(home / "in", enhanced=True).values())),
}


@pytest.mark.parametrize("kind", CINES)
def test_a_cine_in_any_wrapping_is_the_same_case(kind: str, tmp_path: Path) -> None:
    case, frames = opened(CINES[kind](tmp_path), tmp_path)
    np.testing.assert_array_equal(np.stack(frames, axis=3), CINE)
    np.testing.assert_allclose(case.affine, AFFINE, atol=1e-4)
    assert (case.ed, case.es, case.shape, case.dtype) == (0, 3, CINE.shape[:3], "<i2")
    if "DICOM" in kind:
        assert case.source["vendor"] == "Siemens"
        assert case.seconds_per_frame == pytest.approx(0.04)
    else:
        assert case.seconds_per_frame is None


def test_two_images_are_end_diastole_and_systole_in_either_order(tmp_path: Path) -> None:
    for order in ((0, 3), (3, 0)):
        home = tmp_path / str(order)
        home.mkdir()
        case, frames = opened(zipped(**{f"{at}.nii": nifti(CINE[..., t]) for at, t in enumerate(order)}), home)
        assert [frames[case.ed].sum(), frames[case.es].sum()] == [CINE[..., 0].sum(), CINE[..., 3].sum()]
        assert case.phases[case.ed] == "ED"


def test_a_folder_of_dicom_files_stays_as_it_is(tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in export(tmp_path / "in", CINE, AFFINE)}
    (tmp_path / "case").mkdir()
    assert open_folder(tmp_path / "in", tmp_path / "case").frames == CINE.shape[3]
    assert {path: path.read_bytes() for path in (tmp_path / "in").iterdir()} == before


def huge() -> bytes:
    """A header that announces 8 TB."""
    header = nibabel.Nifti1Header()
    header.set_data_shape((20000, 20000, 20000))
    return bytes(header.binaryblock) + b"\0" * 4


def bomb() -> bytes:
    """A NIfTI file with 1 GB of zeros behind it, in 1 MB."""
    stream = io.BytesIO()
    with gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=9) as packed:
        packed.write(nifti(CINE))
        for _ in range(1024):
            packed.write(bytes(1 << 20))
    return stream.getvalue()


HOSTILE: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "text": (lambda _: b"name,age\nDoe,61\n" * 40, "neither an image nor an archive"),
    "nothing in a gzip": (lambda _: gzip.compress(b""), "neither an image nor an archive"),
    "a cut gzip": (lambda _: gzip.compress(nifti(CINE))[:-20], "cut short or damaged"),
    "a cut NIfTI file": (lambda _: nifti(CINE)[:-100], "the header announces"),
    "a lying header": (lambda _: huge(), "cannot be right"),
    "a gzip bomb": (lambda _: bomb(), "more than that"),
    "a zip bomb": (lambda _: zipped(**{str(n): bytes(64 << 20) for n in range(8)}), "the archive was refused"),
    "a zip that leads out": (lambda _: zipped(**{"../../Doe.nii": nifti(CINE)}), "the archive was refused"),
    "a tar with an absolute path": (lambda _: tarred(**{"/tmp/Doe.nii": nifti(CINE)}), "the archive was refused"),
    "a zip of text": (lambda _: zipped(Doe=b"hello"), "no DICOM and no NIfTI image in it"),
    "two grids": (
        lambda _: zipped(a=nifti(CINE[..., 0]), b=nifti(CINE[:-1, ..., 1])),
        "do not lie on one grid",
    ),
    "three images": (lambda _: zipped(**{f"Doe{n}": nifti(CINE[..., n]) for n in range(3)}), "3 NIfTI images"),
    "two cines": (lambda _: zipped(a=nifti(CINE), b=nifti(CINE)), "two cines"),
    "an image and its mask": (
        lambda _: zipped(a=nifti(CINE[..., 0]), b=nifti((CINE[..., 0] > CINE.mean()).astype(np.uint8))),
        "one of the two images is a mask",
    ),
    "colour": (lambda _: nifti(np.zeros((8, 8, 3), [("R", "u1"), ("G", "u1"), ("B", "u1")])), "plain numbers"),
    "no contrast": (lambda _: nifti(np.ones((8, 8, 3), np.int16)), "every voxel is 1"),
    "a missing image": (
        lambda home: zipped(**dict([*dicom(home / "in").items()][:-1])),
        "has 7 frames, most slices have 8",
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_refuses_in_words_that_name_nobody(kind: str, tmp_path: Path) -> None:
    make, words = HOSTILE[kind]
    told = refused(make(tmp_path), tmp_path)
    assert words in told
    assert not any(part in told for part in ("Doe", "Jane", PATIENT, "in/"))
    assert "series`" not in told, "a remedy that nobody has here"


def test_a_patients_name_in_a_member_or_a_header_goes_nowhere(tmp_path: Path) -> None:
    files = {f"{NAME}/<img src=x>{name}": content for name, content in dicom(tmp_path / "in").items()}
    opened(zipped(**files), tmp_path)
    kept = b"".join(
        path.read_bytes() for path in (tmp_path / "case").rglob("*") if path.is_file() and path.name != "upload"
    )
    assert not any(word.encode() in kept for word in ("Doe", "Planted", PATIENT, "img src"))


def test_slices_that_do_not_lie_last_are_brought_there(tmp_path: Path) -> None:
    turned = np.moveaxis(CINE[..., 0], 2, 0)
    case, frames = opened(nifti(turned, AFFINE[:, [2, 0, 1, 3]]), tmp_path)
    np.testing.assert_array_equal(frames[0], CINE[..., 0])
    assert (case.slice_axis, case.centre) == (0, None)
    np.testing.assert_allclose(case.affine, AFFINE, atol=1e-4)


def test_header_of_another_byte_order_and_scale(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(CINE[..., 0].astype(">i2"), AFFINE, nibabel.Nifti1Header(endianness=">"))
    image.header.set_slope_inter(0.5, 3)
    content = bytes(image.to_bytes())
    assert struct.unpack(">i", content[:4]) == (348,)
    case, frames = opened(content, tmp_path)
    np.testing.assert_allclose(frames[0], 0.5 * CINE[..., 0] + 3)
    assert case.dtype == "<f4"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("xyzt_units", 5, None),  # codes that stand for nothing
        ("xyzt_units", 58, None),
        ("pixdim", [1, 2, 2, 8, -1, 0, 0, 0], None),
        ("srow_x", [np.nan] * 4, "affine"),
        ("srow_y", [0] * 4, "affine"),
    ],
)
def test_a_header_that_lies_is_read_or_refused_and_no_crash(
    field: str, value: object, words: str | None, tmp_path: Path
) -> None:
    image = nibabel.Nifti1Image(CINE, np.diag([2, 2, 8, 1]))
    content = bytes(image.to_bytes())
    header = nibabel.Nifti1Header(content[:348], check=False)
    header[field] = value
    damaged = header.binaryblock + content[348:]
    if words:
        assert words in refused(damaged, tmp_path)
        return
    case, _ = opened(damaged, tmp_path)
    assert (case.frames, case.seconds_per_frame) == (CINE.shape[3], None)
