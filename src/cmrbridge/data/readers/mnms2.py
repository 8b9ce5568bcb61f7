"""M&Ms-2 (Martín-Isla et al., IEEE JBHI 2023): short-axis ED and ES in files of their own; long axis is not read."""

from pathlib import Path

from cmrbridge.core.anatomy import PHASES, STRUCTURES
from cmrbridge.data.frames import Frame, IngestSettings, number, read_table, require_folder
from cmrbridge.errors import InputError

REMEDY = (
    "ask for M&Ms-2 at https://www.ub.edu/mnms-2/ and name the folder that holds dataset/ and dataset_information.csv"
)
VENDORS = {"siemens": "Siemens", "philips": "Philips", "ge": "GE", "general": "GE"}


def read_mnms2(folder: Path, settings: IngestSettings) -> list[Frame]:
    """ED and ES of every subject that is on disk."""
    require_folder(folder, REMEDY)
    table = folder / "dataset_information.csv"
    rows = read_table(table, ["SUBJECT_CODE", "DISEASE", "VENDOR", "SCANNER", "FIELD"], REMEDY)
    codes = [row["SUBJECT_CODE"].zfill(3) for row in rows]
    homes = [folder / "dataset" / code for code in codes]
    frames = [
        _frame(home, phase, table, row, settings) for home, row in zip(homes, rows) if home.is_dir() for phase in PHASES
    ]
    if not frames:
        raise InputError(f"{folder}: no subject of dataset_information.csv lies under dataset/; {REMEDY}")
    return sorted(frames, key=lambda frame: (frame.subject, PHASES.index(frame.phase)))


def _frame(home: Path, phase: str, table: Path, row: dict[str, str], settings: IngestSettings) -> Frame:
    label = home / f"{home.name}_SA_{phase}_gt.nii.gz"
    known = label.exists()
    vendor = VENDORS.get((row["VENDOR"].lower().split() or [""])[0], row["VENDOR"])
    return Frame(
        dataset=settings.dataset,
        subject=home.name,
        phase=phase,
        image=home / f"{home.name}_SA_{phase}.nii.gz",
        image_frame=None,
        label=label if known else None,
        label_frame=None,
        annotated=tuple(STRUCTURES) if known else (),
        vendor=vendor or settings.vendor,
        centre=settings.centre,
        scanner=row["SCANNER"] or settings.scanner,
        field_strength_t=number(row["FIELD"].rstrip("tT "), table, "FIELD", settings.field_strength_t),
        pathology=row["DISEASE"],
    )
