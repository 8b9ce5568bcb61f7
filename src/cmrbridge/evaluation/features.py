"""Features of images without training and without a download: two-order wavelet scattering.

Mallat, "Group invariant scattering" (2012); Bruna & Mallat, "Invariant scattering convolution networks" (2013).
Morlet wavelets, modulus, wavelets again, modulus, mean, logarithm: the features are the same on every machine, change
little under shifts and small deformations, and tell apart textures of equal spectrum. An ImageNet network knows
photographs and must be fetched; one with random weights needs neither, but what it looks at is chance: Naeem et al.
2020 find that it can rank generators better than ImageNet's where the images are far from photographs.

Whatever maps images (n, y, x) uint8 to (n, d) is an `Extractor`, so that a user who has Inception's weights can
measure with them.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.errors import InputError

SCALES = 4  # octaves: wavelengths of 2.7, 5.3, 10.7 and 21 pixels
PAD = 8  # pixels mirrored at each border
BLOCK = 8  # padded sides are multiples of it, so that coarse grids fit
LEAST = 16  # pixels a side
FLOOR = 1e-3  # a quarter of a grey level: what is weaker counts as nothing
CHUNK = 32  # images at a time, to bound memory

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Real = NDArray[np.float32]
Complex = NDArray[np.complex64]
Extractor = Callable[[Bytes], Floats]


def image_features(images: Bytes) -> Floats:
    """(n, 122): 6 orientations; means over the whole image and over its middle, where the heart is. images: uint8."""
    return scattering((images / 255).astype(np.float32), orientations=6, middle=True)


def mask_features(labels: Bytes) -> Floats:
    """(n, 123) of label maps (n, y, x): the indicator of each structure scattered, 4 orientations, whole image."""
    parts = [(labels == code).astype(np.float32) for code in STRUCTURES.values()]
    return np.concatenate([scattering(part, orientations=4, middle=False) for part in parts], axis=1)


def scattering(images: Real, *, orientations: int, middle: bool) -> Floats:
    """(n, windows × (1 + 4 L + 6 L)) of images (n, y, x) in 0…1, L orientations: log(ε + S), S of orders 0, 1 and 2.

    Order 2 is averaged over the first wavelet's orientation; what stays is the angle between the two.
    """
    count, *size = images.shape
    if min(size) < LEAST:
        raise InputError(f"images of {size[0]} × {size[1]} pixels: features need at least {LEAST} a side")
    windows = _windows(tuple(size), middle)
    parts = [_chunk(images[start : start + CHUNK], windows, orientations) for start in range(0, count, CHUNK)]
    return np.log(FLOOR + np.concatenate(parts)).astype(np.float64)


def _chunk(images: Real, windows: Real, orientations: int) -> Real:
    """The means over all windows, before the logarithm; windows: (w, y, x), padded."""
    count, *size = images.shape
    padded = np.pad(images, [(0, 0), *(_padding(side) for side in size)], mode="symmetric")
    spectrum = _spectrum(padded)
    filters = _filters(padded.shape[1:], orientations)
    found = [_pool(padded[:, None], windows, 1)]
    for first in range(SCALES):
        once = _modulus(spectrum[:, None], filters[first], _step(first))
        found.append(_pool(once, windows, _step(first)))
        inner = _spectrum(once)
        for second in range(first + 1, SCALES):
            for turn in range(orientations):
                turned = np.roll(filters[second], -turn, axis=0)
                twice = _modulus(inner, turned, _step(second))
                found.append(_pool(twice, windows, _step(second)).mean(1, keepdims=True))
    return np.concatenate(found, axis=1).reshape(count, -1)


def _step(scale: int) -> int:
    """Every how many pixels a wavelet's output is kept: scales 2 and 3 are band-limited to a half and a quarter."""
    return 2 ** max(scale - 1, 0)


def _spectrum(values: Real) -> Complex:
    return fft.fft2(values, norm="forward")


def _modulus(spectrum: Complex, filters: Real, step: int) -> Real:
    """|x ∗ ψ| on the grid of every ``step``-th pixel of the padded image; filters: (L, y, x), at full size."""
    rows, columns = filters.shape[1] // step, filters.shape[2] // step
    product = _low(spectrum, rows, columns) * _low(filters, rows, columns)
    return np.abs(fft.ifft2(product, norm="forward", overwrite_x=True))


def _low(spectrum: NDArray, rows: int, columns: int) -> NDArray:
    """The lowest ``rows`` × ``columns`` frequencies, in the order of the transform."""
    y, x = (np.r_[0 : side // 2, -(side // 2) : 0] for side in (rows, columns))
    return spectrum if spectrum.shape[-2:] == (rows, columns) else spectrum[..., y[:, None], x]


def _pool(values: Real, windows: Real, step: int) -> Real:
    """(n, channel, y, x) on a coarse grid → (n, channel, window): weighted means."""
    weights = windows[:, ::step, ::step].reshape(len(windows), -1)
    flat = values.reshape(*values.shape[:2], -1)
    return flat @ (weights / weights.sum(1, keepdims=True)).T


def _padding(side: int) -> tuple[int, int]:
    return PAD, PAD + (-side) % BLOCK


@lru_cache(maxsize=8)
def _windows(size: tuple[int, ...], middle: bool) -> Real:
    """(1 or 2, y, x), zero in the padding: the whole image; a Gaussian about its middle, SD a sixth of the side."""
    y, x = (np.arange(-PAD, side + _padding(side)[1]) for side in size)
    inside = ((y >= 0) & (y < size[0]))[:, None] & ((x >= 0) & (x < size[1]))
    away = [((axis - (side - 1) / 2) / (side / 6)) ** 2 for axis, side in zip((y, x), size)]
    heart = np.exp(-(away[0][:, None] + away[1]) / 2)
    return (inside * np.stack([np.ones_like(heart), heart][: 1 + middle])).astype(np.float32)


@lru_cache(maxsize=4)
def _filters(size: tuple[int, int], orientations: int) -> list[Real]:
    """Per scale the (L, y, x) transforms of the Morlet wavelets, angles k π / L."""
    angles = np.pi * np.arange(orientations) / orientations
    return [np.stack([_morlet(size, scale, angle, 4 / orientations) for angle in angles]) for scale in range(SCALES)]


def _morlet(size: tuple[int, int], scale: int, angle: float, slant: float) -> Real:
    """ψ̂ with σ = 0.8 · 2^j and |ξ| = 3π/4 · 2^−j (Bruna & Mallat 2013, eq. 4): real, ψ̂(0) = 0.

    slant: extent across the wave over the extent along it, inverted; copies at 2π stand for the sampling.
    """
    spread, centre = 0.8 * 2**scale, 0.75 * np.pi / 2**scale
    y, x = (2 * np.pi * np.fft.fftfreq(side) for side in size)
    wave, envelope = np.zeros(size), np.zeros(size)
    for down in (-2 * np.pi, 0, 2 * np.pi):
        for right in (-2 * np.pi, 0, 2 * np.pi):
            along = np.cos(angle) * (x + right) + np.sin(angle) * (y[:, None] + down)
            across = (np.cos(angle) * (y[:, None] + down) - np.sin(angle) * (x + right)) / slant
            wave += np.exp(-(spread**2) / 2 * ((along - centre) ** 2 + across**2))
            envelope += np.exp(-(spread**2) / 2 * (along**2 + across**2))
    return (wave - envelope * wave[0, 0] / envelope[0, 0]).astype(np.float32)
