"""What a heart's labels cannot be, or seldom are: pure functions of canonical labels (x, y, slice)."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cmrbridge.core.anatomy import STRUCTURES, grow
from cmrbridge.core.geometry import orientation
from cmrbridge.data.check.problem import Fault
from cmrbridge.data.checks import ENCLOSED, enclosed

Labels = NDArray[np.uint8]
Bools = NDArray[np.bool_]

EIGHT = np.ones((3, 3), bool)  # pieces are joined over corners: a thin wall is


def mask_faults(labels: Labels, annotated: tuple[str, ...]) -> list[Fault]:
    """Topology of one frame's labels; what is not annotated is not asked for."""
    if {"LV", "MYO"} <= {*annotated} and _both(labels):
        share = enclosed(np.moveaxis(labels, 2, 0))
        if share < ENCLOSED:
            return [Fault("codes_swapped", f"the myocardium encloses {100 * share:.0f} % of the cavity's rim only")]
    labels = _trimmed(labels)
    faults = [fault for name in annotated for fault in gap_faults(labels == STRUCTURES[name], name)]
    inner = inner_slices(labels == STRUCTURES["LV"])
    for index in range(labels.shape[2]):
        faults += slice_faults(labels[:, :, index], annotated, index, index in inner)
    return faults


def slice_faults(labels: Labels, annotated: tuple[str, ...], index: int, inner: bool) -> list[Fault]:
    """Rings, pieces and neighbours in one slice (x, y). inner: neither the first nor the last slice of the cavity,
    where the ring may be open: at the base it ends, at the apex it is cut."""
    lv, myo, rv = (labels == STRUCTURES[name] for name in ("LV", "MYO", "RV"))
    faults = []
    if inner and lv.any() and "MYO" in annotated:
        rim = grow(lv) & ~lv
        bare = int((rim & ~myo).sum())
        if bare:
            told = f"{bare} of {int(rim.sum())} pixels around the LV cavity in slice {index} are not myocardium"
            faults.append(Fault("ring_open", told, index))
        if touching := int((rim & rv).sum()):
            faults.append(Fault("rv_touches_lv", f"RV and LV cavity meet at {touching} pixels in slice {index}", index))
    for name, mask in (("LV", lv), ("MYO", myo), ("RV", rv)):
        if name == "MYO" and not inner:
            continue
        sizes = pieces(mask)
        if len(sizes) > 1:
            told = f"{name} is in {len(sizes)} pieces in slice {index} ({', '.join(map(str, sizes))} pixels)"
            faults.append(Fault("pieces", told, index))
    if rv.any() and myo.any() and not (grow(rv, corners=True) & myo).any():
        faults.append(Fault("rv_apart", f"RV and myocardium do not touch in slice {index}", index))
    return faults


def side_faults(labels: Labels, affine: NDArray[np.float64]) -> list[Fault]:
    """An RV to the right of the LV, in the view that the affine (4 × 4, voxel to RAS) makes upright.

    Above or below is no sign: hearts lie turned.
    """
    rv, lv = (np.argwhere((labels == STRUCTURES[name]) & _shared(labels)) for name in ("RV", "LV"))
    if not len(rv) or not len(lv):
        return []
    along = (rv.mean(axis=0) - lv.mean(axis=0))[:2] * np.linalg.norm(affine[:3, :2], axis=0)
    transpose, _, flip_columns = orientation(affine)
    down, across = along[::-1] if transpose else along
    right = -across if flip_columns else across
    if right <= abs(down):
        return []
    return [Fault("mirrored", f"the RV lies {right:.0f} mm to the right of the LV, as in a mirror")]


def _shared(labels: Labels) -> Bools:
    """The slices that hold both cavities, as a mask to be broadcast."""
    rv, lv = (np.asarray((labels == STRUCTURES[name]).any(axis=(0, 1))) for name in ("RV", "LV"))
    return np.asarray((rv & lv)[None, None])


def gap_faults(mask: Bools, name: str) -> list[Fault]:
    """Slices without the structure between slices that have it."""
    has = np.asarray(mask.any(axis=(0, 1)))
    found = np.flatnonzero(has)
    lacking = [int(index) for index in range(found[0], found[-1]) if not has[index]] if len(found) else []
    return [Fault("gap", f"{name} is missing in slice {index}, and there before and after", index) for index in lacking]


def pieces(mask: Bools) -> list[int]:
    """Pixels of each component (x, y), the largest first; joined over sides and corners."""
    marked, count = ndimage.label(mask, EIGHT)
    return sorted(np.bincount(marked.ravel(), minlength=count + 1)[1:].tolist(), reverse=True)


def inner_slices(cavity: Bools) -> range:
    """Slices of the cavity but for its first and its last."""
    found = np.flatnonzero(cavity.any(axis=(0, 1)))
    return range(int(found[0]) + 1, int(found[-1])) if len(found) else range(0)


def _both(labels: Labels) -> bool:
    """Whether any slice holds LV and myocardium."""
    lv, myo = (np.asarray((labels == STRUCTURES[name]).any(axis=(0, 1))) for name in ("LV", "MYO"))
    return bool((lv & myo).any())


def _trimmed(labels: Labels) -> Labels:
    """Without empty rows and columns but a margin of one pixel: what is asked of it is asked of neighbours."""
    marked = np.asarray(labels.any(axis=2))
    spans = [np.flatnonzero(marked.any(axis=1 - axis)) for axis in (0, 1)]
    if not len(spans[0]):
        return labels[:1, :1]
    x, y = (slice(max(int(span[0]) - 1, 0), int(span[-1]) + 2) for span in spans)
    return labels[x, y]
