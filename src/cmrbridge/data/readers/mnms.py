"""M&Ms (Campello et al., IEEE TMI 2021): 4-D cines labelled in ED and ES only, which a table names, 0-based."""

from pathlib import Path

import numpy as np

from cmrbridge.core.anatomy import PHASES, STRUCTURES
from cmrbridge.data.frames import Frame, IngestSettings, number, read_table, require_folder
from cmrbridge.data.volume import read_frames
from cmrbridge.errors import InputError

REMEDY = "ask for M&Ms at https://www.ub.edu/mnms/ and name the folder that holds Training/ and the information .csv"
FOLDERS = ("Training/Labeled", "Training/Unlabeled", "Validation", "Testing")
VENDORS = {"A": "Siemens", "B": "Philips", "C": "GE", "D": "Canon"}


def read_mnms(folder: Path, settings: IngestSettings) -> list[Frame]:
    """ED and ES of every subject that is on disk and whose frames are known."""
    require_folder(folder, REMEDY)
    tables = sorted(folder.glob("*nformation*.csv"))
    if len(tables) != 1:
        raise InputError(f"{folder}: {len(tables)} files *information*.csv, one is needed; {REMEDY}")
    rows = read_table(tables[0], ["External code", "Vendor", "Centre", "ED", "ES", "Pathology"], REMEDY)
    frames = [
        frame
        for row in sorted(rows, key=lambda r: r["External code"])
        for frame in _subject(folder, tables[0], row, settings)
    ]
    if not frames:
        raise InputError(f"{folder}: no subject of {tables[0].name} lies under {', '.join(FOLDERS)}; {REMEDY}")
    return frames


def _subject(folder: Path, table: Path, row: dict[str, str], settings: IngestSettings) -> list[Frame]:
    code = row["External code"]
    homes = [folder / part / code for part in FOLDERS if (folder / part / code).is_dir()]
    if not homes:
        return []
    label = homes[0] / f"{code}_sa_gt.nii.gz"
    known = label.exists() and homes[0].parent.name != "Unlabeled"
    indices = [int(number(row[phase], table, phase, missing=0)) for phase in PHASES]
    if indices[0] == indices[1]:  # a placeholder: only the labels can tell the frames
        indices = _labelled_frames(label, settings) if known else []
    return [
        Frame(
            dataset=settings.dataset,
            subject=code,
            phase=phase,
            image=homes[0] / f"{code}_sa.nii.gz",
            image_frame=index,
            label=label if known else None,
            label_frame=index if known else None,
            annotated=tuple(STRUCTURES) if known else (),
            vendor=VENDORS.get(row["Vendor"], row["Vendor"]) or settings.vendor,
            centre=row["Centre"] or settings.centre,
            scanner=settings.scanner,
            field_strength_t=settings.field_strength_t,
            pathology=row["Pathology"],
        )
        for phase, index in zip(PHASES, indices)
    ]


def _labelled_frames(label: Path, settings: IngestSettings) -> list[int]:
    """[ED, ES]: the two frames with labels, the larger left ventricle first; [] where not exactly two carry any."""
    frames = np.asarray(read_frames(label))
    labelled = [index for index in range(frames.shape[3]) if frames[..., index].any()]
    if len(labelled) != 2:
        return []
    cavity = settings.labels.get("LV", STRUCTURES["LV"])
    return sorted(labelled, key=lambda index: -int((frames[..., index] == cavity).sum()))
