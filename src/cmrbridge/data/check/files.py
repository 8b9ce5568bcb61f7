"""A NIfTI file read to its last byte, and what its header says that cannot be or is odd."""

import gzip
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import nibabel
import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from cmrbridge.core.geometry import columns_last, slice_axis, slices_last
from cmrbridge.data.check.problem import Fault
from cmrbridge.data.volume import LARGEST_BYTES, MILLIMETRES, SPACING_MM

Floats = NDArray[np.float64]

HEADERS = {348: (nibabel.Nifti1Header, 352, b"n+1"), 540: (nibabel.Nifti2Header, 544, b"n+2")}  # by sizeof_hdr
PLAIN_INTENTS = (0, 1001, 1002)  # none, estimate, label
SKEW = 1e-3  # cosine between two axes up to which they count as square: 0.06 degrees
BLOCK = 2**20  # bytes read at a time: what a header announces is never allocated before it is there
SAME = 0.01  # relative difference of two spacings that are told apart


@dataclass(frozen=True)
class Nifti:
    """stored: (x, y, slice) or (x, y, slice, time) as on disk; value = slope · stored + inter; spacing: pixdim in mm;
    affine: 4 × 4, voxel to RAS, of sform, else qform; slice_axis: of the file, brought last in all of these."""

    stored: NDArray[Any]
    slope: float
    inter: float
    affine: Floats
    spacing: tuple[float, float, float]
    slice_axis: int

    def volume(self, frame: int | None) -> NDArray[np.float32]:
        """(x, y, slice) of a 3-D file, or of time ``frame`` (0-based) of a 4-D one; ValueError where there is none."""
        stored = self.stored
        if stored.ndim == 4:
            index = 0 if stored.shape[3] == 1 else frame
            if index is None or not 0 <= index < stored.shape[3]:
                raise ValueError(f"frame {frame} of {stored.shape[3]} (they count from 0)")
            stored = stored[..., index]
        elif stored.ndim != 3:
            raise ValueError(f"{stored.ndim} dimensions, a stack has 3, or 4 with time")
        if (self.slope, self.inter) == (1.0, 0.0):
            return stored.astype(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            return (stored * self.slope + self.inter).astype(np.float32)


class Unusable(Exception):
    """A file of which nothing can be used; ``fault`` says why."""

    def __init__(self, check: str, what: str) -> None:
        super().__init__(what)
        self.fault = Fault(check, what)


def read_nifti(path: Path, axis: int | None = None) -> tuple[Nifti | None, list[Fault]]:
    """The file, or None where a voxel of it cannot be trusted, and what is wrong or odd about it.

    Every byte is read, so that gzip's checksum is compared; at most `LARGEST_BYTES` are kept. axis: that counts slices;
    None: as the spacing says.
    """
    try:
        header, shape, offset, content = read_whole(path)
    except Unusable as error:
        return None, [error.fault]
    faults = header_faults(header)
    if any(fault.check in ("spacing", "header_value") for fault in faults):
        return None, faults
    edges = spacing_of(header)
    stored = np.frombuffer(content, header.get_data_dtype(), math.prod(shape), offset).reshape(shape, order="F")
    slope, inter = scaling_of(header)
    return laid(Nifti(stored, slope, inter, affine_of(header), edges, 2), axis), faults


def laid(file: Nifti, axis: int | None) -> Nifti:
    """The same with the slices last; fewer than three dimensions stay as they are."""
    if file.stored.ndim < 3:
        return file
    chosen = slice_axis(file.stored.shape, file.spacing) if axis is None else axis
    order = columns_last(chosen)
    first, second, last = (file.spacing[one] for one in order)
    stored = slices_last(file.stored, chosen)
    return Nifti(stored, file.slope, file.inter, file.affine[:, [*order, 3]], (first, second, last), chosen)


def read_whole(path: Path) -> tuple[Any, tuple[int, ...], int, bytearray]:
    """(header, shape, offset of the voxels, all bytes) of a file whose sizes are right; raises Unusable."""
    if not path.is_file():
        raise Unusable("missing", "there is no such file")
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            return _content(stream)
    except (EOFError, OSError, zlib.error) as error:
        raise Unusable("damaged", f"cut short or damaged: {error}") from error


def _content(stream: BinaryIO | gzip.GzipFile) -> tuple[Any, tuple[int, ...], int, bytearray]:
    """(header, shape, offset of the voxels, all bytes), once they are found to fit one another."""
    start = stream.read(540)
    header, least, magic = _header(start)
    if bytes(header["magic"].item())[:3] != magic:
        raise Unusable("not_nifti", "its header is of a pair .hdr and .img, or of no NIfTI file")
    shape, width = _shape(header), _width(header)
    offset = float(header["vox_offset"])
    if not (math.isfinite(offset) and offset.is_integer() and offset >= least):
        raise Unusable("header_size", f"the header puts the voxels at byte {offset:g}, they begin at {least} or later")
    announced = int(offset) + math.prod(shape) * width
    if announced > LARGEST_BYTES:
        raise Unusable("header_size", f"the header announces {list(shape)} voxels, {announced / 2**30:.0f} GiB")
    content = bytearray(start)
    while len(content) <= announced and (block := stream.read(BLOCK)):  # to the end: only there is gzip's checksum
        content += block
    if len(content) != announced:
        held = f"{len(content)}" if len(content) < announced else "more"
        raise Unusable("header_size", f"the header announces {announced} bytes, the file holds {held}")
    return header, shape, int(offset), content


def _width(header: Any) -> int:
    """Bytes of a voxel, which type and bitpix both tell."""
    try:
        kind = header.get_data_dtype()
    except (HeaderDataError, KeyError) as error:
        raise Unusable("header_type", f"the header names no type of voxels that NIfTI has ({error})") from error
    bits = int(header["bitpix"])
    if kind.kind not in "iuf":
        raise Unusable("header_type", f"voxels are {kind} (colour or complex)")
    if bits != kind.itemsize * 8:
        raise Unusable("header_type", f"the header says {bits} bits a voxel and the type {kind}, which has others")
    return int(kind.itemsize)


def _header(start: bytes) -> tuple[Any, int, bytes]:
    for order in ("little", "big"):
        kind, least, magic = HEADERS.get(int.from_bytes(start[:4], order), (None, 0, b""))
        if kind is not None and len(start) >= kind.template_dtype.itemsize:
            sign = "<" if order == "little" else ">"
            return kind(start[: kind.template_dtype.itemsize], endianness=sign, check=False), least, magic
    raise Unusable("not_nifti", "it does not begin as a NIfTI file does")


def _shape(header: Any) -> tuple[int, ...]:
    """Edges without trailing ones beyond the third."""
    count = int(header["dim"][0])
    if not 1 <= count <= 7:
        raise Unusable("header_size", f"the header says {count} dimensions")
    edges = [int(edge) for edge in header["dim"][1 : count + 1]]
    if min(edges) < 1:
        raise Unusable("header_size", f"the header announces {edges} voxels")
    while len(edges) > 3 and edges[-1] == 1:
        edges.pop()
    return tuple(edges)


def header_faults(header: Any) -> list[Fault]:
    """What is wrong or odd in a header whose sizes are right."""
    faults = [*_spacing_faults(header), *_scaling_faults(header)]
    if any(fault.check == "spacing" for fault in faults):
        return faults
    if header.endianness == ">":
        faults.append(Fault("endian", "it is written big-endian"))
    if int(header["intent_code"]) not in PLAIN_INTENTS:
        faults.append(
            Fault("intent", f"its intent code is {int(header['intent_code'])}, not that of an image or labels")
        )
    return faults + _place_faults(header)


def _spacing_faults(header: Any) -> list[Fault]:
    unit, edges = unit_of(header), spacing_of(header)
    told = " × ".join(f"{edge:g}" for edge in edges)
    if not all(SPACING_MM[0] <= edge <= SPACING_MM[1] for edge in edges):
        return [Fault("spacing", f"voxels measure {told} mm")]
    if unit == "unknown":
        return [Fault("units_unknown", "the header names no unit of length")]
    return [Fault("units", f"the spacing is in {unit}s: {told} mm")] if unit in MILLIMETRES else []


def _scaling_faults(header: Any) -> list[Fault]:
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    if math.isinf(slope) or (slope not in (0.0,) and math.isfinite(slope) and not math.isfinite(inter)):
        return [Fault("header_value", f"scl_slope is {slope:g} and scl_inter {inter:g}")]
    if slope < 0:
        return [Fault("scaling", f"scl_slope is {slope:g}: it turns the grey values round")]
    return []


def _place_faults(header: Any) -> list[Fault]:
    """What sform and qform, in the order in which they are read, say of each other and of pixdim."""
    codes = {"sform": int(header["sform_code"]), "qform": int(header["qform_code"])}
    if min(codes.values()) < 0:
        return [Fault("header_value", f"the codes of its affines are {codes}")]
    try:
        forms = [getattr(header, f"get_{name}")() for name, code in codes.items() if code]
    except (HeaderDataError, ValueError, np.linalg.LinAlgError) as error:
        return [Fault("header_value", f"its qform is none ({error})")]
    if not forms:
        return [Fault("no_affine", "it has neither sform nor qform")]
    affine = forms[0]
    scale = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or not scale.all() or abs(np.linalg.det(affine[:3, :3] / scale)) < 0.1:
        return [Fault("header_value", "its affine is not finite, or flat")]
    faults = []
    edges = np.array(spacing_of(header)) / MILLIMETRES.get(unit_of(header), 1.0)
    if (np.abs(scale / edges - 1) > SAME).any():
        pairs = " and ".join(" × ".join(f"{edge:g}" for edge in side) for side in (edges, scale))
        faults.append(Fault("spacing_disagrees", f"pixdim and affine give different spacings: {pairs}"))
    if len(forms) == 2 and (apart := farthest(forms[0], forms[1], _shape(header)[:3])) > edges.min() / 2:
        faults.append(Fault("forms_disagree", f"sform and qform lie up to {apart:.1f} mm apart"))
    skew = skewness(affine)
    if skew > SKEW:
        degrees = math.degrees(math.asin(min(skew, 1.0)))
        faults.append(Fault("not_orthonormal", f"its axes are {degrees:.2f} degrees off a right angle"))
    return faults


def unit_of(header: Any) -> str:
    """meter, mm, micron or unknown; a code that is none of NIfTI's is unknown."""
    return {1: "meter", 2: "mm", 3: "micron"}.get(int(header["xyzt_units"]) & 7, "unknown")


def spacing_of(header: Any) -> tuple[float, float, float]:
    """pixdim in mm, as it stands; NaN and what is not positive stay so."""
    unit = MILLIMETRES.get(unit_of(header), 1.0)
    x, y, z = (float(edge) * unit for edge in header["pixdim"][1:4])
    return x, y, z


def scaling_of(header: Any) -> tuple[float, float]:
    """(slope, inter) of the voxels; a slope of 0 or NaN means none."""
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    return (slope, inter) if math.isfinite(slope) and slope else (1.0, 0.0)


def affine_of(header: Any) -> Floats:
    """Voxel to RAS by sform, else qform, else pixdim."""
    return np.asarray(header.get_best_affine(), np.float64)


def skewness(affine: Floats) -> float:
    """Largest cosine between two of the three axes; 0 where they stand at right angles."""
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return float(np.abs(axes.T @ axes - np.eye(3)).max())


def farthest(one: Floats, other: Floats, shape: tuple[int, ...]) -> float:
    """mm by which the two affines place a corner of the grid apart, at most."""
    full = [*shape, 1, 1, 1][:3]
    corners = np.array([[x, y, z, 1] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) * [*full, 1]
    return float(np.linalg.norm((corners @ (one - other).T)[:, :3], axis=1).max())
