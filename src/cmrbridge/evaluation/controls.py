"""Positive controls of the privacy audit: real slices, disturbed as a copy might be, that it must still catch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]

ZOOM, SHIFT = 1.15, 0.05  # at most: factor either way; share of the side
GAMMA, CONTRAST = 1.6, 1.3  # at most, either way
BRIGHTNESS, BIAS = 0.1, 0.25  # of the range of grey; logarithm of the bias field at the border
BLUR, NOISE = 0.8, 0.03  # at most: sigma in pixels; standard deviation, of the range of grey


@dataclass(frozen=True)
class Disturbance:
    """angle in radians; zoom, gamma, contrast: factors; shift (y, x): shares of the side; bias: slope per half side;
    blur: sigma in pixels; noise: its standard deviation, and brightness: an offset, of the range of grey; seed: of the
    noise."""

    angle: float
    zoom: float
    shift: tuple[float, float]
    flip: bool
    gamma: float
    contrast: float
    brightness: float
    bias: tuple[float, float]
    blur: float
    noise: float
    seed: int


def draw_disturbance(generator: np.random.Generator) -> Disturbance:
    """All at once: any turn, a flip one time in two, the rest uniform (factors: in their logarithm)."""

    def factor(most: float) -> float:
        return float(np.exp(generator.uniform(-np.log(most), np.log(most))))

    def pair(most: float) -> tuple[float, float]:
        return float(generator.uniform(-most, most)), float(generator.uniform(-most, most))

    return Disturbance(
        angle=float(generator.uniform(-np.pi, np.pi)),
        zoom=factor(ZOOM),
        shift=pair(SHIFT),
        flip=bool(generator.random() < 0.5),
        gamma=factor(GAMMA),
        contrast=factor(CONTRAST),
        brightness=float(generator.uniform(-BRIGHTNESS, BRIGHTNESS)),
        bias=pair(BIAS),
        blur=float(generator.uniform(0, BLUR)),
        noise=float(generator.uniform(0, NOISE)),
        seed=int(generator.integers(2**31)),
    )


def disturb(image: Bytes, change: Disturbance) -> Bytes:
    """One slice (y, x), y = x, changed; what comes in from outside the image is black."""
    side = len(image)
    cosine, sine = np.cos(change.angle) / change.zoom, np.sin(change.angle) / change.zoom
    matrix = np.array([[cosine, -sine], [sine, cosine]]) @ np.diag([-1.0 if change.flip else 1.0, 1.0])
    centre = (side - 1) / 2
    offset = centre - matrix @ (centre + side * np.array(change.shift))
    moved = ndimage.affine_transform(image.astype(np.float64), matrix, offset, order=1)
    return _recolour(ndimage.gaussian_filter(moved, change.blur) / 255, change)


def _recolour(grey: Floats, change: Disturbance) -> Bytes:
    y, x = np.mgrid[: len(grey), : len(grey)] / ((len(grey) - 1) / 2) - 1
    bias = np.exp(change.bias[0] * y + change.bias[1] * x)
    shown = ((grey**change.gamma - 0.5) * change.contrast + 0.5 + change.brightness) * bias
    noise = np.random.default_rng(change.seed).normal(0, change.noise, grey.shape)
    return np.asarray((np.clip(shown + noise, 0, 1) * 255).round(), np.uint8)


def draw_controls(images: Bytes, generator: np.random.Generator) -> Bytes:
    """Every slice of (n, y, x), disturbed by a draw of its own."""
    return np.stack([disturb(image, draw_disturbance(generator)) for image in images])
