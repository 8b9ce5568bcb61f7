"""NIfTI files read to their last byte: a damaged gzip is refused, which nibabel alone does not do."""

import gzip
import zlib
from pathlib import Path

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from numpy.typing import NDArray

from cmrbridge.errors import InputError


def read_volume(path: Path) -> NDArray[np.float32]:
    """The voxels of a .nii or .nii.gz file, scaled as its header says: (x, y, slice)."""
    try:
        payload = path.read_bytes()
        if path.suffix == ".gz":
            payload = gzip.decompress(payload)
        voxels = np.asarray(nibabel.Nifti1Image.from_bytes(payload).dataobj, np.float32)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; run the step that writes it, or mend the table naming it") from error
    except (OSError, EOFError, ValueError, zlib.error, ImageFileError) as error:
        raise InputError(f"{path}: not a readable NIfTI file ({error}); restore it from its source") from error
    if voxels.ndim == 4 and voxels.shape[3] == 1:
        voxels = voxels[..., 0]
    if voxels.ndim != 3:
        raise InputError(f"{path}: has shape {voxels.shape}, expected (x, y, slice); split it into one file per frame")
    return voxels


def read_labels(path: Path) -> NDArray[np.int16]:
    """The label codes of a file, rounded to whole numbers: (x, y, slice)."""
    return np.rint(read_volume(path)).astype(np.int16)
