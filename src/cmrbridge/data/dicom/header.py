"""Reading one DICOM header: elements of an allow-list only, nothing allocated that the file does not hold."""

import io
import math
import warnings
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset

from cmrbridge.data.dicom.sniff import DEFLATED, DicomFile
from cmrbridge.errors import InputError

# All that is ever read. `IDENTITY` names people: it is hashed or struck out, never written. Of the rest, MACHINE alone
# reaches an output, as closed words (privacy.py).
IDENTITY = (
    *("PatientName", "PatientID", "PatientBirthDate", "OtherPatientIDs", "OtherPatientNames", "AccessionNumber"),
    *("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID"),
)
MACHINE = ("Manufacturer", "ManufacturerModelName", "MagneticFieldStrength", "InstitutionName")
IMAGE = (
    *("SpecificCharacterSet", "SOPClassUID", "ImageType", "SeriesNumber", "SeriesDescription", "InstanceNumber"),
    *("Rows", "Columns", "NumberOfFrames", "PixelSpacing", "SliceThickness", "ImagePositionPatient"),
    *("ImageOrientationPatient", "TriggerTime", "AcquisitionTime", "ContentTime", "TemporalPositionIdentifier"),
    *("RescaleSlope", "RescaleIntercept", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
    "DimensionIndexSequence",
)
PIXELS = (
    *("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelData", "FloatPixelData"),
)
AGAIN = "export or copy it again"


class Malformed(ValueError):
    """An element that holds no such value as it should; the message names the element, never what it holds."""


class _Bounded(io.BufferedReader):
    """A file whose reads end at its end: a length of 4 GB that a header claims costs no memory."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self._size = path.stat().st_size

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(self._size - self.tell(), 0)
        return super().read(left if size is None or size < 0 else min(size, left))


def read_header(file: DicomFile) -> Dataset:
    """All elements of the allow-list but the pixels."""
    return _read(file, (*IDENTITY, *MACHINE, *IMAGE), stop_before_pixels=True)


def read_pixel_module(file: DicomFile) -> Dataset:
    """The pixels and how they are stored."""
    return _read(file, PIXELS, stop_before_pixels=False)


def _read(file: DicomFile, keywords: tuple[str, ...], stop_before_pixels: bool) -> Dataset:
    if file.syntax == DEFLATED:
        raise InputError(f"{file.path}: a deflated data set, which could unpack to any size; export it undeflated")
    try:
        with warnings.catch_warnings(), _Bounded(file.path) as stream:
            warnings.simplefilter("ignore")  # pydicom's quote values
            return pydicom.dcmread(
                stream, force=True, stop_before_pixels=stop_before_pixels, specific_tags=list(keywords)
            )
    except MemoryError:
        raise
    except Exception as error:  # whatever a parser says to hostile bytes; its words may hold a patient's name
        raise InputError(f"{file.path}: a damaged DICOM file ({type(error).__name__}); {AGAIN}") from None


def element(dataset: Dataset, keyword: str) -> Any:
    """The element's value, None where it is absent or empty; Malformed where it cannot be decoded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = dataset.get(keyword)
    except Exception:  # decoded on first use, by the same parser
        raise Malformed(f"its {keyword} cannot be read; {AGAIN}") from None
    return None if value is None or (isinstance(value, str) and not value.strip()) else value


def text(dataset: Dataset, keyword: str) -> str:
    """The element's text, all values of it; "" where it is absent."""
    value = element(dataset, keyword)
    if value is None:
        return ""
    return " ".join(map(str, value)) if isinstance(value, list | pydicom.multival.MultiValue) else str(value).strip()


def numbers(dataset: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """``count`` finite numbers, None where the element is absent or empty."""
    value = element(dataset, keyword)
    if value is None:
        return None
    try:
        found = tuple(float(one) for one in (value if hasattr(value, "__iter__") else [value]))
    except (TypeError, ValueError):
        raise Malformed(f"its {keyword} holds no numbers; {AGAIN}") from None
    if not found:
        return None
    if len(found) != count or not all(map(math.isfinite, found)):
        raise Malformed(f"its {keyword} does not hold {count} finite number{'s' * (count > 1)}; {AGAIN}")
    return found


def number(dataset: Dataset, keyword: str) -> float | None:
    """One finite number, None where the element is absent."""
    found = numbers(dataset, keyword, 1)
    return None if found is None else found[0]


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence, [] where it is absent."""
    value = element(dataset, keyword)
    if value is None:
        return []
    if not isinstance(value, pydicom.sequence.Sequence):
        raise Malformed(f"its {keyword} is no sequence; {AGAIN}")
    return list(value)


def clock_ms(dataset: Dataset, keyword: str) -> float | None:
    """A time of day (HHMMSS.ffffff) as ms since midnight, None where it is absent."""
    written = text(dataset, keyword).replace(":", "")
    if not written:
        return None
    try:
        hours, minutes, seconds = int(written[:2]), int(written[2:4] or 0), float(written[4:] or 0)
    except ValueError:
        raise Malformed(f"its {keyword} is no time of day; {AGAIN}") from None
    return 1000.0 * (3600 * hours + 60 * minutes + seconds)
