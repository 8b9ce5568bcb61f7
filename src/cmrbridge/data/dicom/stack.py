"""Planes of one acquisition → a complete grid of slices and frames, and where it lies in the patient."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cmrbridge.data.dicom.plane import TIMES, Floats, Plane
from cmrbridge.data.volume import SPACING_MM
from cmrbridge.errors import InputError

LONG_AXIS = np.array([0.61, -0.57, -0.55])  # from base to apex in most people, LPS: left, to the front, down
TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
SAME_PLACE_MM = 0.1  # along the normal: planes nearer than this are one slice
ASIDE_MM = 0.5  # how far a slice may lie beside the line that the others make
UNEVEN = 0.02  # of the step between slices, before a slice is missing or misplaced
WAY_OUT = "export the series again whole; if it was acquired so, choose another with `series`"

Pixels = Callable[[Plane], NDArray[np.generic]]


@dataclass(frozen=True)
class Stack:
    """planes[slice][frame], slices from base to apex as far as the patient's axes tell, frames in time order.

    affine: (column, row, slice) to RAS mm; step_ms: between frames, 0 where the times are unknown; notes: what was
    found and done, in words that name no file.
    """

    planes: list[list[Plane]]
    affine: Floats
    step_ms: float
    notes: list[str] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(x, y, slice, frame) of the NIfTI array."""
        rows, columns = self.planes[0][0].matrix
        return columns, rows, len(self.planes), len(self.planes[0])


def toward_apex(normal: Floats) -> Floats:
    """The normal or its opposite, whichever points more to where the apex lies in most people."""
    return normal if normal @ LONG_AXIS >= 0 else -normal


def levels(planes: Sequence[Plane], normal: Floats) -> list[list[Plane]]:
    """Planes by slice, ordered along ``normal``: those that lie at one depth."""
    deep = sorted(planes, key=lambda plane: float(plane.position @ normal))
    found: list[list[Plane]] = []
    for plane in deep:
        if found and float((plane.position - found[-1][0].position) @ normal) <= SAME_PLACE_MM:
            found[-1].append(plane)
        else:
            found.append([plane])
    return found


def stack_of(planes: Sequence[Plane], pixels: Pixels) -> Stack:
    """The grid that ``planes`` fill; InputError that names what is missing, double or out of place."""
    normal = toward_apex(planes[0].normal)
    notes: list[str] = []
    slices = levels(planes, normal)
    slices = [_without_copies(slice_, number, pixels, notes) for number, slice_ in enumerate(slices, 1)]
    key = _time_key(slices, notes)
    slices = [sorted(slice_, key=lambda plane: plane.times[key]) for slice_ in slices]
    _check_frames(slices)
    affine = _affine(slices, normal, notes)
    repaired = max(plane.repaired for plane in planes)
    if repaired:
        notes.append(f"direction cosines made orthonormal: changed by up to {repaired:.2g}")
    return Stack(slices, affine, _step_ms(slices), notes)


def _without_copies(planes: list[Plane], number: int, pixels: Pixels, notes: list[str]) -> list[Plane]:
    """The slice without images that repeat another's time or UID and pixels; InputError where the pixels differ."""
    kept: dict[tuple[str, object], Plane] = {}
    constant = len({plane.times.get("TriggerTime") for plane in planes}) == 1
    copies = 0
    for plane in planes:
        marks: list[tuple[str, object]] = [("UID", (plane.uid, plane.frame))] if plane.uid else []
        if "TriggerTime" in plane.times and not constant:
            marks.append(("TriggerTime", plane.times["TriggerTime"]))
        twin = next((kept[mark] for mark in marks if mark in kept), None)
        if twin is None:
            kept |= dict.fromkeys(marks or [("file", (plane.file.path, plane.frame))], plane)
        elif not np.array_equal(pixels(twin), pixels(plane)):
            raise InputError(
                f"{plane.file.path}: another image than {twin.file.path.name}, with the same place and time (slice"
                f" {number}); take one of the two acquisitions out of the folder, or choose its `series`"
            )
        else:
            copies += 1
    if copies:
        notes.append(f"slice {number}: {copies} repeated image{'s' * (copies > 1)} left out")
    return list({id(plane): plane for plane in kept.values()}.values())


def _time_key(slices: list[list[Plane]], notes: list[str]) -> str:
    """The first of TIMES that every image has and that tells the images of every slice apart."""
    planes = [plane for slice_ in slices for plane in slice_]
    refused = []
    for key in TIMES:
        without = sum(key not in plane.times for plane in planes)
        if without:
            refused.append(f"{key} is missing in {without} of {len(planes)} images")
        elif any(len({plane.times[key] for plane in slice_}) < len(slice_) for slice_ in slices):
            refused.append(f"{key} is the same in several images of a slice")
        else:
            if refused:
                notes.append(f"frames ordered by {key}: {', '.join(refused)}")
            return key
    raise InputError(f"{planes[0].file.path}: its series has no order in time: {', '.join(refused)}; {WAY_OUT}")


