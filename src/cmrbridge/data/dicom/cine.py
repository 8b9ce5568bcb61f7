"""A stack of DICOM planes as one array, and as a NIfTI file in the scanner's space."""

import gzip
from collections import defaultdict
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from cmrbridge.data.dicom.header import AGAIN
from cmrbridge.data.dicom.pixels import LARGEST_BYTES, meant, stored_frames
from cmrbridge.data.dicom.plane import Floats, Plane
from cmrbridge.data.dicom.sniff import DicomFile
from cmrbridge.data.dicom.stack import Stack
from cmrbridge.errors import InputError
from cmrbridge.files import write_atomically


def pixels_of(plane: Plane) -> NDArray[np.float64]:
    """The plane's values (row, column)."""
    return meant(plane, stored_frames(plane.file))


def cine_of(stack: Stack) -> NDArray[np.generic]:
    """(x, y, slice, frame), whole numbers where the headers scale to such; each file is decoded once."""
    planes = [plane for slice_ in stack.planes for plane in slice_]
    kind: np.dtype[Any] = np.dtype(np.float32)
    if all(plane.slope == 1 and plane.intercept == int(plane.intercept) for plane in planes):
        kind = np.dtype(np.int32)
    if int(np.prod(stack.shape)) * kind.itemsize > LARGEST_BYTES:
        raise InputError(f"{planes[0].file.path}: a cine of {stack.shape} voxels, which cannot be right; {AGAIN}")
    cine = np.empty(stack.shape, kind)
    places: dict[DicomFile, list[tuple[int, int]]] = defaultdict(list)
    for at, slice_ in enumerate(stack.planes):
        for frame, plane in enumerate(slice_):
            places[plane.file].append((at, frame))
    for file, of_file in places.items():
        stored = stored_frames(file)
        for at, frame in of_file:
            plane = stack.planes[at][frame]
            if stored.shape[1:] != plane.matrix:
                raise InputError(f"{file.path}: {stored.shape[1:]} pixels where {plane.matrix} are due; {AGAIN}")
            cine[:, :, at, frame] = meant(plane, stored).T
    small = np.iinfo(np.int16)
    if kind.kind == "i" and small.min <= cine.min() and cine.max() <= small.max:
        return cine.astype(np.int16)
    return cine


def write_nifti(path: Path, voxels: NDArray[np.generic], affine: Floats, step_ms: float = 0.0) -> None:
    """Gzipped NIfTI with the affine as sform and qform; equal voxels give equal bytes."""
    image = nibabel.Nifti1Image(voxels, affine)
    image.set_qform(affine, 1)
    image.set_sform(affine, 1)
    image.header.set_xyzt_units("mm", "msec" if voxels.ndim == 4 else None)
    if voxels.ndim == 4:
        image.header.set_zooms((*image.header.get_zooms()[:3], step_ms))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, gzip.compress(image.to_bytes(), compresslevel=4, mtime=0))
