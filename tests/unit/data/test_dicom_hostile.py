"""Careless and hostile DICOM: each is refused in one line that names the file and the way out, and no patient."""

import contextlib
import resource
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from cmrbridge.data.dicom.pixels import coded_size
from cmrbridge.errors import InputError
from conversions import convert, refused
from scans import Habit, beating, export, lie, oblique


def change(path: Path, edit: Callable[[Dataset], object]) -> None:
    dataset = pydicom.dcmread(path)
    edit(dataset)
    dataset.save_as(path)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """24 images of a cine: 3 slices × 8 frames."""
    return export(tmp_path / "in", beating(), oblique())


def values(**elements: object) -> Callable[[Dataset], object]:
    return lambda dataset: [setattr(dataset, name, value) for name, value in elements.items()]


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (values(PixelSpacing=[0, 0]), "PixelSpacing of 0 × 0 mm"),
        (values(PixelSpacing=[0.0014, 0.0014]), "PixelSpacing of 0.0014"),
        (lambda dataset: dataset.__delattr__("ImagePositionPatient"), "no ImagePositionPatient"),
        (values(ImageOrientationPatient=[1, 0, 0, 0.5, 0.8, 0]), "not orthonormal"),
        (values(ImageOrientationPatient=[0, 0, 0, 0, 0, 0]), "not orthonormal"),
        (values(ImageOrientationPatient=[1, 0, 0, 0, 1]), "6 finite numbers"),
        (values(Columns=25), r"announces 1000 bytes of pixels, the file holds 960"),
        (values(Rows=60000), "60000 × 24 pixels"),
        (values(Rows=0), "0 × 24 pixels"),
        (values(SamplesPerPixel=3, PhotometricInterpretation="RGB"), "one grey value each"),
        (values(BitsStored=20), "20 of 16 bits"),
        (values(BitsAllocated=32), "of 32 bits"),
        (values(RescaleSlope=0), "RescaleSlope of 0"),
        (values(NumberOfFrames=5), "several frames"),
        (values(ImageType=["DERIVED", "PRIMARY", "M", "MOSAIC"]), "Siemens mosaic"),
        (lambda dataset: dataset.__delattr__("PixelData"), "no pixels"),
        (lambda dataset: dataset.__delattr__("SeriesInstanceUID"), "no StudyInstanceUID or SeriesInstanceUID"),
    ],
)
def test_a_header_that_cannot_be(edit: Callable[[Dataset], object], reason: str, files: list[Path]) -> None:
    change(files[11], edit)
    if reason.startswith("announces") or reason == "0 × 24 pixels":
        for path in files:  # one alone would be of another matrix
            change(path, edit)
    message = refused(files[0].parent, series=("7",))
    assert reason in message
    assert "IM-0007-" in message


@pytest.mark.parametrize(
    ("name", "element", "text"),
    [
        ("ImagePositionPatient", (0x0020, 0x0032), b"nan\\0\\0"),
        ("RescaleSlope", (0x0028, 0x1053), b"inf "),
        ("RescaleIntercept", (0x0028, 0x1052), b"1,5 "),
        ("TriggerTime", (0x0018, 0x1060), b"soon"),
    ],
)
def test_numbers_that_are_none(name: str, element: tuple[int, int], text: bytes, files: list[Path]) -> None:
    content = files[3].read_bytes()
    at = content.index(struct.pack("<HH", *element) + b"DS")
    (length,) = struct.unpack_from("<H", content, at + 6)
    files[3].write_bytes(content[: at + 6] + struct.pack("<H", len(text)) + text + content[at + 8 + length :])
    assert name in refused(files[0].parent)


@pytest.mark.parametrize("kept", [0.99, 0.5, 0.2])
def test_a_file_cut_short(kept: float, files: list[Path]) -> None:
    content = files[5].read_bytes()
    files[5].write_bytes(content[: int(len(content) * kept)])
    assert "IM-0007-0006" in refused(files[0].parent) or kept == 0.2


def test_a_file_cut_anywhere_is_never_taken(files: list[Path]) -> None:
    content = files[5].read_bytes()
    for end in range(140, len(content) - 1, 211):
        files[5].write_bytes(content[:end])
        refused(files[0].parent)


def test_flipped_bits_crash_nothing(tmp_path: Path) -> None:
    """Refused, or other voxels: a file without a checksum cannot be known to be wrong."""
    random = np.random.default_rng(0)
    folder = tmp_path / "in"
    for habit in (Habit(), Habit(enhanced=True)):
        files = export(folder, beating(shape=(24, 20, 3)), oblique(), habit)
        for trial in range(8):
            content = bytearray(files[0].read_bytes())
            for at in random.integers(132, min(len(content), 2500), 4):
                content[at] ^= 1 << int(random.integers(8))
            before = files[0].read_bytes()
            files[0].write_bytes(bytes(content))
            with contextlib.suppress(InputError):
                convert(folder, tmp_path / f"out-{habit.enhanced}-{trial}")
            files[0].write_bytes(before)
        for path in files:
            path.unlink()


def test_huge_lengths_and_sizes_take_no_memory(files: list[Path]) -> None:
    content = files[2].read_bytes()
    at = content.rindex(b"\xe0\x7f\x10\x00OW\x00\x00") + 8
    files[2].write_bytes(content[:at] + struct.pack("<I", 0xFFFFFFF0) + content[at + 4 :])
    lie(files[3], (0x0028, 0x0010), 4096)
    lie(files[3], (0x0028, 0x0011), 4096)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(files[0].parent)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000, "kB"


def test_a_code_of_another_size_than_the_header_is_told_before_it_is_decoded() -> None:
    jpeg = bytes.fromhex("ffd8 ffe0 0004 0000 ffc3 000b 08 ea60 c350 01 011100")
    j2k = bytes.fromhex("ff4fff51 0029 0000") + struct.pack(">4I", 50000, 60000, 0, 0)
    assert coded_size(jpeg) == (60000, 50000)
    assert coded_size(j2k) == (60000, 50000)
    assert coded_size(b"\x00" * 64) is None


def test_a_deflated_file_is_not_unpacked(files: list[Path]) -> None:
    def deflate(dataset: Dataset) -> None:
        dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"

    change(files[0], deflate)
    assert "deflated" in refused(files[0].parent)


def test_enhanced_frames_that_are_not_there(tmp_path: Path) -> None:
    path = export(tmp_path / "in", beating(), oblique(), Habit(enhanced=True))[0]
    change(path, values(NumberOfFrames=2_000_000_000))
    assert "announces 2000000000 frames and describes 24" in refused(tmp_path / "in")


def test_a_folder_of_anything_else(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.dcm").write_bytes(b"\x80\x04\x95 a pickle")
    (tmp_path / "in" / "b.dcm").write_bytes(b"")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "gone").symlink_to(tmp_path / "nowhere")
    assert "no MR images among 0 DICOM and 3 other files" in refused(tmp_path / "in")


def test_names_in_paths_are_struck_out_of_errors(tmp_path: Path) -> None:
    files = export(tmp_path / "in" / "doe-planted_JANE" / "MRN4711007", beating(), oblique())
    change(files[0], values(PixelSpacing=[0, 0]))
    message = refused(tmp_path / "in")
    for planted in ("doe", "planted", "jane", "MRN"):
        assert planted.lower() not in message.lower()
    assert "***" in message


def test_an_output_that_is_not_empty(files: list[Path]) -> None:
    out = files[0].parent.with_name("out")
    out.mkdir()
    (out / "old.txt").touch()
    assert "not empty" in refused(files[0].parent)
