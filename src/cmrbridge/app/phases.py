"""A first guess at end-diastole and end-systole from the images alone, until a network has measured every frame."""

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.geometry import lay_back
from cmrbridge.data.dicom.phases import propose_phases
from cmrbridge.data.place import centre_between, middle_grid
from cmrbridge.data.volume import Volume

COARSE = 128  # pixels a side that a guess needs at most
NEAR_MM = 35.0  # from the heart's centre: mostly the ventricles
SURE = 1.01  # times as much blood in the second of two images, before the order that they came in is not believed


def guess_phases(volumes: list[Volume]) -> tuple[int, int]:
    """(ED, ES) of one study's frames on one grid.

    Of a cine ED is the first frame, which follows the R wave; ES the one with least blood, which is bright, near the
    heart. Of two frames ED is the first unless the second holds clearly more; a single frame is both.
    """
    if len(volumes) == 1:
        return 0, 0
    cine = np.stack([_coarse(volume) for volume in volumes], axis=3)
    _, far = propose_phases(cine)
    blood = _blood(cine, volumes, far)
    ed = int(len(volumes) == 2 and blood[1] > SURE * blood[0])
    rest = [number for number in range(len(volumes)) if number != ed]
    return ed, min(rest, key=lambda number: blood[number])


def heart_between(ed: Volume, es: Volume) -> tuple[float, float]:
    """(row, column) of the heart in the upright view, pixels, as the workflow finds it."""
    grids = [middle_grid(volume, 1, 1.0) for volume in (ed, es)]
    slices = range(ed.voxels.shape[2])
    return centre_between([ed, es], grids, [(number, number) for number in slices])


def _coarse(volume: Volume) -> NDArray[np.float32]:
    step = _step(volume)
    return volume.voxels[::step, ::step]


def _step(volume: Volume) -> int:
    return max(1, -(-max(volume.voxels.shape[:2]) // COARSE))


def _blood(cine: NDArray[np.float32], volumes: list[Volume], far: int) -> NDArray[np.float64]:
    """Mean brightness of each frame near the heart, found between the first frame and the one that differs most."""
    volume = volumes[0]
    grid = middle_grid(volume, 1, 1.0)
    row, column = heart_between(volume, volumes[far])
    rows, columns = (np.arange(count, dtype=np.float64) for count in grid.plane)
    down, across = grid.plane_spacing
    square = ((rows - row) * down)[:, None] ** 2 + ((columns - column) * across)[None] ** 2
    near = np.exp(-square / (2 * NEAR_MM**2))[None]
    step = _step(volume)
    weight = lay_back(near, grid)[::step, ::step]
    bright = np.minimum(cine, np.percentile(cine, 99))
    return np.asarray((bright * weight[..., None]).sum(axis=(0, 1, 2)), np.float64)
