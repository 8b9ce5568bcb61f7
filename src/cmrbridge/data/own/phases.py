"""End diastole and end systole among one subject's scans: by names, by Info.cfg, by the size of the left ventricle, or,
where nobody has drawn it, by a guess from the images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cmrbridge.core.anatomy import PHASES
from cmrbridge.data.dicom.phases import propose_phases
from cmrbridge.data.own.marks import Mark
from cmrbridge.data.own.names import Scan
from cmrbridge.data.volume import read_stacks
from cmrbridge.errors import InputError

WRITE = "write ED or ES into its cell `phase`"


@dataclass(frozen=True)
class Line:
    """One frame of a subject. image_frame, label_frame: 0-based in a 4-D file; voxels: of each value of its labels;
    phase: "" where nothing tells it, and ``remark`` says why; phases_from: what told it."""

    scan: Scan
    phase: str
    image_frame: int | None = None
    label_frame: int | None = None
    voxels: Mapping[int, int] | None = None
    phases_from: str = ""
    remark: str = ""

    @property
    def number(self) -> int | None:
        """1-based, of a 4-D file or of the name."""
        return self.scan.number if self.image_frame is None else self.image_frame + 1


def lines_of(scans: Sequence[Scan], marks: Mapping[Path, Sequence[Mark]], cavity: int | None) -> list[Line]:
    """ED and ES of one subject, or its frames with empty phases and the reason.

    marks: of each file of labels; cavity: value of the left ventricle, None where it is not known.
    """
    found = [line for scan in scans for line in _frames(scan, marks)]
    labelled = [line for line in found if line.voxels]
    found = labelled + [line for line in found if line.scan.phase] if labelled else found
    found = list({(line.scan, line.image_frame): line for line in found}.values())
    named = [replace(line, phases_from=line.phases_from or "names") for line in found if line.phase]
    return named or _by_info(found) or _by_size(found, cavity) or _by_number(found) or _by_image(found)


def _frames(scan: Scan, marks: Mapping[Path, Sequence[Mark]]) -> list[Line]:
    """A line for each labelled frame; one for a scan without labels."""
    if scan.label is None:
        return [Line(scan, scan.phase)]
    held = marks[scan.label]
    if not held:
        return [Line(replace(scan, label=None), scan.phase, remark=f"{scan.label.name} holds no label")]
    return [Line(scan, scan.phase, mark.frame, mark.frame, mark.voxels) for mark in held]


def _by_info(found: Sequence[Line]) -> list[Line]:
    """By a file *.cfg beside, with 1-based frames after ED: and ES:, as ACDC has it."""
    told = info_of(found[0].scan.image.parent)
    wanted = {int(told[phase]): phase for phase in PHASES if told.get(phase, "").isdecimal()}
    return [replace(line, phase=wanted[line.number], phases_from="Info.cfg") for line in found if line.number in wanted]


def info_of(folder: Path) -> dict[str, str]:
    """Key → value of the folder's only *.cfg, {} where there is none."""
    files = sorted(folder.glob("*.cfg"))
    if len(files) != 1:
        return {}
    lines = (line.partition(":") for line in files[0].read_text(encoding="utf-8", errors="replace").splitlines())
    return {key.strip(): value.strip() for key, _, value in lines}


def _by_size(found: Sequence[Line], cavity: int | None) -> list[Line]:
    """The largest and the smallest left ventricle of the labelled frames."""
    drawn = [line for line in found if line.voxels]
    if not drawn or cavity is None:
        return [replace(line, remark=f"the LV's label is not known; {WRITE}") for line in drawn]
    sizes = {id(line): (line.voxels or {}).get(cavity, 0) for line in drawn}
    largest, smallest = (choose(drawn, key=lambda line: sizes[id(line)]) for choose in (max, min))
    if sizes[id(largest)] == sizes[id(smallest)]:
        why = "a single labelled frame" if len(drawn) == 1 else "the LV is as large in all labelled frames"
        return [replace(line, remark=f"{why}; {WRITE}") for line in drawn]
    pairs = zip(PHASES, (largest, smallest))
    return [replace(line, phase=phase, phases_from="size of the LV") for phase, line in pairs]


def _by_number(found: Sequence[Line]) -> list[Line]:
    """Of two numbered images without labels the earlier is ED: counting begins at the R wave."""
    numbers = [line.number for line in found if line.number is not None]
    if len(found) != 2 or len(set(numbers)) != 2:
        return []
    pairs = zip(PHASES, sorted(found, key=lambda line: line.number or 0))
    return [replace(line, phase=phase, phases_from="order of frames") for phase, line in pairs]


def _by_image(found: Sequence[Line]) -> list[Line]:
    """A cine without labels: the guess from its images. A single stack tells nothing."""
    try:
        cine = read_stacks(found[0].scan.image) if len(found) == 1 else None
    except InputError as error:
        return [replace(found[0], remark=str(error))]
    if cine is None or cine.shape[3] == 1:
        return [replace(line, remark=f"nothing tells the phase; {WRITE}") for line in found]
    pairs = dict(zip(PHASES, propose_phases(cine)))
    return [replace(found[0], phase=phase, image_frame=frame, phases_from="images") for phase, frame in pairs.items()]
