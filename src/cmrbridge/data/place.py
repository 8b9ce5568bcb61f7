"""Where each frame's canonical crop lies in its file: upright by the affine, one heart centre per subject."""

import dataclasses

from cmrbridge.core.anatomy import PHASES
from cmrbridge.core.geometry import Grid, orientation, upright
from cmrbridge.data.frames import Frame, IngestSettings
from cmrbridge.data.localise import heart_centre, image_centre
from cmrbridge.data.volume import Volume
from cmrbridge.errors import InputError


def place(person: list[Frame], volumes: list[Volume], settings: IngestSettings) -> list[Grid]:
    """Each frame's grid: around the heart where ED and ES share a plane, else around the image's middle."""
    grids = [middle_grid(volume, settings.size, settings.spacing_mm) for volume in volumes]
    pairs = _pairs(person, grids)
    if not pairs:
        return grids
    centre = centre_between(volumes, grids, pairs)
    return [dataclasses.replace(grid, centre=centre) for grid in grids]


def middle_grid(volume: Volume, size: int, spacing_mm: float) -> Grid:
    """The grid of a crop of ``size`` pixels a side around the image's middle."""
    transpose, flip_rows, flip_columns = orientation(volume.affine)
    x, y, slices = volume.voxels.shape
    centre = image_centre((y, x) if transpose else (x, y))
    return Grid((x, y, slices), volume.spacing, transpose, flip_rows, flip_columns, centre, size, spacing_mm)


def centre_between(volumes: list[Volume], grids: list[Grid], pairs: list[tuple[int, int]]) -> tuple[float, float]:
    """(row, column) of the heart from ED and ES in one plane; pairs: (slice of ED, slice of ES) at the same level."""
    stacks = [upright(volume.voxels, grid) for volume, grid in zip(volumes, grids)]
    return heart_centre(stacks[0], stacks[1], pairs, grids[0].plane_spacing)


def _pairs(person: list[Frame], grids: list[Grid]) -> list[tuple[int, int]]:
    """(slice of ED, slice of ES) at the same level; [] unless the subject has both phases in the same plane."""
    if [frame.phase for frame in person] != list(PHASES):
        return []
    planes = {(grid.shape[:2], grid.spacing[:2], grid.transpose, grid.flip_rows, grid.flip_columns) for grid in grids}
    if len(planes) > 1:
        return []
    first, second = (frame.slice_numbers or tuple(range(grid.shape[2])) for frame, grid in zip(person, grids))
    for frame, grid, numbers in zip(person, grids, (first, second)):
        if len(numbers) != grid.shape[2]:
            raise InputError(
                f"{frame.image}: {grid.shape[2]} slices, but {len(numbers)} source_indices; correct the manifest"
            )
    return [(first.index(number), second.index(number)) for number in first if number in second]


def file_position(grid: Grid) -> tuple[float, float]:
    """The crop's centre as (x, y) in the file's voxels."""
    row, column = grid.centre
    row = grid.plane[0] - 1 - row if grid.flip_rows else row
    column = grid.plane[1] - 1 - column if grid.flip_columns else column
    return (column, row) if grid.transpose else (row, column)
