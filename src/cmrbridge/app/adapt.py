"""Images in the look that a network was trained on, by its package's translator (`translation.graph`), and a view."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cmrbridge.app.case import Case, frame
from cmrbridge.app.predict import Network, asked, grid_of, slices_of
from cmrbridge.core.geometry import Grid, lay_back, resampling, upright
from cmrbridge.data.canonical import PERCENTILES
from cmrbridge.data.volume import Volume
from cmrbridge.files import write_atomically

Bytes = NDArray[np.uint8]


def translated(network: Network, folder: Path, case: Case, number: int) -> Bytes:
    """Canonical slices (slice, size, size) of one frame in the source's look; made once, then read from ``folder``."""
    package, kept = network.package, folder / "translated" / f"{network.package.exported}-{number:03d}.raw"
    if kept.exists():
        return np.frombuffer(kept.read_bytes(), np.uint8).reshape(-1, package.size, package.size)
    images = slices_of(package, frame(folder, case, number), case.centre)
    found: Bytes = asked(network.translator, "translated", images)
    kept.parent.mkdir(exist_ok=True)
    write_atomically(kept, found.tobytes())  # the worker may be killed meanwhile
    return found


def view(network: Network, folder: Path, case: Case, number: int) -> bytes:
    """Voxels of one frame as its raw file has them: translated within the crop, as they were outside of it."""
    volume = frame(folder, case, number)
    seen = laid_over(volume, grid_of(network.package, volume, case.centre), translated(network, folder, case, number))
    return (np.rint(seen) if case.dtype == "<i2" else seen).astype(case.dtype).tobytes(order="F")


def laid_over(volume: Volume, grid: Grid, images: Bytes) -> NDArray[np.float32]:
    """Voxels (x, y, slice) of ``volume`` under canonical slices, in its own grey levels: 0 and 255 become what
    `canonical_slices` made them from."""
    low, high = np.percentile(volume.voxels, PERCENTILES)
    rows, columns = (_places(grid, axis) for axis in (0, 1))
    covered = np.outer(rows.any(axis=1), columns.any(axis=1))
    levels = rows @ (low + images.astype(np.float32) * ((high - low) / 255)) @ columns.T
    return lay_back(np.where(covered, levels, upright(volume.voxels, grid)).astype(np.float32), grid)


def _places(grid: Grid, axis: int) -> NDArray[np.float32]:
    """Where a line of the file's pixels lies in the crop: weights (pixels, size), 0 outside."""
    ratio = grid.plane_spacing[axis] / grid.spacing_mm
    offsets = np.arange(grid.plane[axis], dtype=np.float64) - grid.centre[axis]
    return resampling(offsets * ratio + (grid.size - 1) / 2, grid.size, ratio)
