"""How far apart domains lie in a space of features, beside what chance alone would put between them."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

Floats = NDArray[np.float64]
SHUFFLES = 999


def inhomogeneity(distances: Floats, first: NDArray[np.bool_]) -> float:
    """Coefficient of inhomogeneity of two samples, 0 (alike) to 1: (2 E|X−Y| − E|X−X'| − E|Y−Y'|) / 2 E|X−Y|.

    distances: (n, n) Euclidean, between all of both; first: (n,) which are of the first sample.
    Székely & Rizzo, "Energy statistics" (2013), section 4. 0 where nothing differs at all.
    """
    weights = np.where(first, 1 / max(first.sum(), 1), 0.0), np.where(first, 0.0, 1 / max((~first).sum(), 1))
    between = 2 * weights[0] @ distances @ weights[1]
    within = sum(own @ distances @ own for own in weights)
    return float((between - within) / between) if between > 0 else 0.0


def separations(features: Mapping[str, Floats], seed: int) -> pd.DataFrame:
    """A row per pair of domains: first, second, apart (`inhomogeneity` of their subjects' features), by_chance (its
    mean over random divisions into groups of the same sizes) and p (permutation test, 1 / (1 + SHUFFLES) at least).

    features: domain → (subjects, d). Each feature is divided by its deviation over all domains together.
    """
    every = np.concatenate(list(features.values()))
    spread = every.std(axis=0)
    scale = np.where(spread > 0, spread, 1)
    generator = np.random.default_rng(seed)
    rows = []
    for one, other in combinations(features, 2):
        both = np.concatenate([features[one], features[other]]) / scale
        distances = cdist(both, both)
        first = np.arange(len(both)) < len(features[one])
        found = inhomogeneity(distances, first)
        shuffled = [inhomogeneity(distances, generator.permutation(first)) for _ in range(SHUFFLES)]
        # equal but for the last bit is as far apart
        p = (1 + sum(value >= found - 1e-12 for value in shuffled)) / (1 + SHUFFLES)
        rows.append({"first": one, "second": other, "apart": found, "by_chance": float(np.mean(shuffled)), "p": p})
    return pd.DataFrame(rows, columns=["first", "second", "apart", "by_chance", "p"])


def plane(features: Floats) -> tuple[Floats, tuple[float, float]]:
    """(n, 2) principal components of features (n, d), each feature of deviation 1; the share of variance of each.

    The sign is fixed: the largest loading of a component is positive.
    """
    centred = features - features.mean(axis=0)
    spread = centred.std(axis=0)
    scores, sizes, axes = np.linalg.svd(centred / np.where(spread > 0, spread, 1), full_matrices=False)
    places, variance = np.zeros((len(features), 2)), np.zeros(2)
    kept = min(2, len(sizes))
    signs = np.sign(axes[np.arange(kept), np.abs(axes[:kept]).argmax(axis=1)])
    places[:, :kept] = scores[:, :kept] * sizes[:kept] * signs
    if (total := float((sizes**2).sum())) > 0:
        variance[:kept] = sizes[:kept] ** 2 / total
    return places, (float(variance[0]), float(variance[1]))
