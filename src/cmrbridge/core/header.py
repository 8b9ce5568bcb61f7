"""What of a NIfTI header may go on to other files: how the voxels are stored and where they lie, and nothing else."""

from typing import Any

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
