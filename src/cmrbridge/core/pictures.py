"""Picture grids as PNG with numpy and zlib alone, so that a training machine needs no plotting library."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.anatomy import CLASSES, STRUCTURES

Bytes = NDArray[np.uint8]

# told apart by the colour-blind too (Okabe & Ito): LV vermilion, MYO yellow, RV blue
COLOURS = {"LV": (213, 94, 0), "MYO": (240, 228, 66), "RV": (0, 114, 178)}
PAPER = 255


def colour_labels(labels: Bytes) -> Bytes:
    """Labels (…, y, x) → colours (…, y, x, 3), background black."""
    palette = np.zeros((CLASSES, 3), np.uint8)
    for name, code in STRUCTURES.items():
        palette[code] = COLOURS[name]
    return palette[labels]


def grey(images: Bytes) -> Bytes:
    """Images (…, y, x) 0…255 → the same in three equal channels."""
    return np.repeat(images[..., None], 3, axis=-1)


def tile(pictures: Bytes, columns: int, gap: int = 2) -> Bytes:
    """Pictures (n, y, x, 3) → one sheet, row by row, ``gap`` white pixels between them."""
    n, y, x, _ = pictures.shape
    rows = max(1, -(-n // columns))
    sheet = np.full((rows * (y + gap) - gap, columns * (x + gap) - gap, 3), PAPER, np.uint8)
    for index, picture in enumerate(pictures):
        row, column = (index // columns) * (y + gap), (index % columns) * (x + gap)
        sheet[row : row + y, column : column + x] = picture
    return sheet


def beside(*sheets: Bytes, gap: int = 12) -> Bytes:
    """Sheets (y, x, 3) side by side, ``gap`` white pixels between them."""
    height = max(sheet.shape[0] for sheet in sheets)
    parts: list[Bytes] = []
    for sheet in sheets:
        full = np.full((height, sheet.shape[1], 3), PAPER, np.uint8)
        full[: sheet.shape[0]] = sheet
        parts += [np.full((height, gap, 3), PAPER, np.uint8), full]
    return np.concatenate(parts[1:], axis=1)


def write_png(path: Path, pixels: Bytes, enlarge: int = 2) -> None:
    """Write pixels (y, x, 3) uint8 atomically as PNG (RFC 2083), each as a square of ``enlarge`` pixels."""
    pixels = pixels.repeat(enlarge, axis=0).repeat(enlarge, axis=1)
    height, width, _ = pixels.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)  # filter 0 per line
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, body)
        for kind, body in ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 6)), (b"IEND", b""))
    )
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_bytes(data)
    os.replace(temporary, path)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