def _check_frames(slices: list[list[Plane]]) -> None:
    """InputError where a slice has fewer or more frames than most, saying which and where the gap is."""
    counts = Counter(map(len, slices))
    usual = max(counts, key=lambda count: (counts[count], count))
    for number, slice_ in enumerate(slices, 1):
        if len(slice_) != usual:
            gap = _gap(slice_) if len(slice_) < usual else ""
            raise InputError(
                f"{slice_[0].file.path}: slice {number} of {len(slices)} has {len(slice_)} frames, most slices have"
                f" {usual}{gap}; {WAY_OUT}"
            )


def _gap(slice_: list[Plane]) -> str:
    times = [plane.times.get("TriggerTime") for plane in slice_]
    if len(times) < 3 or None in times:
        return ""
    steps = np.diff(np.array(times, dtype=np.float64))
    widest = int(steps.argmax())
    return f" (a gap after frame {widest + 1})" if steps[widest] > 1.5 * np.median(steps) else ""


def _affine(slices: list[list[Plane]], normal: Floats, notes: list[str]) -> Floats:
    """Voxel (column, row, slice) to RAS mm. The step between slices is that of their positions, never a thickness."""
    first = slices[0][0]
    origins = np.array([slice_[0].position for slice_ in slices])
    for number, slice_ in enumerate(slices, 1):
        apart = max(float(np.linalg.norm(plane.position - origins[number - 1])) for plane in slice_)
        if apart > ASIDE_MM:
            raise InputError(
                f"{slice_[0].file.path}: the frames of slice {number} lie up to {apart:.1f} mm apart; {WAY_OUT}"
            )
    step = _step(slices, origins, normal, notes)
    affine = np.eye(4)
    rows_mm, columns_mm = first.spacing
    affine[:3, :3] = np.column_stack([first.across * columns_mm, first.down * rows_mm, step])
    affine[:3, 3] = origins[0]
    return np.asarray(TO_RAS @ affine)


def _step(slices: list[list[Plane]], origins: Floats, normal: Floats, notes: list[str]) -> Floats:
    """Vector from one slice's origin to the next one's."""
    path = slices[0][0].file.path
    if len(origins) == 1:
        thickness = slices[0][0].thickness
        if thickness is None or not SPACING_MM[0] <= thickness <= SPACING_MM[1]:
            raise InputError(f"{path}: a single slice of unknown thickness; {WAY_OUT}")
        notes.append("a single slice: its thickness stands for the distance between slices")
        return normal * thickness
    depths = (origins - origins[0]) @ normal
    gaps = np.diff(depths)
    usual = float(np.median(gaps))
    for number, gap in enumerate(gaps, 1):
        if abs(gap - usual) > max(UNEVEN * usual, SAME_PLACE_MM):
            missing = round(gap / usual) - 1
            what = f"{missing} slice{'s' * (missing > 1)} missing" if missing > 0 else "the slices are unevenly spaced"
            raise InputError(
                f"{path}: {what} between slice {number} and {number + 1} (base first): {gap:.2f} mm where others are"
                f" {usual:.2f} mm apart; {WAY_OUT}"
            )
    if not SPACING_MM[0] <= usual <= SPACING_MM[1]:
        raise InputError(f"{path}: slices {usual:g} mm apart, which cannot be right; {WAY_OUT}")
    step = (origins[-1] - origins[0]) / (len(origins) - 1)
    aside = np.linalg.norm(origins - origins[0] - np.outer(np.arange(len(origins)), step), axis=1).max()
    slanted = float(np.linalg.norm(step - (step @ normal) * normal)) * (len(origins) - 1)
    if aside > ASIDE_MM or slanted > ASIDE_MM:
        raise InputError(
            f"{path}: slices shifted sideways by up to {max(aside, slanted):.1f} mm against one another, which NIfTI"
            f" cannot hold; resample them onto one grid, or choose another `series`"
        )
    return step


def _step_ms(slices: list[list[Plane]]) -> float:
    """Median time between frames, 0 where the headers do not tell."""
    times = [[plane.times.get("TriggerTime", 0.0) for plane in slice_] for slice_ in slices]
    if len(times[0]) < 2:
        return 0.0
    return max(float(np.median(np.diff(np.array(times), axis=1))), 0.0)
