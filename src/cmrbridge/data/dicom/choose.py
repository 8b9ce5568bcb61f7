"""Which images of a patient are the short-axis cine: by geometry and time first, by its description where they tie."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cmrbridge.data.dicom.plane import Defect, Plane
from cmrbridge.data.dicom.stack import LONG_AXIS, levels, toward_apex
from cmrbridge.errors import InputError

FEWEST_FRAMES, FEWEST_SLICES = 8, 3
WIDEST_DEG = 45.0  # between a short axis' normal and the usual long axis; views along the axis lie near 90
SAME_COSINE = 1e-3
SAME_SLICE_MM = 1.0  # two series' slices nearer than this are one slice, taken twice


@dataclass(frozen=True)
class Group:
    """Parallel planes of one matrix, spacing and contrast."""

    planes: list[Plane]

    @property
    def numbers(self) -> list[int]:
        return sorted({plane.origin.number for plane in self.planes if plane.origin.number is not None})

    @property
    def slices(self) -> int:
        return len(self.depths)

    @property
    def frames(self) -> int:
        """Of the median slice."""
        counts = [len(level) for level in levels(self.planes, toward_apex(self.planes[0].normal))]
        return int(np.median(counts))

    @property
    def depths(self) -> list[float]:
        normal = toward_apex(self.planes[0].normal)
        return [float(level[0].position @ normal) for level in levels(self.planes, normal)]

    @property
    def degrees(self) -> float:
        """Between its normal and the usual long axis of the left ventricle."""
        cosine = float(toward_apex(self.planes[0].normal) @ LONG_AXIS / np.linalg.norm(LONG_AXIS))
        return float(np.degrees(np.arccos(min(cosine, 1.0))))

    @property
    def called_short(self) -> bool:
        return any(plane.origin.called_short for plane in self.planes)

    def told(self) -> str:
        """The group in words that hold nothing of the header but numbers."""
        rows, columns = self.planes[0].matrix
        name = "series " + (" ".join(map(str, self.numbers)) or "without number")
        contrast = "phase images, " if self.planes[0].origin.contrast else ""
        size = f"{self.slices} slices × {self.frames} frames of {columns} × {rows}"
        return f"{name} ({contrast}{size}, normal {self.degrees:.0f}° from the usual long axis)"


def short_axis(
    planes: Sequence[Plane], defects: Sequence[Defect], wanted: Sequence[int], subject: str
) -> tuple[Group, str]:
    """The short-axis cine among one subject's planes, and why it was taken.

    wanted: series numbers that were chosen by hand, or none. InputError names the candidates where none or several fit.
    """
    groups = _joined([Group(part) for part in _parts(planes)])
    if wanted:
        groups = _joined([Group(part) for part in _parts([p for p in planes if p.origin.number in wanted])])
        magnitude = [group for group in groups if not group.planes[0].origin.contrast]
        fitting, why = magnitude or groups, "chosen by hand"
    else:
        fitting = [group for group in groups if not unfit(group)]
        why = "the only short-axis cine"
    fitting, why = _narrowed(fitting, why)
    if len(fitting) != 1:
        raise InputError(_undecided(subject, fitting, groups, defects, planes))
    chosen = fitting[0]
    series = {plane.origin.series for plane in chosen.planes}
    for defect in defects:
        if defect.origin.series in series:
            raise InputError(f"{defect.file.path}: {defect.reason}")
    return chosen, f"{chosen.told()}: {why}"


def _narrowed(fitting: list[Group], why: str) -> tuple[list[Group], str]:
    """Of several that fit, the one that is called short axis or else has the most slices; all, if they are of several
    studies, of which none may be dropped."""
    if len(fitting) < 2 or len({group.planes[0].origin.study for group in fitting}) > 1:
        return fitting, why
    called = [group for group in fitting if group.called_short]
    if len(called) == 1:
        return called, "its description says short axis"
    most = max(group.slices for group in fitting)
    largest = [group for group in fitting if group.slices == most]
    return (largest, "it has the most slices") if len(largest) == 1 else (fitting, why)


def unfit(group: Group) -> str:
    """Why the group is no short-axis cine, "" if it may be one."""
    if group.planes[0].origin.contrast:
        return "phase images"
    if group.slices < FEWEST_SLICES:
        return f"fewer than {FEWEST_SLICES} slices"
    if group.frames < FEWEST_FRAMES:
        return f"fewer than {FEWEST_FRAMES} frames"
    return "no short axis" if group.degrees > WIDEST_DEG else ""


def _undecided(
    subject: str, fitting: list[Group], groups: list[Group], defects: Sequence[Defect], planes: Sequence[Plane]
) -> str:
    where = (planes[0] if planes else defects[0]).file.path.parent
    how = f'choose with `series`, such as ["{subject}=7"], or --series {subject}=7'
    studies = len({plane.origin.study for plane in planes})
    if studies > 1:
        how += f"; these are {studies} studies, which `subjects_by: study` takes for as many people"
    if fitting:
        return f"{where}: several short-axis cines of subject {subject}: {'; '.join(g.told() for g in fitting)}; {how}"
    if not planes:
        return f"{defects[0].file.path}: {defects[0].reason}"
    found = "; ".join(f"{group.told()}: {unfit(group) or 'a candidate'}" for group in groups) or "no such series"
    return f"{where}: no short-axis cine of subject {subject} among: {found}; {how}"


def _parts(planes: Sequence[Plane]) -> list[list[Plane]]:
    """Planes of one series, matrix, spacing, contrast and orientation each, in the order of the series' numbers."""
    parts: list[list[Plane]] = []
    for plane in sorted(planes, key=lambda plane: (plane.origin.number or 0, plane.origin.series)):
        home = next((part for part in parts if part[0].origin == plane.origin and _alike(part[0], plane)), None)
        if home is None:
            parts.append([plane])
        else:
            home.append(plane)
    return parts


def _alike(one: Plane, other: Plane) -> bool:
    cosines = np.abs(np.concatenate([one.across - other.across, one.down - other.down]))
    return (
        one.matrix == other.matrix
        and np.allclose(one.spacing, other.spacing, rtol=0, atol=1e-3)
        and one.origin.contrast == other.origin.contrast
        and one.origin.frame_of_reference == other.origin.frame_of_reference
        and bool(cosines.max() <= SAME_COSINE)
    )


def _joined(groups: list[Group]) -> list[Group]:
    """Cines of one slice or a few each, as some scanners store a stack, put together where no slice occurs twice."""
    found: list[Group] = []
    for group in groups:
        cine = group.frames >= FEWEST_FRAMES
        home = next((at for at, other in enumerate(found) if cine and _continues(other, group)), None)
        if home is None:
            found.append(group)
        else:
            found[home] = Group([*found[home].planes, *group.planes])
    return found


def _continues(stack: Group, group: Group) -> bool:
    if stack.frames < FEWEST_FRAMES or not _alike(stack.planes[0], group.planes[0]):
        return False
    apart = np.abs(np.subtract.outer(stack.depths, group.depths))
    same_study = stack.planes[0].origin.study == group.planes[0].origin.study
    return same_study and bool(apart.min() > SAME_SLICE_MM)
