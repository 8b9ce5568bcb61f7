"""nnU-Net raw and Decathlon folders: subject and phase out of the cases' names, else out of the labels."""

from collections.abc import Callable
from functools import partial
from itertools import groupby
from pathlib import Path

from cmrbridge.core.anatomy import PHASES, STRUCTURES
from cmrbridge.data.exchange.listing import Case, codes_in, msd_cases, nnunet_cases
from cmrbridge.data.frames import Frame, IngestSettings, require_folder
from cmrbridge.data.own.marks import marks_of
from cmrbridge.data.own.names import Scan, in_twos, told_by
from cmrbridge.data.own.phases import Line, lines_of
from cmrbridge.errors import InputError

REMEDY = "docs/how-to/own-data.md says what is read of it"
RENAME = "name the cases SUBJECT_ED and SUBJECT_ES, or let `cmrbridge init` write a manifest and fill in its phases"


def read_listed(cases: Callable[[Path], list[Case]], folder: Path, settings: IngestSettings) -> list[Frame]:
    """The frames of every case that ``cases`` lists; InputError where one's phase cannot be told."""
    require_folder(folder, REMEDY)
    codes = settings.labels or codes_in(folder)
    scans = scans_of(cases(folder))
    if not scans:
        raise InputError(f"{folder}: dataset.json lists no image that is there; {REMEDY}")
    frames = []
    for subject, group in groupby(scans, key=lambda scan: scan.subject):
        lines = phased(list(group), codes.get("LV"))
        unknown = next((line for line in lines if not line.phase), None)
        if unknown is not None:
            raise InputError(f"{unknown.scan.image}: {unknown.remark.partition(';')[0]}; {RENAME}")
        if len({line.phase for line in lines}) < len(lines):
            raise InputError(f"{folder}: more than one case of {subject} in {lines[0].phase}; {RENAME}")
        frames += [_frame(line, codes, settings) for line in lines]
    return sorted(frames, key=lambda frame: (frame.subject, PHASES.index(frame.phase)))


def scans_of(cases: list[Case]) -> list[Scan]:
    """Cases as scans, by subject."""
    scans = []
    for case in cases:
        subject, phase, number = told_by(case.name)
        scans.append(Scan(subject or case.name, phase, number, case.image, case.label))
    return in_twos(scans)


def phased(scans: list[Scan], cavity: int | None) -> list[Line]:
    """A subject's frames; its labels are opened only where the names tell no phase."""
    if all(scan.phase for scan in scans):
        return [Line(scan, scan.phase, phases_from="names") for scan in scans]
    return lines_of(scans, {scan.label: marks_of(scan.label) for scan in scans if scan.label}, cavity)


def _frame(line: Line, codes: dict[str, int], settings: IngestSettings) -> Frame:
    label = line.scan.label
    return Frame(
        dataset=settings.dataset,
        subject=line.scan.subject,
        phase=line.phase,
        image=line.scan.image,
        image_frame=line.image_frame,
        label=label,
        label_frame=line.label_frame,
        annotated=tuple(name for name in STRUCTURES if name in codes) if label else (),
        vendor=settings.vendor,
        centre=settings.centre,
        scanner=settings.scanner,
        field_strength_t=settings.field_strength_t,
        pathology="",
    )


read_nnunet = partial(read_listed, nnunet_cases)
read_msd = partial(read_listed, msd_cases)
