"""Simulated scanner shifts: what coils, reconstruction and contrast do to an image. Numpy only.

Settings of translation are chosen under these, on the source's own validation volumes, never on a target.
"""

import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cmrbridge.translation.shading import blurred

Floats = NDArray[np.float64]
Shift = Callable[[Floats, np.random.Generator], Floats]

UNSHIFTED = "none"
PERCENTILES = (0.5, 99.5)  # as ingest scales a volume


def coil(volume: Floats, rng: np.random.Generator) -> Floats:
    """A receive profile that falls off across the image, by 2 to 4 times, in a random direction."""
    y, x = (np.linspace(-1, 1, size) for size in volume.shape[-2:])
    angle = rng.uniform(0, 2 * np.pi)
    across = np.cos(angle) * x[None] + np.sin(angle) * y[:, None]
    return volume * np.exp(-0.5 * np.log(rng.uniform(2, 4)) * across)


def field(volume: Floats, rng: np.random.Generator) -> Floats:
    """A dark region as transmit field and off-resonance leave it at 3 T: 20 to 50 % of the signal in its middle."""
    y, x = (np.linspace(-1, 1, size) for size in volume.shape[-2:])
    across, down = rng.uniform(-0.6, 0.6, 2)
    distance = (x[None] - across) ** 2 + (y[:, None] - down) ** 2
    return volume * (1 - rng.uniform(0.5, 0.8) * np.exp(-0.5 * distance / rng.uniform(0.3, 0.6) ** 2))


def gamma(volume: Floats, rng: np.random.Generator) -> Floats:
    """Another mapping of magnitude to stored values: dark grey lifted or pressed."""
    return np.asarray(volume ** rng.choice([0.6, 1.6]))


def contrast(volume: Floats, rng: np.random.Generator) -> Floats:
    """Other flip angle and field: bright tissue loses up to half of what sets it off from grey."""
    knee = float(np.percentile(volume, 70))
    return np.where(volume > knee, knee + (volume - knee) * rng.uniform(0.4, 0.7), volume)


def blur(volume: Floats, rng: np.random.Generator) -> Floats:
    """Fewer columns of k-space: a Gaussian of about a pixel."""
    return blurred(volume, rng.uniform(0.8, 1.3))


def noise(volume: Floats, rng: np.random.Generator) -> Floats:
    """Rician noise of 5 to 10 % of white (Gudbjartsson and Patz 1995)."""
    real, imaginary = rng.standard_normal((2, *volume.shape)) * rng.uniform(0.05, 0.10)
    return np.hypot(volume + real, imaginary)


def everything(volume: Floats, rng: np.random.Generator) -> Floats:
    """All of them, one after the other."""
    for shift in (contrast, coil, field, blur, noise, gamma):
        volume = shift(volume, rng)
    return volume


SHIFTS: dict[str, Shift] = {
    "coil": coil,
    "field": field,
    "gamma": gamma,
    "contrast": contrast,
    "blur": blur,
    "noise": noise,
    "everything": everything,
}


def shifted(volume: NDArray[np.uint8], name: str, seed: int, index: int) -> NDArray[np.uint8]:
    """Volume ``index`` (slice, y, x) as another scanner might store it, scaled as ingest scales; `UNSHIFTED` as it is.

    The same seed, name and index draw the same shift.
    """
    if name == UNSHIFTED:
        return volume
    rng = np.random.default_rng([seed, zlib.crc32(name.encode()), index])
    values = SHIFTS[name](volume.astype(np.float64) / 255, rng)
    low, high = np.percentile(values, PERCENTILES)
    return np.rint(np.clip((values - low) / max(high - low, 1e-6), 0, 1) * 255).astype(np.uint8)
