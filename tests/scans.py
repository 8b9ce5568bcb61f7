"""DICOM as four vendors' scanners write it, from one array: what the conversion has to give back."""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, RLELossless, generate_uid

CLASSIC, ENHANCED = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"
TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
STEP_MS = 40.0
NAME, PATIENT = "Doe-Planted^Jane", "MRN4711007"


@dataclass(frozen=True)
class Habit:
    """How one scanner writes a cine. by: which index runs first in InstanceNumber; single_series: whether all slices
    share a series; trigger: whether it writes TriggerTime; stored, signed, slope, intercept: of the pixels."""

    maker: str = "SIEMENS"
    model: str = "Aera"
    tesla: float = 1.5
    by: str = "time"
    backwards: bool = False
    single_series: bool = True
    trigger: bool = True
    enhanced: bool = False
    syntax: str = ExplicitVRLittleEndian
    stored: int = 12
    signed: bool = False
    slope: float = 1
    intercept: float = 0
    inverted: bool = False
    description: str = "cine_sa"


HABITS = {
    "Siemens": Habit(single_series=False),
    "GE": Habit("GE MEDICAL SYSTEMS", "SIGNA EXCITE", by="slice", backwards=True, stored=16, signed=True),
    "Philips": Habit("Philips Medical Systems", "Ingenia", 3.0, enhanced=True, description="sBTFE_BH_M2D"),
    "Canon": Habit("TOSHIBA", "Vantage Orian", 15000, trigger=False, syntax=RLELossless, inverted=True),
}


def oblique(step: float = 8.0) -> np.ndarray:
    """An orthonormal short-axis orientation, base first, voxels of 1.4 × 1.6 × step mm, to RAS."""
    apex = np.array([-0.61, 0.57, -0.55])
    apex /= np.linalg.norm(apex)
    across = np.array([-1.0, 0, 0]) + 0.61 * apex * -1
    across -= (across @ apex) * apex
    across /= np.linalg.norm(across)
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack([1.4 * across, 1.6 * np.cross(across, apex), step * apex])
    affine[:3, 3] = (60.0, -85.0, 40.0)
    return affine


def beating(frames: int = 8, shape: tuple[int, int, int] = (24, 20, 3), es: int = 3) -> np.ndarray:
    """A small cine (x, y, slice, frame) of whole numbers: a disc that is smallest in frame ``es``."""
    x, y = np.meshgrid(np.arange(shape[0]) - 12, np.arange(shape[1]) - 9, indexing="ij")
    noise = np.random.default_rng(0).integers(0, 40, (*shape, frames))
    radii = [8 - 4 * np.sin(np.pi * min(t / es, (frames - t) / (frames - es)) / 2) ** 2 for t in range(frames)]
    discs = np.stack([np.repeat((np.hypot(x, y) < radius)[:, :, None], shape[2], 2) for radius in radii], axis=3)
    return (noise + 900 * discs + 10).astype(np.int16)


def export(
    folder: Path, cine: np.ndarray, affine: np.ndarray, habit: Habit = Habit(), number: int = 7, study: str = ""
) -> list[Path]:
    """Write ``cine`` (x, y, slice, frame), which lies at ``affine`` (RAS mm), as ``habit`` has it; the files."""
    folder.mkdir(parents=True, exist_ok=True)
    study = study or generate_uid(entropy_srcs=["study", PATIENT])
    if habit.enhanced:
        dataset = _enhanced(cine, affine, habit, number, study)
        return [save(dataset, folder / f"XX_{number:04d}")]
    paths = []
    _, _, slices, frames = cine.shape
    order = [(s, t) for s in range(slices) for t in range(frames)]
    order = order if habit.by == "time" else sorted(order, key=lambda at: at[::-1])
    for count, (s, t) in enumerate(order[::-1] if habit.backwards else order, 1):
        dataset = plane(cine[:, :, s, t], affine, s, habit)
        dataset.StudyInstanceUID, dataset.InstanceNumber = study, count
        dataset.SeriesNumber = number if habit.single_series else number + s
        dataset.SeriesInstanceUID = generate_uid(entropy_srcs=[study, str(dataset.SeriesNumber)])
        dataset.SOPInstanceUID = generate_uid(entropy_srcs=[study, str(number), str(s), str(t)])
        dataset.AcquisitionTime = "101500.000000"
        dataset.ContentTime = f"1015{t * STEP_MS / 1000:09.6f}"
        if habit.trigger:
            dataset.TriggerTime = str(t * STEP_MS + 0.5 * s)
        if habit.backwards:  # then only the trigger time tells the order
            dataset.InstanceNumber = len(order) + 1 - count
        paths.append(save(dataset, folder / f"IM-{number:04d}-{dataset.InstanceNumber:04d}.img"))
    return paths


