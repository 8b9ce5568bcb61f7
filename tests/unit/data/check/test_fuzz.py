"""Damaged and lying files of the phantom: no crash, bounded memory, nothing accepted that is known to be wrong."""

import gzip
import math
import struct
import tracemalloc
from pathlib import Path

import nibabel
import numpy as np
import pytest

from cmrbridge.data.check.facts import look
from cmrbridge.data.check.files import read_nifti
from cmrbridge.data.frames import Frame
from cmrbridge.data.phantom.cohort import draw_anatomy
from cmrbridge.data.phantom.generate import subject_seed
from cmrbridge.data.phantom.scan import scan
from cmrbridge.data.phantom.scanner import SCANNERS
from cmrbridge.data.volume import SPACING_MM

CODES = {"LV": 1, "MYO": 2, "RV": 3}
EDGES = (-32768, -1, 0, 1, 2, 3, 7, 8, 255, 20000, 32767)
FLOATS = (math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-30, 1e38, -1.0, 352.5, 0.001, 1.0)
FIELDS = {  # of the header, by offset: what a liar would touch
    "h": (40, 42, 44, 46, 48, 50, 52, 54, 68, 70, 72, 252, 254),  # dim, intent, datatype, bitpix, qform, sform
    "f": (76, 80, 84, 88, 92, 108, 112, 116, *range(256, 328, 4)),  # pixdim, vox_offset, scl, quatern, srow
    "B": (123, 344, 345, 346),  # units, magic
    "i": (0,),
}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Frame, dict[Path, bytes]]:
    """A frame of the phantom, cut to its middle so that thousands of readings are affordable, and its files' bytes."""
    folder = tmp_path_factory.mktemp("fuzz")
    of_anatomy, of_scan = subject_seed(5, "aurora", 0)
    result = scan(draw_anatomy(of_anatomy, "NOR"), SCANNERS["aurora"], of_scan)
    files = {}
    for kind, volume in (("image", result.images["ED"]), ("label", result.labels["ED"])):
        middle = tuple(slice(edge // 4, 3 * edge // 4) for edge in volume.shape[:2])
        file = nibabel.Nifti1Image(np.ascontiguousarray(volume[middle]), result.affine)
        path = folder / f"{kind}.nii.gz"
        path.write_bytes(gzip.compress(file.to_bytes(), compresslevel=1, mtime=0))
        files[path] = path.read_bytes()
    image, label = files
    machine = ("Siemens", "Dijon", "Aera", 1.5, "NOR")
    return Frame("d", "s", "ED", image, None, label, None, tuple(CODES), *machine), files


def spoilt(whole: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    """(what was done, the file): bits flipped, cut short, made longer, or its header made to lie."""
    kind = ("flip", "cut", "tail", "lie", "lie")[int(rng.integers(5))]
    content = bytearray(whole)
    if kind == "flip":
        for place in rng.integers(0, len(content), int(rng.integers(1, 4))).tolist():
            content[place] ^= 1 << int(rng.integers(8))
    elif kind == "cut":
        del content[int(rng.integers(0, len(content))) :]
    elif kind == "tail":
        content += bytes(rng.integers(1, 256, int(rng.integers(1, 40))).tolist())
    else:
        content = bytearray(gzip.decompress(whole))
        for _ in range(int(rng.integers(1, 4))):
            form = ("h", "h", "f", "f", "B", "i")[int(rng.integers(6))]
            place = int(rng.choice(FIELDS[form]))
            value = {"h": EDGES, "f": FLOATS, "B": range(256), "i": (348, 540, 0, -1)}[form]
            sign = "<>"[int(rng.random() < 0.2)]
            struct.pack_into(f"{sign}{form}", content, place, value[int(rng.integers(len(value)))])
        content = bytearray(gzip.compress(content, compresslevel=1, mtime=0))
    return kind, bytes(content)


def judge(frame: Frame, files: dict[Path, bytes], rng: np.random.Generator) -> str:
    """Spoil one of the two files, look at both, and hold what was accepted against what can be known."""
    path = list(files)[int(rng.integers(2))]
    kind, content = spoilt(files[path], rng)
    path.write_bytes(content)
    try:
        _, problems = look(frame, CODES)  # never raises
        file, _ = read_nifti(path)
        refused = any(one.severity == "error" and one.file == str(path) for one in problems)
        if kind in ("cut", "tail"):
            assert refused
        if file is None:
            assert refused
            return f"{kind} refused"
        raw = gzip.decompress(content)
        if kind == "flip":  # of gzip's own header: its time stamp, its name of a system
            assert raw == gzip.decompress(files[path])
        offset = struct.unpack("<f" if raw[0] == 92 else ">f", raw[108:112])[0]
        assert file.stored.nbytes + offset == len(raw)
        assert all(SPACING_MM[0] <= edge <= SPACING_MM[1] for edge in file.spacing)
        assert np.isfinite(file.affine).all()
        return f"{kind} {'refused' if refused else 'accepted'}"
    finally:
        path.write_bytes(files[path])


@pytest.mark.parametrize("count", [100, pytest.param(10_000, marks=[pytest.mark.long, pytest.mark.timeout(7200)])])
def test_nothing_wrong_is_accepted_and_nothing_crashes(count: int, case: tuple[Frame, dict[Path, bytes]]) -> None:
    frame, files = case
    rng = np.random.default_rng(count)
    outcomes = [judge(frame, files, rng) for _ in range(count)]
    assert {"flip refused", "cut refused", "tail refused", "lie refused", "lie accepted"} <= set(outcomes)
    assert sum(one.endswith("refused") for one in outcomes) > 0.7 * count


@pytest.mark.parametrize(
    ("shape", "held"),
    [((20000, 20000, 20000), 0), ((1000, 1000, 1000), 0), ((64, 64, 10), 2**28)],
    ids=["too large", "not there", "bomb"],
)
def test_memory_follows_the_file_and_not_its_claims(tmp_path: Path, shape: tuple[int, ...], held: int) -> None:
    """A file that claims terabytes, one of 1 kB that claims a gigabyte, one that unpacks to more than it says."""
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.uint8)
    header["dim"][:4] = 3, *shape
    header["vox_offset"] = 352
    header["magic"] = b"n+1"
    path = tmp_path / "liar.nii.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(header.binaryblock + bytes(4))
        for _ in range(held // 2**24):
            stream.write(bytes(2**24))
    tracemalloc.start()
    try:
        file, faults = read_nifti(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert file is None
    assert [fault.check for fault in faults] == ["header_size"]
    assert peak < 8 * 2**20
