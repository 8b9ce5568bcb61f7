"""A suspicious frame as a strip of slices with the outlines of its labels, the one in question framed."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cmrbridge.core.anatomy import STRUCTURES, grow
from cmrbridge.core.pictures import COLOURS, beside, grey
from cmrbridge.data.check.files import Nifti, read_nifti
from cmrbridge.data.frames import Frame

Bytes = NDArray[np.uint8]

TILE = 128  # pixels a side
SHOWN = 5  # slices of a strip
MARGIN = 0.6  # around the labels, as a share of their extent
MARK = (213, 0, 120)


def picture(frame: Frame, codes: dict[str, int], index: int | None) -> str:
    """The strip as the address of a WebP picture; "" where the image cannot be shown.

    Five slices around ``index``, or spread over the stack where there is none. Labels that do not fit are left out.
    """
    image, _ = read_nifti(frame.image)
    voxels = _volume(image, frame.image_frame)
    if voxels is None:
        return ""
    labels = _labels(frame, codes, voxels.shape, None if image is None else image.slice_axis)
    window = _window(labels)
    bright = _bright(voxels[window])
    shown = chosen(voxels.shape[2], index)
    tiles = [_tile(bright[:, :, one], labels[window][:, :, one], one == index) for one in shown]
    stream = io.BytesIO()
    Image.fromarray(beside(*tiles, gap=2)).save(stream, "WEBP", quality=70, method=4)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode()


def chosen(slices: int, index: int | None) -> list[int]:
    """Which slices are shown."""
    if index is None:
        return np.unique(np.linspace(0, slices - 1, SHOWN).round().astype(int)).tolist()
    first = min(max(index - SHOWN // 2, 0), max(slices - SHOWN, 0))
    return list(range(first, min(first + SHOWN, slices)))


def _volume(file: Nifti | None, frame: int | None) -> NDArray[np.float32] | None:
    try:
        return None if file is None else np.nan_to_num(file.volume(frame), posinf=0.0, neginf=0.0)
    except ValueError:  # a frame that is not there: told by a problem of its own
        return None


def _labels(frame: Frame, codes: dict[str, int], shape: tuple[int, ...], axis: int | None) -> Bytes:
    canonical = np.zeros(shape, np.uint8)
    values = _volume(read_nifti(frame.label, axis)[0], frame.label_frame) if frame.label is not None else None
    if values is not None and values.shape == shape:
        for name, code in codes.items():
            canonical[np.rint(values) == code] = STRUCTURES[name]
    return canonical


def _window(labels: Bytes) -> tuple[slice, slice]:
    """A square around the labels (x, y, slice), or all where there are none."""
    marked = np.asarray(labels.any(axis=2))
    if not marked.any():
        return slice(None), slice(None)
    spans = [np.flatnonzero(marked.any(axis=1 - axis)) for axis in (0, 1)]
    half = max(int(span[-1] - span[0]) for span in spans) * (1 + MARGIN) / 2 + 4
    centres = [(span[0] + span[-1]) / 2 for span in spans]
    x, y = (slice(max(round(centre - half), 0), round(centre + half)) for centre in centres)
    return x, y


def _bright(voxels: NDArray[np.float32]) -> Bytes:
    low, high = np.percentile(voxels, (0.5, 99.5))
    return (255 * np.clip((voxels - low) / max(high - low, 1e-6), 0, 1)).astype(np.uint8)


def _tile(pixels: Bytes, labels: Bytes, marked: bool) -> Bytes:
    """(x, y) image and labels → (TILE, TILE, 3), rows down the file's y."""
    size = (TILE, round(TILE * pixels.shape[1] / pixels.shape[0]))
    large = grey(np.asarray(Image.fromarray(pixels.T).resize(size, Image.Resampling.BILINEAR)))
    drawn = np.asarray(Image.fromarray(labels.T).resize(size, Image.Resampling.NEAREST))
    for name, code in STRUCTURES.items():
        inside = drawn == code
        large[inside & grow(~inside)] = COLOURS[name]
    if marked:
        large[:3], large[-3:], large[:, :3], large[:, -3:] = MARK, MARK, MARK, MARK
    return np.ascontiguousarray(large)
