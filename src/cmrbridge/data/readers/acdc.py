"""ACDC (Bernard et al., IEEE TMI 2018): training/ and testing/, a folder per patient, 1-based frames in Info.cfg."""

from pathlib import Path

from cmrbridge.core.anatomy import PHASES, STRUCTURES
from cmrbridge.data.frames import Frame, IngestSettings, require_folder
from cmrbridge.errors import InputError

REMEDY = (
    "get ACDC from https://humanheart-project.creatis.insa-lyon.fr/database/ and name the folder that holds training/"
)


def read_acdc(folder: Path, settings: IngestSettings) -> list[Frame]:
    """ED and ES of every patient under ``folder``."""
    require_folder(folder, REMEDY)
    infos = sorted(
        [*folder.glob("training/*/Info.cfg"), *folder.glob("testing/*/Info.cfg")], key=lambda i: i.parent.name
    )
    if not infos:
        raise InputError(f"{folder}: no training/patientNNN/Info.cfg inside; {REMEDY}")
    return [_frame(info, phase, settings) for info in infos for phase in PHASES]


def _frame(info: Path, phase: str, settings: IngestSettings) -> Frame:
    lines = (line.partition(":") for line in info.read_text().splitlines())
    about = {key.strip(): value.strip() for key, _, value in lines}
    if not about.get(phase, "").isdigit() or about[phase] == "0":
        raise InputError(
            f"{info}: no 1-based frame number after '{phase}:'; take the file from the original archive again"
        )
    patient, frame = info.parent.name, int(about[phase])
    image, index = info.with_name(f"{patient}_frame{frame:02d}.nii.gz"), None
    if not image.exists():
        image, index = info.with_name(f"{patient}_4d.nii.gz"), frame - 1
    label = info.with_name(f"{patient}_frame{frame:02d}_gt.nii.gz")
    has_label = label.exists()
    return Frame(
        dataset=settings.dataset,
        subject=patient,
        phase=phase,
        image=image,
        image_frame=index,
        label=label if has_label else None,
        label_frame=None,
        annotated=tuple(STRUCTURES) if has_label else (),
        vendor=settings.vendor or "Siemens",
        centre=settings.centre or "Dijon",
        scanner=settings.scanner,
        field_strength_t=settings.field_strength_t,
        pathology=about.get("Group", ""),
    )
