"""The sample case: a made-up patient's beat in a made-up scanner, with the true outlines beside it."""

from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray

from cmrbridge.app.case import Case, write_raw
from cmrbridge.app.upload import Study, keep
from cmrbridge.data.phantom.beat import beating
from cmrbridge.data.phantom.cohort import draw_anatomy
from cmrbridge.data.phantom.generate import subject_seed
from cmrbridge.data.phantom.scan import scan
from cmrbridge.data.phantom.scanner import SCANNERS
from cmrbridge.data.volume import Volume

SEED, SCANNER, PATHOLOGY = 2026, "aurora", "NOR"
FRAMES, BEAT_S = 8, 0.88


def open_sample(folder: Path) -> Case:
    """Scan the patient and store it as a case in ``folder``, the truth in truth/."""
    of_anatomy, of_scan = subject_seed(SEED, SCANNER, 0)
    scanner = SCANNERS[SCANNER]
    found = scan(beating(draw_anatomy(of_anatomy, PATHOLOGY), FRAMES), scanner, of_scan)
    header = nibabel.Nifti1Image(np.stack([*found.images.values()], axis=3), found.affine).header
    header.set_zooms((*header.get_zooms()[:3], BEAT_S / FRAMES))
    header.set_xyzt_units("mm", "sec")
    for number, labels in enumerate(found.labels.values()):
        write_raw(folder / "truth" / f"{number:03d}.raw", labels)
    study = Study(
        volumes=[_volume(image, found.affine) for image in found.images.values()],
        header=header,
        seconds_per_frame=BEAT_S / FRAMES,
        notes=["a made-up patient in a made-up scanner (docs/phantom.md)"],
        source={"vendor": scanner.vendor, "scanner": SCANNER, "field_strength_t": f"{scanner.field_t:g}"},
    )
    return keep(study, folder, truth=True)


def _volume(voxels: NDArray[np.int16], affine: NDArray[np.float64]) -> Volume:
    x, y, slices = (float(edge) for edge in np.linalg.norm(affine[:3, :3], axis=0))
    return Volume(voxels.astype(np.float32), affine, (x, y, slices))
