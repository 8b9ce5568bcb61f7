"""Distance of two slices once one is laid on the other: turned, flipped, zoomed, shifted, then correlated.

The poses come from the spectra (`embedding`), the shift from the correlation itself, in Fourier space and normalised
under the moving disc (Lewis 1995; Padfield 2012, eq. 9).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cmrbridge.evaluation.embedding import (
    ANGLES,
    SIZE,
    ZOOM_STEP,
    ZOOMS,
    Floats,
    Prints,
    candidates,
    offsets,
    overlapping,
)

CANDIDATES = 8  # slices of the gallery that are aligned to a query
PEAKS = 3  # poses of each, either way up
FINAL = 3  # poses, over all candidates, that are refined
STEPS = ((0.052, 0.05), (0.026, 0.025))  # of the refinement: radians and share of zoom
RADIUS = 0.44  # of the disc that is compared, in sides: the surroundings tell patients apart better than the heart
REACH = round(0.08 * SIZE)  # largest shift, pixels

Flags = NDArray[np.bool_]
DISC = np.asarray(np.hypot(*offsets()) <= RADIUS * SIZE, np.float32)
NEAR = np.r_[: REACH + 1, -REACH:0]  # shifts, as the transform orders them


class Pose(NamedTuple):
    """What is done to the query: flipped upside down first, then turned (radians) and enlarged."""

    angle: float
    zoom: float
    flip: bool


UPRIGHT = Pose(0.0, 1.0, False)


@dataclass(frozen=True)
class Targets:
    """Gallery slices made ready: transforms (n, SIZE, SIZE // 2 + 1), spread under the disc at each shift."""

    transforms: NDArray[np.complex64]
    spreads: Floats


def nearest(queries: Prints, gallery: Prints, allowed: Flags | None = None) -> tuple[NDArray[np.int64], Floats]:
    """For each query the row of the nearest slice of the gallery, and the distance: 1 − correlation, 0 to 2.

    allowed: (q, g), which pairs count; every query needs one.
    """
    allowed = np.ones((len(queries), len(gallery)), bool) if allowed is None else allowed
    targets = make_ready(gallery.pictures)
    rows, distances = np.zeros(len(queries), np.int64), np.zeros(len(queries), np.float32)
    for index, chosen in enumerate(candidates(queries, gallery, allowed, CANDIDATES)):
        chosen = chosen[allowed[index, chosen]]
        poses = find_poses(queries.spectra[index], gallery.spectra[chosen])
        tries = [(int(row), pose) for row, some in zip(chosen, poses, strict=True) for pose in some]
        rows[index], distances[index] = _best(queries.pictures[index], tries, targets)
    return rows, distances


def _best(picture: Floats, tries: Sequence[tuple[int, Pose]], targets: Targets) -> tuple[int, float]:
    """(row, distance) of the best of these (row, pose), after the most promising are refined."""
    found = correlate(picture, tries, targets)
    best = (-1, -2.0)
    for index in np.argsort(-found, kind="stable")[:FINAL]:
        (row, pose), similarity = tries[index], float(found[index])
        for turn, zoom in STEPS:
            around = [
                (row, Pose(pose.angle + a * turn, pose.zoom * (1 + z * zoom), pose.flip))
                for a in (-1, 0, 1)
                for z in (-1, 0, 1)
            ]
            refined = correlate(picture, around, targets)
            pose, similarity = around[int(refined.argmax())][1], float(refined.max())
        best = max(best, (row, similarity), key=lambda one: one[1])
    return best[0], 1 - best[1]


def upright_distances(pictures: Floats, others: Floats) -> Floats:
    """(n,): distance of each normalised picture (n, SIZE, SIZE) from its own partner, shifts alone allowed."""
    targets = make_ready(others)
    return np.array([1 - correlate(one, [(row, UPRIGHT)], targets)[0] for row, one in enumerate(pictures)], np.float32)


def make_ready(pictures: Floats) -> Targets:
    """`Targets` of normalised slices (n, SIZE, SIZE)."""
    disc = np.conj(np.fft.rfft2(DISC))
    transforms = np.fft.rfft2(pictures)
    sums, squares = (
        np.fft.irfft2(one * disc, (SIZE, SIZE))[:, NEAR][:, :, NEAR] for one in (transforms, np.fft.rfft2(pictures**2))
    )
    spreads = np.sqrt(np.maximum(squares - sums**2 / DISC.sum(), 1e-3 * DISC.sum()))
    return Targets(transforms.astype(np.complex64), spreads.astype(np.float32))


def correlate(picture: Floats, tries: Sequence[tuple[int, Pose]], targets: Targets) -> Floats:
    """(len(tries),): normalised correlation at the best shift of the picture in each pose with each target row."""
    rows = [row for row, _ in tries]
    laid = np.stack([DISC * lay(picture, pose) for _, pose in tries])
    laid -= DISC * (laid.sum(axis=(1, 2), keepdims=True) / DISC.sum())
    laid /= np.linalg.norm(laid, axis=(1, 2), keepdims=True) + 1e-6
    products = np.fft.irfft2(targets.transforms[rows] * np.conj(np.fft.rfft2(laid)), (SIZE, SIZE))
    near = products[:, NEAR][:, :, NEAR] / targets.spreads[rows]
    return np.asarray(near.reshape(len(rows), -1).max(axis=1), np.float32)


def lay(picture: Floats, pose: Pose) -> Floats:
    """A picture (SIZE, SIZE) in this pose, about its centre."""
    y, x = offsets()
    cosine, sine = np.cos(pose.angle) / pose.zoom, np.sin(pose.angle) / pose.zoom
    rows, columns = cosine * y - sine * x, cosine * x + sine * y
    places = [(-rows if pose.flip else rows) + (SIZE - 1) / 2, columns + (SIZE - 1) / 2]
    return np.asarray(ndimage.map_coordinates(picture, places, order=1, mode="nearest"), np.float32)


def find_poses(spectra: Floats, others: Floats) -> list[list[Pose]]:
    """For each of ``others`` (k, RADII, ANGLES) the likeliest poses of the slice of ``spectra`` (RADII, ANGLES).

    A spectrum cannot tell a half turn: every pose comes both ways up. `UPRIGHT` is always among them.
    """
    scores = np.empty((len(others), len(ZOOMS), 2, ANGLES), np.float32)
    for index, step in enumerate(ZOOMS):
        ours = np.fft.rfft(overlapping(spectra[None], step), axis=2)
        theirs = np.fft.rfft(overlapping(others, -step), axis=2)
        for flip, one in enumerate((ours.conj(), ours)):
            scores[:, index, flip] = np.fft.irfft((one * theirs).sum(axis=1), ANGLES, axis=1)
    return [_peaks(one) for one in scores]


def _peaks(scores: Floats) -> list[Pose]:
    """The highest of scores (zoom, flip, angle), not two within 3 angles of one flip, each with its half turn."""
    poses = [UPRIGHT]
    for _ in range(PEAKS):
        zoom, flip, angle = (int(i) for i in np.unravel_index(scores.argmax(), scores.shape))
        scores[:, flip, np.arange(angle - 3, angle + 4) % ANGLES] = -2
        turn = angle * np.pi / ANGLES
        poses += [Pose(turn + half, ZOOM_STEP ** ZOOMS[zoom], bool(flip)) for half in (0, np.pi)]
    return poses
