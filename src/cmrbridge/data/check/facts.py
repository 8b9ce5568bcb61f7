"""One frame looked at: its faults, and the few facts that its subject and its data set are compared by."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.data.check.files import Nifti, read_nifti
from cmrbridge.data.check.images import digest, image_faults
from cmrbridge.data.check.labels import grid_faults, label_faults, placement_faults
from cmrbridge.data.check.masks import mask_faults, side_faults
from cmrbridge.data.check.problem import Fault, Problem, problem
from cmrbridge.data.frames import Frame

Labels = NDArray[np.uint8]
FEW_SLICES, MANY_SLICES = 3, 30  # of a short axis stack: fewer hold no base, middle and apex, more are thin or not one


@dataclass(frozen=True)
class Facts:
    """What is kept of a frame once its voxels are gone.

    shape (x, y, slice); spacing mm; normal: unit vector of the slices in RAS; placed: whether
    the file tells it; counts: voxels of each annotated structure by slice;
    digests of voxels and labels, "" where there are none or they are empty.
    """

    frame: Frame
    shape: tuple[int, ...]
    spacing: tuple[float, float, float]
    normal: tuple[float, float, float]
    placed: bool
    counts: dict[str, tuple[int, ...]]
    image_digest: str
    label_digest: str

    def volume_ml(self, structure: str) -> float:
        """mL of a structure."""
        return sum(self.counts[structure]) * float(np.prod(self.spacing)) / 1000


def look(frame: Frame, codes: dict[str, int]) -> tuple[Facts | None, list[Problem]]:
    """All that one frame's two files show; facts only where the image can be used."""
    image, faults = read_nifti(frame.image)
    problems = [told(fault, frame, frame.image) for fault in faults]
    voxels = None
    if image is not None:
        try:
            voxels = image.volume(frame.image_frame)
        except ValueError as error:
            problems.append(told(Fault("frame", f"no such frame: {error}"), frame, frame.image))
    if image is None or voxels is None:
        label = frame.label
        problems += [told(fault, frame, label) for fault in read_nifti(label)[1]] if label else []
        return None, problems
    found = [*image_faults(voxels), *stack_faults(image, voxels.shape[2])]
    problems += [told(fault, frame, frame.image) for fault in found]
    if any(fault.check in ("not_finite", "constant") for fault in found):
        return None, problems
    labels, more = _labels(frame, image, voxels, codes)
    return _facts(frame, image, voxels, labels), problems + more


def told(fault: Fault, frame: Frame, path: Path) -> Problem:
    """The row of a fault of one of a frame's files."""
    return problem(fault, frame.dataset, frame.subject, frame.phase, str(path))


def stack_faults(image: Nifti, slices: int) -> list[Fault]:
    """Which axis was taken for that of the slices, where it is not the third, and how many there are."""
    faults = []
    if image.slice_axis < 2:
        name = ("first", "second")[image.slice_axis]
        what = f"{slices} voxels, {image.spacing[2]:g} mm apart, lie along the {name} axis and are read as its slices"
        faults.append(Fault("slice_axis", what))
    if not FEW_SLICES <= slices <= MANY_SLICES:
        faults.append(Fault("slices", f"the stack has {slices} slice{'s' if slices > 1 else ''}"))
    return faults


def _labels(
    frame: Frame, image: Nifti, voxels: NDArray[np.float32], codes: dict[str, int]
) -> tuple[Labels | None, list[Problem]]:
    """Canonical labels where they can be used, and the problems of the labels' file."""
    if frame.label is None:
        return None, []
    file, faults = read_nifti(frame.label, image.slice_axis)
    labels = None
    if file is not None:
        faults = [*faults, *grid_faults(file, image, frame.label_frame)]
    if file is not None and not any(fault.check in ("label_shape", "label_place", "label_one_hot") for fault in faults):
        try:
            labels, more = label_faults(file.volume(frame.label_frame), codes, frame.annotated)
            faults += more
        except ValueError as error:
            faults.append(Fault("frame", f"no such frame: {error}"))
    if labels is not None and labels.any():
        found = mask_faults(labels, frame.annotated)
        faults += [*found, *placement_faults(labels, voxels)]
        if not any(fault.check == "codes_swapped" for fault in found):
            faults += side_faults(labels, image.affine)
    return labels, [told(fault, frame, frame.label) for fault in faults]


def _facts(frame: Frame, image: Nifti, voxels: NDArray[np.float32], labels: Labels | None) -> Facts:
    x, y, z = (float(part) for part in _normal(image))
    known = frame.annotated if labels is not None and labels.any() else ()
    counts = {} if labels is None else {name: _by_slice(labels, name) for name in known}
    return Facts(
        frame=replace(frame, annotated=known),
        shape=voxels.shape,
        spacing=image.spacing,
        normal=(x, y, z),
        placed=not np.array_equal(image.affine[:3, :3], np.diag(np.diag(image.affine[:3, :3]))),
        counts=counts,
        image_digest=digest(voxels),
        label_digest=digest(labels) if labels is not None and known else "",
    )


def _by_slice(labels: Labels, name: str) -> tuple[int, ...]:
    return tuple((labels == STRUCTURES[name]).sum(axis=(0, 1)).tolist())


def _normal(image: Nifti) -> NDArray[np.float64]:
    normal = np.cross(image.affine[:3, 0], image.affine[:3, 1])
    return np.asarray(normal / max(float(np.linalg.norm(normal)), 1e-12), np.float64)
