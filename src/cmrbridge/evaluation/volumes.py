"""NIfTI files read to their last byte: a damaged gzip is refused, which nibabel alone does not do."""

import gzip
import zlib
from collections.abc import Mapping
from pathlib import Path

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.core.geometry import slices_last
from cmrbridge.errors import InputError

Mask = NDArray[np.bool_]


def read_volume(path: Path, frame: str = "", axis: int = 2) -> NDArray[np.float32]:
    """Voxels (x, y, slice) of a .nii or .nii.gz file, scaled as its header says; of a 4-D file, 0-based ``frame``.

    axis: of the file that counts slices ("slice_axis" of subjects.csv), brought last.
    """
    try:
        payload = path.read_bytes()
        if path.suffix == ".gz":
            payload = gzip.decompress(payload)
        header_size = {int.from_bytes(payload[:4], order) for order in ("little", "big")}
        image = (nibabel.Nifti2Image if 540 in header_size else nibabel.Nifti1Image).from_bytes(payload)
        chosen = image.dataobj[..., int(frame)] if frame and len(image.shape) == 4 else image.dataobj
        voxels = np.asarray(chosen, np.float32)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; run the step that writes it, or mend the table naming it") from error
    except (OSError, EOFError, IndexError, ValueError, zlib.error, ImageFileError, HeaderDataError) as error:
        raise InputError(f"{path}: not a readable NIfTI file ({error}); restore it from its source") from error
    if voxels.ndim == 4 and voxels.shape[3] == 1:
        voxels = voxels[..., 0]
    if voxels.ndim != 3:
        raise InputError(f"{path}: has shape {voxels.shape}, expected (x, y, slice); name the frame, or split the file")
    return slices_last(voxels, axis)


def read_masks(path: Path, codes: Mapping[str, int], frame: str = "", axis: int = 2) -> dict[str, Mask]:
    """Structure → mask (x, y, slice), for the structures in ``codes`` (their values in the file)."""
    labels = np.rint(read_volume(path, frame, axis)).astype(np.int32)
    return {structure: labels == code for structure, code in codes.items()}


def read_reference(row: Mapping[str, str]) -> dict[str, Mask]:
    """The masks of what a case's annotators drew; ``row`` of subjects.csv names file, frame, codes and structures."""
    codes = {name: int(code) for name, _, code in (entry.partition("=") for entry in row["codes"].split())}
    known = [structure for structure in STRUCTURES if structure in row["annotated"].split()]
    wanted = {structure: codes[structure] for structure in known}
    return read_masks(Path(row["label"]), wanted, row["label_frame"], int(row["slice_axis"]))


def read_prediction(path: Path, reference: Mapping[str, Mask], axis: int) -> dict[str, Mask]:
    """The predicted masks (canonical codes) of the structures of a case's reference, in its grid; axis: its slices'."""
    masks = read_masks(path, {structure: STRUCTURES[structure] for structure in reference}, axis=axis)
    for structure, mask in reference.items():
        if masks[structure].shape != mask.shape:
            raise InputError(
                f"{path}: has shape {masks[structure].shape}, its reference {mask.shape}; predict it again"
            )
    return masks


def spacing_of(row: Mapping[str, str]) -> tuple[float, float, float]:
    """mm per voxel along x, y, slice."""
    return float(row["spacing_x"]), float(row["spacing_y"]), float(row["spacing_z"])
