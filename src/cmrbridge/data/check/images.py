"""What is wrong with the voxels of an image: pure functions of (x, y, slice)."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from cmrbridge.data.check.problem import Fault

Voxels = NDArray[np.float32]


def image_faults(voxels: Voxels) -> list[Fault]:
    """Voxels that are no numbers, no picture, or a picture twice."""
    wrong = int((~np.isfinite(voxels)).sum())
    if wrong:
        return [Fault("not_finite", f"{wrong} voxels are NaN or infinite")]
    if voxels.min() == voxels.max():
        return [Fault("constant", f"every voxel is {voxels.flat[0]:g}")]
    faults: list[Fault] = []
    seen: dict[str, int] = {}
    for index in range(voxels.shape[2]):
        one = voxels[:, :, index]
        if one.min() == one.max():
            faults.append(Fault("blank_slice", f"every pixel of slice {index} is {one.flat[0]:g}", index))
            continue
        first = seen.setdefault(digest(one), index)
        if first != index:
            faults.append(Fault("repeated_slice", f"slices {first} and {index} have the same pixels", index))
    return faults


def digest(voxels: NDArray[np.generic]) -> str:
    """Equal for equal shapes and voxels, whatever the file around them."""
    content = np.ascontiguousarray(voxels)
    return hashlib.sha256(repr(content.shape).encode() + content.tobytes()).hexdigest()
