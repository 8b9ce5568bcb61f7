"""Places in the image plane, and smooth random textures on them as sums of plane waves."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Waves = NDArray[np.float64]


@dataclass(frozen=True)
class Plane:
    """Pixel positions of one slice. x: (columns,) and y: (rows,) mm in the image; angle: radians by which the image is
    turned against the heart's frame; shift: (u, v) mm of the image centre in the heart's frame."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    angle: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)

    @property
    def step(self) -> float:
        """Pixel size in mm."""
        return float(self.x[1] - self.x[0])

    def positions(self) -> tuple[Floats, Floats]:
        """(u towards the patient's left, v towards the back), each (rows, columns), mm in the heart's frame."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        x, y = self.x[None], self.y[:, None]
        return (c * x - s * y + self.shift[0]).astype(np.float32), (s * x + c * y + self.shift[1]).astype(np.float32)

    def crop(self, centre: tuple[float, float], reach: float) -> tuple["Plane", tuple[slice, slice]]:
        """The part within ``reach`` mm of a point of the heart's frame, and its (rows, columns)."""
        u, v = centre[0] - self.shift[0], centre[1] - self.shift[1]
        c, s = np.cos(self.angle), np.sin(self.angle)
        columns = _within(self.x, c * u + s * v, reach)
        rows = _within(self.y, -s * u + c * v, reach)
        return Plane(self.x[columns], self.y[rows], self.angle, self.shift), (rows, columns)


def _within(line: NDArray[np.float64], middle: float, reach: float) -> slice:
    first, last = np.searchsorted(line, [middle - reach, middle + reach])
    return slice(int(first), max(int(last), int(first) + 2))


def draw_waves(rng: np.random.Generator, wavelength: tuple[float, float], count: int = 24) -> Waves:
    """(count, 4): wave vector (radians per mm along u, v, w) and phase; wavelengths in mm, directions uniform."""
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    number = 2 * np.pi / rng.uniform(*wavelength, size=(count, 1))
    return np.hstack([direction * number, rng.uniform(0, 2 * np.pi, (count, 1))])


def texture(waves: Waves, plane: Plane, w: float) -> Floats:
    """Smooth field (rows, columns) of mean 0 and variance 1 at depth ``w`` mm: the waves' sum as one matrix product."""
    c, s = np.cos(plane.angle), np.sin(plane.angle)
    along_x = waves[:, 0] * c + waves[:, 1] * s
    along_y = waves[:, 1] * c - waves[:, 0] * s
    start = waves[:, 0] * plane.shift[0] + waves[:, 1] * plane.shift[1] + waves[:, 2] * w + waves[:, 3]
    x = plane.x[:, None] * along_x
    y = plane.y[:, None] * along_y + start
    rows = np.hstack([np.cos(y), -np.sin(y)]).astype(np.float32)
    columns = np.hstack([np.cos(x), np.sin(x)]).astype(np.float32)
    return np.asarray(rows @ columns.T * np.float32(np.sqrt(2 / len(waves))), np.float32)


def inside(distance: Floats, step: float) -> Floats:
    """Share of a pixel inside a border, from the signed distance to it in mm (negative inside)."""
    return np.clip(np.float32(0.5) - distance / np.float32(step), 0, 1)


def paint(canvas: Floats, share: Floats, signal: Floats | float) -> None:
    """Lay a tissue over the canvas, in place: ``share`` of each pixel becomes ``signal``."""
    canvas += share * (signal - canvas)
