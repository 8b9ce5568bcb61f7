"""Prints of slices: descriptors that survive turning, flipping, zooming, shifting and changes of grey scale.

A slice is normalised locally, which undoes contrast, gamma and bias; the magnitude of its spectrum forgets where the
content lies; in polar coordinates with a logarithmic radius a turn and a zoom become shifts (Fourier–Mellin; Reddy &
Chatterji 1996), found by correlation over all angles at once. A flip mirrors the angle.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cmrbridge.core.geometry import resampling

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

SIZE = 64  # pixels a side to which every slice is brought
SMOOTH, NEIGHBOURHOOD = 0.7, 4.0  # Gaussian sigmas, pixels: against noise; of the local mean and spread
FLOOR = 0.25  # of the slice's own detail: keeps empty regions from being blown up
ANGLES, RADII = 64, 24  # samples of the half turn and of the radius
CYCLES = (2.0, 16.0)  # per slice: range of the radius
FREQUENCIES = 16  # along the angle, that retrieval compares
ZOOM_STEP = float((CYCLES[1] / CYCLES[0]) ** (1 / (RADII - 1)))  # 1.095
ZOOMS = (-2, -1, 0, 1, 2)  # steps of zoom that are tried: 0.83 to 1.20
CHUNK = 64  # queries that are compared with a gallery at a time


@dataclass(frozen=True)
class Prints:
    """Of n slices. pictures: (n, SIZE, SIZE) normalised; spectra: (n, RADII, ANGLES), each radius of mean 0."""

    pictures: Floats
    spectra: Floats

    def __len__(self) -> int:
        return len(self.pictures)


def prints(images: Bytes) -> Prints:
    """The prints of slices (n, y, x), y = x."""
    pictures = normalise(images)
    return Prints(pictures, _spectra(pictures))


def normalise(images: Bytes) -> Floats:
    """Slices (n, y, x) → (n, SIZE, SIZE) of local mean 0 and local spread about 1 (0 where nothing is)."""
    side = images.shape[-1]
    weights = resampling((np.arange(SIZE) + 0.5) * side / SIZE - 0.5, side, side / SIZE)
    detail = _blur(weights @ images.astype(np.float32) @ weights.T, SMOOTH)
    detail = detail - _blur(detail, NEIGHBOURHOOD)
    spread = _blur(detail**2, NEIGHBOURHOOD)
    own = (detail**2).mean(axis=(1, 2), keepdims=True)
    return np.asarray(detail / np.sqrt(spread + FLOOR**2 * own + 1e-6), np.float32)


def _blur(images: Floats, sigma: float) -> Floats:
    return np.asarray(ndimage.gaussian_filter(images, (0, sigma, sigma)), np.float32)


def offsets() -> Floats:
    """(2, SIZE, SIZE): rows and columns of every pixel, counted from the centre."""
    return np.asarray(np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2, np.float32)


def _spectra(pictures: Floats) -> Floats:
    """Square root of the magnitude on (log radius, angle), as `Prints.spectra`; padded to twice the side."""
    radius = np.hypot(*offsets()) / SIZE
    window = np.sin(np.pi / 2 * np.clip((0.48 - radius) / 0.12, 0, 1)) ** 2
    angle = np.pi * np.arange(ANGLES) / ANGLES
    distance = 2 * np.geomspace(*CYCLES, RADII)[:, None]
    places = [SIZE + distance * np.sin(angle), SIZE + distance * np.cos(angle)]
    out = np.empty((len(pictures), RADII, ANGLES), np.float32)
    for index, picture in enumerate(pictures):
        spectrum = np.fft.fftshift(np.abs(np.fft.fft2(picture * window, (2 * SIZE, 2 * SIZE))))
        out[index] = ndimage.map_coordinates(np.sqrt(spectrum), places, order=1)
    return out - out.mean(axis=2, keepdims=True)


def overlapping(spectra: Floats, step: int) -> Floats:
    """The radii of spectra (n, RADII, ANGLES) that meet others' at this step of zoom, each slice of norm 1."""
    part = spectra[:, max(0, step) : RADII + min(0, step)]
    return np.asarray(part / (np.linalg.norm(part, axis=(1, 2), keepdims=True) + 1e-6), np.float32)


def likeness(queries: Prints, gallery: Prints) -> Floats:
    """(q, g): correlation of spectra at the best turn, flip and zoom, at most 1."""
    best = np.full((len(queries), len(gallery)), -1, np.float32)
    for step in ZOOMS:
        ours, theirs = (
            np.fft.rfft(overlapping(spectra, way), axis=2)[:, :, :FREQUENCIES].transpose(2, 0, 1).astype(np.complex64)
            for spectra, way in ((queries.spectra, step), (gallery.spectra, -step))
        )
        theirs = theirs.transpose(0, 2, 1)
        for start in range(0, len(queries), CHUNK):
            rows = slice(start, start + CHUNK)
            for one in (ours[:, rows].conj(), ours[:, rows]):  # as it is, and flipped
                turns = np.fft.irfft(np.moveaxis(one @ theirs, 0, 2), 2 * FREQUENCIES, axis=2)
                scale = 2 * FREQUENCIES / ANGLES
                np.maximum(best[rows], turns.max(axis=2) * scale, out=best[rows])
    return best


def candidates(queries: Prints, gallery: Prints, allowed: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """(q, ≤ count) rows of the gallery that are most alike, best first, among the ``allowed`` (q, g)."""
    scores = np.where(allowed, likeness(queries, gallery), -2)
    return np.asarray(np.argsort(-scores, axis=1, kind="stable")[:, :count])
