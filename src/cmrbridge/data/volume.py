"""Reading NIfTI files so that a damaged or lying one is refused before one of its voxels is used."""

import gzip
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.core.geometry import columns_last, slice_axis, slices_last
from cmrbridge.errors import InputError

LARGEST_BYTES = 4 * 2**30  # of one file, unpacked
SPACING_MM = (0.1, 50.0)  # what a voxel of the heart can measure; outside it the units are wrong
MILLIMETRES = {"meter": 1000.0, "micron": 0.001}
COUNTED = 2**16  # label values below it are counted
ANEW = "fetch or export the file again"
HEADERS = {348: nibabel.Nifti1Image, 540: nibabel.Nifti2Image}


@dataclass(frozen=True)
class Volume:
    """voxels: (x, y, slice) float32; affine: 4 × 4, voxel to RAS mm; spacing: mm per voxel along x, y, slice.

    slice_axis: of the file, which is brought last where it is another (`core.geometry.slice_axis`).
    """

    voxels: NDArray[np.float32]
    affine: NDArray[np.float64]
    spacing: tuple[float, float, float]
    slice_axis: int = 2


def read_image(path: Path, frame: int | None = None) -> Volume:
    """A 3-D image, or one time frame (0-based) of a 4-D one. Spacing is the header's pixdim in mm."""
    return _volume(_load(path), frame, path)


def read_series(path: Path) -> tuple[list[Volume], Any]:
    """Every frame of a 3-D or 4-D file in order, and its nibabel header."""
    image = _load(path)
    frames: list[int | None] = [*range(image.shape[3])] if len(image.shape) == 4 else [None]
    return [_volume(image, frame, path) for frame in frames], image.header


def _volume(image: Any, frame: int | None, path: Path) -> Volume:
    voxels = _frame(image, frame, path)
    if not np.isfinite(voxels).all():
        raise InputError(f"{path}: {int((~np.isfinite(voxels)).sum())} voxels are NaN or infinite; {ANEW}")
    if voxels.min() == voxels.max():
        raise InputError(f"{path}: every voxel is {voxels.flat[0]:g}; {ANEW}")
    unit = MILLIMETRES.get(image.header.get_xyzt_units()[0], 1.0)
    x, y, z = (float(zoom) * unit for zoom in image.header.get_zooms()[:3])
    edges = (x, y, z)
    if not all(SPACING_MM[0] <= edge <= SPACING_MM[1] for edge in edges):
        raise InputError(_no_spacing(path, edges))
    axis = slice_axis(voxels.shape, edges)
    first, second, last = (edges[one] for one in columns_last(axis))
    return Volume(slices_last(voxels, axis), _affine(image, axis), (first, second, last), axis)


def read_labels(path: Path, frame: int | None, codes: dict[str, int], image: Volume) -> NDArray[np.uint8]:
    """Canonical labels (x, y, slice) on the image's own grid; ``codes`` gives each structure's value in the file."""
    file = _load(path)
    values = slices_last(_frame(file, frame, path), image.slice_axis)
    if values.shape != image.voxels.shape:
        raise InputError(f"{path}: labels of shape {values.shape} for an image of {image.voxels.shape}; {ANEW}")
    _same_place(path, _affine(file, image.slice_axis), image)
    rounded = np.rint(values)
    if not np.isfinite(values).all() or np.abs(values - rounded).max() > 1e-3:
        raise InputError(f"{path}: labels are not whole numbers; export them without interpolation or scaling")
    unknown = sorted(_present(rounded) - {0, *codes.values()})
    if unknown:
        raise InputError(
            f"{path}: label values {unknown[:8]} are not among {codes}; correct the data set's `labels` in the config"
        )
    canonical = np.zeros(rounded.shape, np.uint8)
    for name, code in codes.items():
        canonical[rounded == code] = STRUCTURES[name]
    return canonical


def _present(values: NDArray[np.float32]) -> set[int]:
    """The whole numbers that occur; counted where they are few, which sorting them takes ten times as long for."""
    if values.min() < 0 or values.max() >= COUNTED:
        return {int(value) for value in np.unique(values)}
    return set(np.flatnonzero(np.bincount(values.astype(np.int64).ravel())).tolist())


def read_frames(path: Path) -> NDArray[np.float32]:
    """All of a 4-D file: (x, y, slice, time)."""
    image = _load(path)
    if len(image.shape) != 4:
        raise InputError(f"{path}: {len(image.shape)} dimensions where 4 are needed; {ANEW}")
    return np.asarray(image.dataobj, np.float32)


