"""The pixels of one DICOM file, once the header's arithmetic has been held against what the file holds."""

import struct
import warnings
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from cmrbridge.data.dicom.header import AGAIN, Malformed, number, read_pixel_module, text
from cmrbridge.data.dicom.plane import LARGEST_SIDE, MOST_FRAMES, Plane
from cmrbridge.data.dicom.sniff import DicomFile
from cmrbridge.errors import InputError

LARGEST_BYTES = 4 * 2**30  # of one file, unpacked
Result = TypeVar("Result")
WITHOUT_SIZE = {0xC4, 0xC8, 0xCC}  # JPEG markers among the starts of frames that are none


def stored_frames(file: DicomFile) -> NDArray[np.int32]:
    """Stored values (frame, row, column): sign and unused bits settled, MONOCHROME1 turned so that bright is high."""
    dataset = read_pixel_module(file)
    try:
        shape, bits = _announced(dataset), _bits(dataset)
        _check_size(dataset, shape, bits[0])
        values = _decoded(dataset, shape)
    except Malformed as error:
        raise InputError(f"{file.path}: {error}") from None
    _, stored, high, signed = bits
    spare = 32 - 1 - high
    values = (values.astype(np.int64) << spare).astype(np.uint32)  # overlays may lie above the high bit
    values = values.view(np.int32) >> (32 - stored) if signed else (values >> (32 - stored)).astype(np.int32)
    if text(dataset, "PhotometricInterpretation") == "MONOCHROME1":
        values = (-1 if signed else 2**stored - 1) - values
    return np.asarray(values, np.int32)


def meant(plane: Plane, stored: NDArray[np.int32]) -> NDArray[np.float64]:
    """The plane's values (row, column) out of its file's `stored_frames`."""
    return stored[plane.frame] * plane.slope + plane.intercept


def _announced(dataset: Dataset) -> tuple[int, int, int]:
    """(frames, rows, columns)."""
    if "FloatPixelData" in dataset or "PixelData" not in dataset:
        raise Malformed(f"it holds no pixels of whole numbers; {AGAIN}")
    if number(dataset, "SamplesPerPixel") != 1 or not text(dataset, "PhotometricInterpretation").startswith("MONO"):
        raise Malformed("its pixels are not of one grey value each; export the original images, not captures")
    frames, rows, columns = (int(number(dataset, name) or 0) for name in ("NumberOfFrames", "Rows", "Columns"))
    frames = frames or 1
    if not (1 <= frames <= MOST_FRAMES and 1 <= rows <= LARGEST_SIDE and 1 <= columns <= LARGEST_SIDE):
        raise Malformed(f"it announces {frames} frames of {rows} × {columns}, which cannot be right; {AGAIN}")
    return frames, rows, columns


def _bits(dataset: Dataset) -> tuple[int, int, int, bool]:
    """(allocated, stored, high bit, signed)."""
    names = ("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation")
    found = [number(dataset, name) for name in names]
    allocated, stored = int(found[0] or 0), int(found[1] or found[0] or 0)
    high = stored - 1 if found[2] is None else int(found[2])
    if allocated not in (8, 16) or not 1 <= stored <= high + 1 <= allocated or found[3] not in (0, 1, None):
        raise Malformed(f"{stored} of {allocated} bits up to bit {high} a pixel, which is not understood; {AGAIN}")
    return allocated, stored, high, found[3] == 1


def _check_size(dataset: Dataset, shape: tuple[int, int, int], allocated: int) -> None:
    """Malformed where the pixels are more or fewer than the header's, before anything of their size is allocated."""
    frames, rows, columns = shape
    wanted, content = frames * rows * columns * allocated // 8, dataset["PixelData"].value
    if wanted > LARGEST_BYTES:
        raise Malformed(f"it announces {frames} frames of {rows} × {columns}, which cannot be right; {AGAIN}")
    syntax = _syntax(dataset)
    if not syntax.is_compressed:
        if len(content) not in (wanted, wanted + wanted % 2):
            raise Malformed(f"the header announces {wanted} bytes of pixels, the file holds {len(content)}; {AGAIN}")
        return
    for part in _quietly(lambda: list(pydicom.encaps.generate_frames(content, number_of_frames=frames))):
        coded = coded_size(part)
        if coded is not None and coded != (rows, columns):
            raise Malformed(
                f"the header announces {rows} × {columns} pixels, the code {coded[0]} × {coded[1]}; {AGAIN}"
            )


def coded_size(code: bytes) -> tuple[int, int] | None:
    """(rows, columns) that a JPEG, JPEG-LS or JPEG 2000 frame announces itself; None where it is none of these."""
    if code[:4] == b"\xff\x4f\xff\x51" and len(code) >= 24:
        width, height, left, top = struct.unpack_from(">4I", code, 8)
        return height - top, width - left
    at = 2
    while code[:2] == b"\xff\xd8" and at + 9 <= len(code) and code[at] == 0xFF:
        marker, length, _, rows, columns = struct.unpack_from(">BHBHH", code, at + 1)
        if (0xC0 <= marker <= 0xCF and marker not in WITHOUT_SIZE) or marker == 0xF7:
            return rows, columns
        at += 2 + length
    return None


def _decoded(dataset: Dataset, shape: tuple[int, int, int]) -> NDArray[np.integer]:
    dataset.file_meta.TransferSyntaxUID = _syntax(dataset)
    values = _quietly(lambda: pixel_array(dataset, raw=True))
    if values.size != np.prod(shape):
        raise Malformed(f"its pixels do not fill {shape[0]} frames of {shape[1]} × {shape[2]}; {AGAIN}")
    return np.asarray(values).reshape(shape)


def _syntax(dataset: Dataset) -> pydicom.uid.UID:
    """The transfer syntax, where the file has no meta group that which its elements were read by."""
    told = dataset.file_meta.get("TransferSyntaxUID")
    if told is not None:
        return told
    implicit, little = dataset.original_encoding
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def _quietly(decode: Callable[[], Result]) -> Result:
    """The decoder's result; Malformed where it gives up."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return decode()
    except MemoryError:
        raise
    except Exception as error:  # whatever a codec says to hostile bytes
        raise Malformed(f"its pixels cannot be decoded ({type(error).__name__}); {AGAIN}, uncompressed") from None
