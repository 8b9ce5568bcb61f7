"""How an arm's gain depends on one variable, the others held: which points compare, and their correlation."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]

# variable → (what is held, scale on which a straight line is looked for). Quality is compared along one generator's
# training: between sources the subjects would vary with it. The masks' own Fréchet ratio is told but is no dose: along
# that training the masks stay those of one label diffusion, and what varies is which of them were drawn.
HELD = {
    "ratio": (["source", "step"], "log"),
    "subjects": (["cohort", "ratio", "step"], "log"),
    "images_frechet": (["source", "ratio"], "log"),
    "mask_fidelity": (["source", "ratio"], "linear"),
}
QUALITIES = ("images_frechet", "masks_frechet", "mask_fidelity")
ENOUGH = 4  # points, below which a correlation says nothing
SPREAD = 1e-9  # gains that differ by less are equal: scores carry six decimals


def strata(points: pd.DataFrame, variable: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """(what is held, its points in order of the variable) for each group in which ``variable`` takes several values.

    points: rows of `doses.measure_doses`; those without generated pairs (ratio 0) are none: the baseline's gain is 0 by
    definition.
    """
    held = HELD[variable][0]
    known = points[(points.ratio > 0) & points[variable].notna()]
    for key, group in known.groupby(["architecture", *held], dropna=False):
        if group[variable].nunique() > 1:
            names = [_name(*pair) for pair in zip(held, key[1:])]
            if points.architecture.nunique() > 1:
                names.append(str(key[0]))
            yield ", ".join(names), group.sort_values([variable, "arm"])


def correlate(variable: str, points: pd.DataFrame, replicates: Floats, held: str) -> dict[str, Any]:
    """One row of the table of correlations. replicates: (repeat, point) gains; points: of one of the `strata`.

    Spearman's on ranks; Pearson's on the scale of the variable: the logarithm of doses and Fréchet ratios, which are
    ratios. The interval recomputes the gains on other test subjects and training runs, and keeps the points: these are
    few, share their test subjects and their baseline, and come from one training of each generator. So it says how firm
    the correlation of these very points is, not what other generators would show; there is none where a gain has none
    (one test subject). Noise in the gains draws coefficients, and more so the interval's ends, towards 0.
    """
    scale = HELD[variable][1]
    row: dict[str, Any] = {"variable": variable, "scale": scale, "held": held, "n_points": len(points)}
    row |= {"n_subjects": points.n_subjects.min(), "n_seeds": points.n_seeds.min(), "reason": _hindrance(points)}
    if row["reason"]:
        return row
    x = points[variable].to_numpy(float)
    gains = np.vstack([points.gain.to_numpy(float), replicates])
    for name, one in {
        "spearman": _pearson(stats.rankdata(x), stats.rankdata(gains, axis=1)),
        "pearson": _pearson(np.log(x) if scale == "log" else x, gains),
    }.items():
        low, high = np.nanpercentile(one[1:], (2.5, 97.5)) if points.gain_low.notna().all() else (np.nan, np.nan)
        row |= dict(zip((name, f"{name}_low", f"{name}_high"), (one[0], low, high)))
    return row


def absent(variable: str) -> dict[str, Any]:
    """The row of a variable that takes one value wherever the others are held."""
    held, scale = HELD[variable]
    reason = f"unknown, or one value for each {' and '.join(held)}"
    return {"variable": variable, "scale": scale, "n_points": 0, "reason": reason}


def _hindrance(points: pd.DataFrame) -> str:
    if len(points) < ENOUGH:
        return f"{len(points)} points; {ENOUGH} are needed"
    if points.targets.nunique() > 1:
        return "the points were not tested on the same targets"
    if np.ptp(points.gain) < SPREAD:
        return "all gains are equal"
    return ""


def _pearson(x: Floats, y: Floats) -> Floats:
    """x: (point,); y: (row, point) → (row,), NaN where a row of y is constant."""
    x, y = x - x.mean(), y - y.mean(1, keepdims=True)
    spread = np.sqrt((x**2).sum() * (y**2).sum(1))
    return np.divide(y @ x, spread, out=np.full(len(y), np.nan), where=spread > SPREAD)


def _name(variable: str, value: Any) -> str:
    if variable == "step":
        return "generator fully trained" if pd.isna(value) else f"generator at step {int(value)}"
    return f"{variable} {value:g}" if isinstance(value, float | int) else f"{variable} {value}"
