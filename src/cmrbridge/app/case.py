"""One study as the app keeps it: frames as raw voxels in a folder, slices last, and what is known of them."""

import gzip
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.geometry import slices_back
from cmrbridge.core.header import allowed, label_header
from cmrbridge.data.volume import Volume
from cmrbridge.errors import InputError

FILE = "case.json"
PLAUSIBLE_S = (0.005, 0.25)  # between frames; what lies outside is a placeholder of whoever wrote the header


@dataclass(frozen=True)
class Case:
    """shape: (x, y, slice) of each frame, voxels; dtype: as its raw files hold it, first axis fastest; spacing: mm;
    affine: voxel → RAS mm; slice_axis: of the file it came from; ed, es: frames guessed from the images;
    centre: (row, column) of the heart in the upright view, pixels, None where it is unknown; phases: what each frame is
    called by whoever knows; source: vendor, scanner and field strength, as far as a header says."""

    frames: int
    shape: tuple[int, int, int]
    dtype: str
    spacing: tuple[float, float, float]
    affine: list[list[float]]
    slice_axis: int
    ed: int
    es: int
    centre: tuple[float, float] | None
    seconds_per_frame: float | None
    phases: list[str | None]
    notes: list[str]
    source: dict[str, Any]
    truth: bool = False


def store(folder: Path, case: Case, volumes: list[Volume], header: Any) -> None:
    """Write a case into ``folder``: its frames, and the headers of what is shown and downloaded of it."""
    for number, volume in enumerate(volumes):
        write_raw(folder / "frames" / f"{number:03d}.raw", volume.voxels.astype(case.dtype))
    (folder / "frame.hdr").write_bytes(_shown(case, case.shape, case.dtype))
    (folder / "image.hdr").write_bytes(_shown(case, (*case.shape, case.frames), case.dtype))
    (folder / "truth.hdr").write_bytes(_shown(case, case.shape, "u1"))
    (folder / "labels.hdr").write_bytes(_block(labels_header(header)))
    (folder / FILE).write_text(json.dumps(asdict(case)), encoding="utf-8")


def load(folder: Path) -> Case:
    """The case that `store` wrote."""
    values = json.loads((folder / FILE).read_text(encoding="utf-8"))
    tuples = {name: tuple(values[name]) for name in ("shape", "spacing")}
    centre = None if values["centre"] is None else tuple(values["centre"])
    return Case(**(values | tuples | {"centre": centre}))


def frame(folder: Path, case: Case, number: int) -> Volume:
    """One frame, as `data.volume.read_image` would read it from the file."""
    raw = np.fromfile(folder / "frames" / f"{number:03d}.raw", case.dtype)
    voxels = raw.reshape(case.shape, order="F").astype(np.float32)
    return Volume(voxels, np.array(case.affine), case.spacing, case.slice_axis)


def labels_file(folder: Path, case: Case, labels: Iterable[NDArray[np.uint8]]) -> bytes:
    """Gzipped NIfTI of the labels (x, y, slice) of every frame, in the axes and under the header of the file."""
    raw = b"".join(slices_back(one, case.slice_axis).tobytes(order="F") for one in labels)
    return gzip.compress((folder / "labels.hdr").read_bytes() + raw, mtime=0)


def write_raw(path: Path, voxels: NDArray[np.generic]) -> None:
    """The bytes of an array, first axis fastest, as a NIfTI file has them behind its header."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(voxels.tobytes(order="F"))


def stored_type(volumes: list[Volume]) -> str:
    """int16 where that loses nothing, else float32; little endian, as the headers say."""
    small = np.iinfo(np.int16)
    whole = all(
        np.array_equal(volume.voxels, np.rint(volume.voxels))
        and small.min <= volume.voxels.min()
        and volume.voxels.max() <= small.max
        for volume in volumes
    )
    return "<i2" if whole else "<f4"


def labels_header(header: Any) -> Any:
    """The NIfTI-1 header of labels on the grid of a whole file that has ``header``: 3-D or 4-D as that is."""
    own = nibabel.Nifti1Header.from_header(allowed(header))
    return label_header(own, own.get_data_shape(), Path("the file"))


def with_frames(header: Any, count: int) -> Any:
    """A 3-D header as the one of ``count`` frames of the same grid."""
    own = nibabel.Nifti1Header.from_header(allowed(header))
    zooms = own.get_zooms()[:3]
    own.set_data_shape((*own.get_data_shape()[:3], count))
    own.set_zooms((*zooms, 0.0))
    return own


def seconds_between(header: Any) -> float | None:
    """Time between the frames of a 4-D file, None where its header does not tell it or tells a placeholder."""
    zooms = header.get_zooms()
    if len(zooms) < 4:
        return None
    unit = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}.get(header.get_xyzt_units()[1])
    seconds = float(zooms[3]) * (unit or 0.0)
    return seconds if PLAUSIBLE_S[0] <= seconds <= PLAUSIBLE_S[1] else None


def joined(volumes: list[Volume]) -> None:
    """InputError unless the volumes lie on one grid."""
    first = volumes[0]
    for other in volumes[1:]:
        if other.voxels.shape != first.voxels.shape or not np.allclose(other.affine, first.affine, atol=1e-2):
            raise InputError("the two images do not lie on one grid; drop each by itself, or a cine of both")


def _shown(case: Case, shape: tuple[int, ...], dtype: str) -> bytes:
    """The header of stored voxels, slices last."""
    affine = np.array(case.affine)
    header = nibabel.Nifti1Header(endianness="<")
    header.set_data_dtype(dtype)
    header.set_data_shape(shape)
    header.set_zooms([*case.spacing, case.seconds_per_frame or 0.0][: len(shape)])
    header.set_qform(affine, 1, strip_shears=True)
    header.set_sform(affine, 1)
    header.set_xyzt_units("mm", "sec")
    return _block(header)


def _block(header: Any) -> bytes:
    """All that stands before the voxels of a NIfTI-1 file: the header, and that no extension follows it."""
    header["magic"], header["vox_offset"] = b"n+1", 352
    return bytes(header.binaryblock) + b"\0" * 4