def plane(pixels: np.ndarray, affine: np.ndarray, at: int, habit: Habit = Habit()) -> Dataset:
    """One classic image: (x, y) pixels of slice ``at``."""
    dataset = _common(pixels.shape, habit)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CLASSIC
    lps = TO_LPS @ affine
    edges = np.linalg.norm(lps[:3, :2], axis=0)
    dataset.PixelSpacing = [float(edges[1]), float(edges[0])]
    dataset.ImageOrientationPatient = [*(lps[:3, 0] / edges[0]).round(9), *(lps[:3, 1] / edges[1]).round(9)]
    dataset.ImagePositionPatient = [round(float(one), 6) for one in lps[:3, 3] + at * lps[:3, 2]]
    dataset.SliceThickness = 6.0  # never the distance between slices
    dataset.RescaleSlope, dataset.RescaleIntercept = habit.slope, habit.intercept
    _put_pixels(dataset, pixels.T[None], habit)
    return dataset


def save(dataset: Dataset, path: Path) -> Path:
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2.3")
    dataset.save_as(path, enforce_file_format=True)
    return path


def _common(shape: tuple[int, ...], habit: Habit) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = habit.syntax
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = NAME, PATIENT, "19610203"
    dataset.ReferringPhysicianName, dataset.AccessionNumber = "Planted^Referrer", "ACC990017"
    dataset.Manufacturer, dataset.ManufacturerModelName = habit.maker, habit.model
    dataset.InstitutionName, dataset.MagneticFieldStrength = "Mercy Hospital", str(habit.tesla)
    dataset.SeriesDescription, dataset.StudyDescription = habit.description, "Planted study of Jane"
    dataset.FrameOfReferenceUID = generate_uid(entropy_srcs=["frame"])
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    dataset.Columns, dataset.Rows = shape[:2]
    dataset.add_new(0x00291010, "OB", b"PRIVATE Doe-Planted " * 8)
    return dataset


def _put_pixels(dataset: Dataset, frames: np.ndarray, habit: Habit) -> None:
    """frames: (frame, row, column) of what the image means."""
    stored = np.rint((frames - habit.intercept) / habit.slope).astype(np.int64)
    if habit.inverted:
        stored = 2**habit.stored - 1 - stored
    dataset.SamplesPerPixel, dataset.BitsAllocated, dataset.BitsStored = 1, 16, habit.stored
    dataset.HighBit, dataset.PixelRepresentation = habit.stored - 1, int(habit.signed)
    dataset.PhotometricInterpretation = "MONOCHROME1" if habit.inverted else "MONOCHROME2"
    kind = ">u2" if habit.syntax == ExplicitVRBigEndian else "<u2"
    dataset.PixelData = (stored & (2**habit.stored - 1)).astype(kind).tobytes()
    dataset["PixelData"].VR = "OW"
    if habit.syntax == RLELossless:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.SOPInstanceUID = generate_uid()
        dataset.compress(RLELossless, generate_instance_uid=False)


def _enhanced(cine: np.ndarray, affine: np.ndarray, habit: Habit, number: int, study: str) -> Dataset:
    """One enhanced multi-frame object, time running first, whose trigger times wait in each frame's groups."""
    dataset = _common(cine.shape, habit)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = ENHANCED
    dataset.StudyInstanceUID, dataset.SeriesNumber, dataset.InstanceNumber = study, number, 1
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=[study, str(number)])
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=[study, str(number), "enhanced"])
    first = plane(cine[:, :, 0, 0], affine, 0, habit)
    orientation, measures = Dataset(), Dataset()
    orientation.ImageOrientationPatient = first.ImageOrientationPatient
    measures.PixelSpacing, measures.SliceThickness = first.PixelSpacing, first.SliceThickness
    shared = Dataset()
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = Sequence([orientation]), Sequence([measures])
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    dataset.DimensionIndexSequence = Sequence([_dimension(0x00209057), _dimension(0x00209153)])
    _, _, slices, frames = cine.shape
    order = [(s, t) for s in reversed(range(slices)) for t in range(frames)]
    groups = []
    for s, t in order:
        place, content, cardiac, scale = Dataset(), Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = plane(cine[:, :, s, t], affine, s, habit).ImagePositionPatient
        content.DimensionIndexValues = [s + 1, t + 1]
        cardiac.NominalCardiacTriggerDelayTime = t * STEP_MS + s
        scale.RescaleSlope, scale.RescaleIntercept = habit.slope, habit.intercept
        group = Dataset()
        group.PlanePositionSequence, group.FrameContentSequence = Sequence([place]), Sequence([content])
        if habit.trigger:
            group.CardiacSynchronizationSequence = Sequence([cardiac])
        group.PixelValueTransformationSequence = Sequence([scale])
        groups.append(group)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(groups)
    dataset.NumberOfFrames = len(groups)
    _put_pixels(dataset, np.stack([cine[:, :, s, t].T for s, t in order]), habit)
    return dataset


def _dimension(pointer: int) -> Dataset:
    dimension = Dataset()
    dimension.DimensionIndexPointer = pointer
    return dimension


def lie(path: Path, tag: tuple[int, int], value: int) -> None:
    """Overwrite an unsigned short of an explicit little endian file in place."""
    content = bytearray(path.read_bytes())
    at = content.index(struct.pack("<HH", *tag) + b"US\x02\x00")
    content[at + 8 : at + 10] = struct.pack("<H", value)
    path.write_bytes(bytes(content))
