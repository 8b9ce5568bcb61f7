"""The sample case: a made-up patient in a made-up scanner, with the true outlines beside it."""

from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray

from cmrbridge.app.case import Case, write_raw
from cmrbridge.app.upload import Study, keep
from cmrbridge.core.anatomy import PHASES
from cmrbridge.data.phantom.cohort import draw_anatomy
from cmrbridge.data.phantom.generate import subject_seed
from cmrbridge.data.phantom.scan import scan
from cmrbridge.data.phantom.scanner import SCANNERS
from cmrbridge.data.volume import Volume

SEED, SCANNER, PATHOLOGY = 2026, "aurora", "NOR"


def open_sample(folder: Path) -> Case:
    """Scan the patient and store it as a case in ``folder``, the truth in truth/."""
    of_anatomy, of_scan = subject_seed(SEED, SCANNER, 0)
    scanned = scan(draw_anatomy(of_anatomy, PATHOLOGY), SCANNERS[SCANNER], of_scan)
    volumes = [_volume(scanned.images[phase], scanned.affine) for phase in PHASES]
    header = nibabel.Nifti1Image(np.stack([scanned.images[phase] for phase in PHASES], axis=3), scanned.affine).header
    header.set_xyzt_units("mm")
    source = {
        "vendor": SCANNERS[SCANNER].vendor,
        "scanner": SCANNER,
        "field_strength_t": f"{SCANNERS[SCANNER].field_t:g}",
    }
    notes = ["a made-up patient in a made-up scanner (docs/phantom.md)"]
    for number, phase in enumerate(PHASES):
        write_raw(folder / "truth" / f"{number:03d}.raw", scanned.labels[phase])
    return keep(Study(volumes, header, notes=notes, source=source), folder, truth=True)


def _volume(voxels: NDArray[np.int16], affine: NDArray[np.float64]) -> Volume:
    x, y, slices = (float(edge) for edge in np.linalg.norm(affine[:3, :3], axis=0))
    return Volume(voxels.astype(np.float32), affine, (x, y, slices))
