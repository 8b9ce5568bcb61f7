"""Shapes of masks in mm, and tests of generated masks against held-out real ones."""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.core.shapes import wall_profile
from cmrbridge.errors import InputError
from cmrbridge.evaluation.halves import RealSlices
from cmrbridge.evaluation.statistics import holm

# descriptor → unit
DESCRIPTORS = {
    "lv_area": "mm²",
    "myo_area": "mm²",
    "rv_area": "mm²",
    "wall_mean": "mm",
    "wall_min": "mm",
    "wall_max": "mm",
    "eccentricity": "",
    "rv_lv_ratio": "",
    "centre_y": "mm",
    "centre_x": "mm",
}
RESAMPLES = 500

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]


def describe(labels: Bytes, pixel: float) -> pd.DataFrame:
    """One row of `DESCRIPTORS` per mask (n, y, x); pixel: mm. NaN where what is described is not there.

    wall: `core.shapes.wall_profile`. eccentricity, centre: of LV and myocardium together; the eccentricity that of the
    ellipse of equal second moments, the centre in mm down and right of the image's middle. rv_lv_ratio: of the areas.
    """
    return pd.DataFrame([_describe(mask, pixel) for mask in labels], columns=list(DESCRIPTORS))


def _describe(mask: Bytes, pixel: float) -> list[float]:
    areas = [float((mask == code).sum()) * pixel**2 for code in STRUCTURES.values()]
    lv, _, rv = areas
    wall = wall_profile(mask) * pixel
    walls = [wall.mean(), wall.min(), wall.max()] if len(wall) else [math.nan] * 3
    return [*areas, *walls, *_ellipse(mask, pixel, rv / lv if lv else math.nan)]


def _ellipse(mask: Bytes, pixel: float, ratio: float) -> list[float]:
    """eccentricity, ``ratio`` as it is, centre down, centre right."""
    points = np.argwhere((mask == STRUCTURES["LV"]) | (mask == STRUCTURES["MYO"]))
    if len(points) == 0:
        return [math.nan, ratio, math.nan, math.nan]
    # a pixel is a square, not a point: its own second moment is 1/12 along either axis
    minor, major = np.linalg.eigvalsh(np.cov(points.T, bias=True) + np.eye(2) / 12)
    centre = (points.mean(0) - (np.array(mask.shape) - 1) / 2) * pixel
    return [math.sqrt(max(0.0, 1 - minor / major)), ratio, *centre]


def compare_shapes(generated: Bytes, real: RealSlices, generator: np.random.Generator) -> pd.DataFrame:
    """One row per descriptor: generated masks against the held-out real ones.

    ks, ks_p, mw_p: Kolmogorov–Smirnov's statistic, its p and Mann–Whitney's; …_holm: corrected over the descriptors.
    Both take slices for independent; those of one subject are not, so that these p are too small, and real subjects
    alone would "differ". wasserstein: Wasserstein distance in SDs of the real masks; reference: median and 2.5–97.5 %
    range of the same distance between as many random real subjects as are held out and all the others, over 500 draws;
    p_subjects: share of these that are at least as far as the generated ones: the test that respects subjects.
    """
    theirs, ours = describe(real.labels, real.pixel), describe(generated, real.pixel)
    chosen = _subject_draws(real, generator)
    rows = [
        {"descriptor": name, "unit": unit} | _row(ours[name].to_numpy(), theirs[name].to_numpy(), real, chosen)
        for name, unit in DESCRIPTORS.items()
    ]
    frame = pd.DataFrame(rows)
    for test in ("ks", "mw"):
        frame.insert(frame.columns.get_loc(f"{test}_p") + 1, f"{test}_p_holm", holm(frame[f"{test}_p"]))
    return frame


def _subject_draws(real: RealSlices, generator: np.random.Generator) -> NDArray[np.bool_]:
    """(draw, slice): whether of the drawn subjects, as many as are held out."""
    names, held_out = np.unique(real.subject), len(np.unique(real.subject[real.held_out]))
    draws = [generator.choice(names, held_out, replace=False) for _ in range(RESAMPLES)]
    return np.stack([np.isin(real.subject, draw) for draw in draws])


def _row(ours: Floats, theirs: Floats, real: RealSlices, draws: NDArray[np.bool_]) -> dict[str, float]:
    defined = ~np.isnan(theirs)
    ours, held_out, sd = ours[~np.isnan(ours)], theirs[defined & real.held_out], float(theirs[defined].std())
    if min(len(ours), len(held_out)) < 2:
        raise InputError(
            f"{len(ours)} generated and {len(held_out)} held-out masks to compare: give at least 2 of each"
        )
    pairs = [(theirs[defined & draw], theirs[defined & ~draw]) for draw in draws]
    reference = np.array([_distance(a, b, sd) for a, b in pairs if len(a) and len(b)])
    distance = _distance(ours, held_out, sd)
    low, middle, high = np.percentile(reference, (2.5, 50, 97.5))
    ks = stats.ks_2samp(ours, held_out)
    return {
        "n_generated": len(ours), "n_real": len(held_out),
        "generated_mean": ours.mean(), "generated_sd": ours.std(ddof=1),
        "real_mean": held_out.mean(), "real_sd": held_out.std(ddof=1),
        "ks": ks.statistic, "ks_p": ks.pvalue, "mw_p": stats.mannwhitneyu(ours, held_out).pvalue,
        "wasserstein": distance, "reference": middle, "reference_low": low, "reference_high": high,
        "p_subjects": (1 + (reference >= distance).sum()) / (1 + len(reference)),
    }  # fmt: skip


def _distance(a: Floats, b: Floats, sd: float) -> float:
    return float(stats.wasserstein_distance(a, b)) / sd if sd > 0 else math.nan
