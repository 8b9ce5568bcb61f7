"""What of a NIfTI header may go on to other files: how the voxels are stored and where they lie, and nothing else."""

import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.geometry import slice_axis, slices_back
from cmrbridge.errors import InputError

KEPT = (
    *("sizeof_hdr", "dim", "datatype", "bitpix", "pixdim", "vox_offset", "scl_slope", "scl_inter", "xyzt_units"),
    *("qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
    *("srow_x", "srow_y", "srow_z", "magic"),
)


def allowed(header: Any) -> Any:
    """A nibabel header of the same kind and byte order with the fields of `KEPT` alone, and no extension.

    descrip, aux_file, intent_name, db_name and extensions may hold a patient's name; so may any other field.
    """
    clean = type(header)(endianness=header.endianness)
    for name in KEPT:
        clean[name] = header[name]
    return clean


def units(header: Any) -> tuple[str, str]:
    """Of space and of time, as nibabel names them; each "unknown" where its part of the code stands for none."""
    from nibabel.nifti1 import unit_codes

    code, names = int(header["xyzt_units"]), unit_codes.label
    space, time = code & 0b111, code & 0b111000  # XYZT_TO_SPACE and XYZT_TO_TIME of nifti1.h
    return names.get(space, "unknown"), names.get(time, "unknown")


def write_like(labels: NDArray[np.uint8], source: Path, path: Path) -> None:
    """Write labels (x, y, slice) with the geometry of an image file: same axes, affine, codes, units; atomically."""
    import nibabel

    own = nibabel.Nifti1Header.from_header(nibabel.load(source).header)
    edges = tuple(float(edge) for edge in own.get_zooms())  # as data.volume compares them: float32 rounds otherwise
    laid = slices_back(labels, slice_axis(own.get_data_shape(), edges))
    payload = nibabel.Nifti1Image(laid, None, label_header(own, laid.shape, source)).to_bytes()
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_bytes(gzip.compress(payload, mtime=0))
    os.replace(temporary, path)


def label_header(header: Any, shape: tuple[int, ...], source: Path) -> Any:
    """The header of a label map of ``shape`` on the grid of an image that has ``header``: of one frame (x, y, z) of a
    3-D or 4-D image, or of all of it (x, y, z, time)."""
    if header.get_data_shape()[: len(shape)] != shape:
        raise InputError(
            f"{source}: shape {header.get_data_shape()} is not the {shape} that was prepared; ingest it again"
        )
    zooms: Any = np.abs(header.get_zooms()[: len(shape)])  # a time may run backwards in a lying header
    header = allowed(header)
    header.set_data_shape(shape)
    header.set_zooms(zooms)
    header.set_data_dtype(np.uint8)
    header.set_slope_inter(1, 0)
    return header
