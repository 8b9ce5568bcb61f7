"""What leaves the app: frames to look at, masks on the grid of the file that came in, tables, the report."""

import csv
import gzip
import io
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.exceptions import HTTPException

from cmrbridge.app.case import labels_file, load
from cmrbridge.app.measures import summary
from cmrbridge.app.package import Package
from cmrbridge.app.shelf import Open

NIFTI = "application/gzip"
QUICK = 1  # level of compression: it only travels within this machine
File = tuple[bytes, str, str]  # content, type, name


def frame_file(case: Open, number: int) -> File:
    """One frame, 3-D, slices last, on the file's affine."""
    raw = (case.folder / "frames" / f"{number:03d}.raw").read_bytes()
    return _nifti((case.folder / "frame.hdr").read_bytes() + raw), NIFTI, f"frame-{number:03d}.nii.gz"


def translated_file(case: Open, number: int, voxels: bytes) -> File:
    """The same with the voxels that a translator made."""
    return _nifti((case.folder / "frame.hdr").read_bytes() + voxels), NIFTI, f"translated-{number:03d}.nii.gz"


def truth_file(case: Open, number: int) -> File:
    """The true labels of one frame of the sample."""
    raw = (case.folder / "truth" / f"{number:03d}.raw").read_bytes()
    return _nifti((case.folder / "truth.hdr").read_bytes() + raw), NIFTI, f"truth-{number:03d}.nii.gz"


def image_file(case: Open) -> File:
    """All frames, 4-D."""
    packer = zlib.compressobj(QUICK, wbits=31)
    parts = [packer.compress((case.folder / "image.hdr").read_bytes())]
    numbers = range(case.about["frames"])
    parts += [packer.compress((case.folder / "frames" / f"{number:03d}.raw").read_bytes()) for number in numbers]
    return b"".join([*parts, packer.flush()]), NIFTI, "image.nii.gz"


def made_file(name: str, case: Open, package: Package, ed: int, es: int) -> File:
    """What a model made of a case: mask.nii.gz, measures.csv or report.html."""
    makers: dict[str, Callable[..., File]] = {
        "mask.nii.gz": mask_file,
        "measures.csv": measures_file,
        "report.html": report_file,
    }
    if name not in makers:
        raise HTTPException(404, f"there is no such download; choose from {', '.join(makers)}")
    return makers[name](case, package, ed, es)


def mask_file(case: Open, package: Package, ed: int, es: int) -> File:
    """Labels of all frames in the file's own axes, under its header."""
    labels = (labels_of(case, package, number) for number in range(case.about["frames"]))
    return labels_file(case.folder, load(case.folder), labels), NIFTI, f"mask-{package.name}.nii.gz"


def labels_of(case: Open, package: Package, number: int) -> NDArray[np.uint8]:
    """(x, y, slice) of one segmented frame."""
    raw = gzip.decompress(case.results[package.name][number].mask)
    return np.frombuffer(raw, np.uint8).reshape(case.about["shape"], order="F")


def measures_file(case: Open, package: Package, ed: int, es: int) -> File:
    """A row per frame, then a row per measure. Every cell is a number or a word of ours, so none is a formula."""
    results = case.results[package.name]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["frame", "phase", "lv_ml", "myo_ml", "rv_ml"])
    for number in sorted(results):
        phase = "ED" if number == ed else "ES" if number == es else ""
        table.writerow([number, phase, *(round(results[number].ml[name], 3) for name in ("LV", "MYO", "RV"))])
    table.writerow([])
    table.writerow(["measure", "lv", "rv"])
    found = summary({number: result.ml for number, result in results.items()}, ed, es)
    for name in found["LV"]:
        if found["LV"][name] is not None:
            table.writerow([name, *(round(found[chamber][name], 3) for chamber in ("LV", "RV"))])
    table.writerow(["mass_g", round(found["lv_mass_g"], 3), ""])
    return text.getvalue().encode(), "text/csv", f"measures-{package.name}.csv"


def report_file(case: Open, package: Package, ed: int, es: int) -> File:
    """One page that stands by itself."""
    from cmrbridge.app.report import report_page

    masks: dict[str, Any] = {name: labels_of(case, package, number) for name, number in (("ED", ed), ("ES", es))}
    page = report_page(case, package, masks, ed, es)
    return page.encode(), "text/html", f"report-{package.name}.html"


def _nifti(content: bytes) -> bytes:
    return gzip.compress(content, compresslevel=QUICK, mtime=0)