def _affine(image: Any, axis: int) -> NDArray[np.float64]:
    """4 × 4, of the array with the slices last."""
    return np.asarray(image.affine, np.float64)[:, [*columns_last(axis), 3]]


def read_stacks(path: Path) -> NDArray[np.float32]:
    """All of a 3-D or 4-D file: (x, y, slice, time), a 3-D one with a single time."""
    image = _load(path)
    if len(image.shape) not in (3, 4):
        raise InputError(f"{path}: {len(image.shape)} dimensions where 3 or 4 are needed; {ANEW}")
    voxels = np.asarray(image.dataobj, np.float32)
    return voxels if voxels.ndim == 4 else voxels[..., None]


def _same_place(path: Path, affine: NDArray[np.float64], image: Volume) -> None:
    corners = np.array([[x, y, z, 1] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) * [*image.voxels.shape, 1]
    apart = np.linalg.norm(corners @ (affine - image.affine).T, axis=1).max()
    if apart > max(np.linalg.norm(image.affine[:3, :3], axis=0)):
        raise InputError(
            f"{path}: the labels lie up to {apart:.1f} mm from their image; resample them onto its grid."
            f" Affine of the labels {affine.tolist()}, of the image {image.affine.tolist()}"
        )


def _no_spacing(path: Path, edges: Sequence[float]) -> str:
    voxels = " × ".join(f"{edge:g}" for edge in edges)
    return f"{path}: voxels of {voxels} mm; write the spacing (pixdim) and its unit into the header"


def _frame(image: Any, frame: int | None, path: Path) -> NDArray[np.float32]:
    shape = tuple(image.shape)
    if len(shape) == 4 and shape[3] == 1:
        frame = 0
    if len(shape) not in (3, 4) or (len(shape) == 4 and frame is None):
        raise InputError(f"{path}: shape {shape}, but one 3-D frame is needed; split the file or name the frame")
    if len(shape) == 3:
        return np.asarray(image.dataobj, np.float32)
    if frame is None or not 0 <= frame < shape[3]:
        raise InputError(
            f"{path}: frame {frame} of {shape[3]} does not exist (they count from 0); correct the frame numbers"
        )
    return np.asarray(image.dataobj[..., frame], np.float32)


def _load(path: Path) -> Any:
    """The file as a nibabel image in memory, read to its very end so that gzip's checksum is verified."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; check the data set's folder and tables")
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            content, kind = _content(stream, path)
        image = kind.from_bytes(content)
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(f"{path}: cut short or damaged ({error}); {ANEW}") from error
    except (HeaderDataError, ImageFileError, ValueError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not a valid NIfTI header ({error}); {ANEW}") from error
    if image.get_data_dtype().kind not in "iuf":
        raise InputError(f"{path}: voxels of type {image.get_data_dtype()} (colour or complex); export plain numbers")
    return image


def _content(stream: BinaryIO | gzip.GzipFile, path: Path) -> tuple[bytes, Any]:
    """Header first: what it announces must be sane and must be exactly what the file holds."""
    start = stream.read(540)
    order = next(
        (sign for sign in "<>" if len(start) >= 348 and struct.unpack(sign + "i", start[:4])[0] in HEADERS), None
    )
    if order is None:
        raise InputError(f"{path}: not a NIfTI file; {ANEW}")
    kind = HEADERS[struct.unpack(order + "i", start[:4])[0]]
    header = kind.header_class(start[: kind.header_class.template_dtype.itemsize], check=False)
    count = int(header["dim"][0])
    edges = [int(edge) for edge in header["dim"][1 : count + 1]] if 1 <= count <= 7 else [0]
    bits = int(header["bitpix"])
    size = 1
    for edge in edges:
        size *= max(edge, 0)
    announced = int(header["vox_offset"]) + size * bits // 8
    if size == 0 or announced > LARGEST_BYTES:
        raise InputError(f"{path}: the header announces {edges} voxels of {bits} bits, which cannot be right; {ANEW}")
    spacing = header["pixdim"][1:4].tolist()
    if 0 in spacing[:count]:  # nibabel would take it for 1
        raise InputError(_no_spacing(path, spacing))
    content = start + stream.read(max(0, announced - len(start)))
    beyond = stream.read(1)  # where there is none the end has been read, and the checksum been compared
    if len(content) != announced or beyond:
        more = "more than that" if beyond else f"{len(content)}"
        raise InputError(f"{path}: the header announces {announced} bytes, the file holds {more}; {ANEW}")
    return content, kind
