"""One 2-D image of a DICOM file: where it lies, when it was taken, which series it is of."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from cmrbridge.data.dicom.header import Malformed, clock_ms, element, items, number, numbers, text
from cmrbridge.data.dicom.sniff import DicomFile
from cmrbridge.data.volume import SPACING_MM

Floats = NDArray[np.float64]

IMAGES = {  # storage classes of MR images; the last two hold many frames
    "1.2.840.10008.5.1.4.1.1.4",
    "1.2.840.10008.5.1.4.1.1.4.1",
    "1.2.840.10008.5.1.4.1.1.4.4",
}
SAME_COSINES, NEAR_COSINES = 1e-4, 0.02  # up to the first they are orthonormal, up to the second they are made so
LARGEST_SIDE, MOST_FRAMES = 4096, 20_000
TIMES = ("TriggerTime", "InstanceNumber", "AcquisitionTime", "ContentTime", "TemporalPositionIdentifier")
NOT_MAGNITUDE = {"P", "PHASE", "PHASE MAP", "VELOCITY", "VELOCITY MAP", "VELOCITY_MAP", "R", "REAL", "I", "IMAGINARY"}
GROUPS = (  # what a frame of an enhanced file says in groups of its own, or shares
    *("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence", "CardiacSynchronizationSequence"),
    *("FrameContentSequence", "PixelValueTransformationSequence", "MRImageFrameTypeSequence"),
)
TEMPORAL = {0x00209128, 0x00209153, 0x00181060, 0x00200100}  # pointers of a dimension that counts time


@dataclass(frozen=True)
class Origin:
    """Which acquisition a plane is of. study, series, frame_of_reference: UIDs, never written anywhere; number: the
    series'; contrast: "" for magnitude images; called_short: whether its description says short axis."""

    study: str
    series: str
    frame_of_reference: str
    number: int | None
    contrast: str
    called_short: bool


@dataclass(frozen=True)
class Plane:
    """matrix: (rows, columns); spacing: mm between (rows, columns); position: LPS mm of the first pixel's centre;
    across, down: orthonormal directions of increasing column and row; repaired: by how much their cosines were moved
    to be so; times: those of TIMES that the header has, in ms or counts; thickness: mm or None.
    The stored value v means slope · v + intercept."""

    file: DicomFile
    frame: int
    uid: str
    origin: Origin
    matrix: tuple[int, int]
    spacing: tuple[float, float]
    position: Floats
    across: Floats
    down: Floats
    repaired: float
    times: Mapping[str, float]
    thickness: float | None
    slope: float
    intercept: float

    @property
    def normal(self) -> Floats:
        return np.cross(self.across, self.down)


@dataclass(frozen=True)
class Defect:
    """An image of a series that cannot be placed; ``reason`` says what is wrong with its header and what to do."""

    file: DicomFile
    origin: Origin
    reason: str


def is_image(file: DicomFile, dataset: Dataset) -> bool:
    """Whether this is an MR image, and no report, presentation state, capture or such."""
    return (file.storage or text(dataset, "SOPClassUID")) in IMAGES


def planes_of(file: DicomFile, dataset: Dataset) -> list[Plane | Defect]:
    """Every frame of an image file."""
    origin = _origin(dataset)
    try:
        if "MOSAIC" in text(dataset, "ImageType").upper().split():
            return [Defect(file, origin, "a Siemens mosaic of many slices in one image; export the single slices")]
        frames = items(dataset, "PerFrameFunctionalGroupsSequence")
        if not frames:
            if (number(dataset, "NumberOfFrames") or 1) != 1:
                raise Malformed("it holds several frames without saying where each lies; export one file per image")
            return [_plane(file, 0, origin, dataset, [dataset], _classic_times(dataset))]
        return _enhanced(file, origin, dataset, frames)
    except Malformed as error:
        return [Defect(file, origin, str(error))]


def _origin(dataset: Dataset) -> Origin:
    try:
        count = number(dataset, "SeriesNumber")
        kinds = {str(kind).upper() for kind in element(dataset, "ImageType") or ()}
        told = text(dataset, "SeriesDescription").lower().replace("-", " ").replace("_", " ")
    except Malformed:
        count, kinds, told = None, set(), ""
    study, series, frame = (
        text(dataset, name) for name in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
    )
    short = "short ax" in told or "shortax" in told or bool({"sa", "sax", "cinesax"} & set(told.split()))
    contrast = " ".join(sorted(kinds & NOT_MAGNITUDE))
    return Origin(study, series, frame, None if count is None else int(count), contrast, short)


def _enhanced(file: DicomFile, origin: Origin, dataset: Dataset, frames: list[Dataset]) -> list[Plane | Defect]:
    """Planes of an enhanced multi-frame file: what a frame's own groups do not say, the shared ones do."""
    announced = number(dataset, "NumberOfFrames")
    if announced != len(frames) or len(frames) > MOST_FRAMES:
        raise Malformed(f"it announces {announced or 0:.0f} frames and describes {len(frames)}; export it again")
    shared = items(dataset, "SharedFunctionalGroupsSequence")
    pointers = [element(item, "DimensionIndexPointer") for item in items(dataset, "DimensionIndexSequence")]
    found: list[Plane | Defect] = []
    for index, frame in enumerate(frames):
        groups = [item for part in (frame, *shared) for name in GROUPS for item in items(part, name)]
        kinds = {str(kind).upper() for group in groups for kind in element(group, "FrameType") or ()}
        times = _enhanced_times(groups, pointers) | {"InstanceNumber": float(index + 1)}
        of = dataclasses.replace(origin, contrast=" ".join(sorted(kinds & NOT_MAGNITUDE))) if kinds else origin
        found.append(_plane(file, index, of, dataset, groups, times))
    return found


def _classic_times(dataset: Dataset) -> dict[str, float]:
    clocks = {name: clock_ms(dataset, name) for name in ("AcquisitionTime", "ContentTime")}
    counts = {name: number(dataset, name) for name in TIMES if name not in clocks}
    return {name: time for name, time in (counts | clocks).items() if time is not None}


def _enhanced_times(groups: list[Dataset], pointers: list[object]) -> dict[str, float]:
    trigger = _first(groups, "NominalCardiacTriggerDelayTime", 1) or _first(groups, "TriggerTime", 1)
    temporal = _first(groups, "TemporalPositionIndex", 1)
    if temporal is None and len(pointers) > 0:
        place = next((at for at, pointer in enumerate(pointers) if pointer in TEMPORAL), None)
        values = _first(groups, "DimensionIndexValues", len(pointers))
        temporal = (values[place],) if values and place is not None else None
    told = {"TriggerTime": trigger, "TemporalPositionIdentifier": temporal}
    return {name: time[0] for name, time in told.items() if time is not None}


def _plane(
    file: DicomFile, index: int, origin: Origin, dataset: Dataset, groups: list[Dataset], times: dict[str, float]
) -> Plane:
    rows, columns = (int(number(dataset, side) or 0) for side in ("Rows", "Columns"))
    if not (1 <= rows <= LARGEST_SIDE and 1 <= columns <= LARGEST_SIDE):
        raise Malformed(f"{rows} × {columns} pixels, which cannot be right; export it again")
    spacing = _needed(groups, "PixelSpacing", 2)
    if not all(SPACING_MM[0] <= edge <= SPACING_MM[1] for edge in spacing):
        raise Malformed(f"a PixelSpacing of {spacing[0]:g} × {spacing[1]:g} mm; export it with its true spacing")
    across, down, repaired = _orthonormal(_needed(groups, "ImageOrientationPatient", 6))
    slope = (_first(groups, "RescaleSlope", 1) or (1.0,))[0]
    if slope == 0:
        raise Malformed("a RescaleSlope of 0, which leaves no image; export it again")
    return Plane(
        file=file,
        frame=index,
        uid=text(dataset, "SOPInstanceUID"),
        origin=origin,
        matrix=(rows, columns),
        spacing=(spacing[0], spacing[1]),
        position=np.array(_needed(groups, "ImagePositionPatient", 3)),
        across=across,
        down=down,
        repaired=repaired,
        times=times,
        thickness=(_first(groups, "SliceThickness", 1) or (None,))[0],
        slope=slope,
        intercept=(_first(groups, "RescaleIntercept", 1) or (0.0,))[0],
    )


def _orthonormal(cosines: tuple[float, ...]) -> tuple[Floats, Floats, float]:
    """(across, down, largest change of a cosine); Malformed where the two directions are no plane's."""
    across, down = np.array(cosines[:3]), np.array(cosines[3:])
    lengths = float(np.linalg.norm(across)), float(np.linalg.norm(down))
    if max(abs(lengths[0] - 1), abs(lengths[1] - 1), abs(float(across @ down))) > NEAR_COSINES:
        raise Malformed(f"direction cosines {list(cosines)} that are not orthonormal; export it again from the scanner")
    unit = across / lengths[0]
    upright = down - (down @ unit) * unit
    upright /= np.linalg.norm(upright)
    moved = float(max(np.abs(unit - across).max(), np.abs(upright - down).max()))
    return unit, upright, moved if moved > SAME_COSINES else 0.0


def _needed(groups: list[Dataset], keyword: str, count: int) -> tuple[float, ...]:
    found = _first(groups, keyword, count)
    if found is None:
        raise Malformed(f"no {keyword}, without which it has no place in the stack; export it again with its geometry")
    return found


def _first(groups: list[Dataset], keyword: str, count: int) -> tuple[float, ...] | None:
    return next((found for group in groups if (found := numbers(group, keyword, count)) is not None), None)
