"""Hierarchical bootstrap of the difference of two arms: subjects and, within each arm, training runs are drawn anew."""

import math
import zlib
from functools import lru_cache, reduce
from operator import sub
from typing import NamedTuple

import numpy as np

from cmrbridge.evaluation.mixed import mixed_slope
from cmrbridge.evaluation.variance import Design, Floats, design_of


class Bootstrap(NamedTuple):
    """p (two-sided, at least 2 / (replicates + 1)) and the 95 % interval of arm − baseline."""

    p: float
    low: float
    high: float


UNDEFINED = Bootstrap(*[math.nan] * 3)


def hierarchical_bootstrap(*sides: Floats, replicates: int, seed: int) -> Bootstrap:
    """Of the complete sides of `mixed_slope`; NaN where that is undefined.

    Each replicate draws one set of subjects for both arms (they are the same people) and, apart, runs of each arm; one
    set of runs as well where both use the same networks, and so make one side.
    Two or three runs say little about their spread, and drawn anew they seem to vary too little: by themselves the
    percentiles of such replicates are too narrow. They give the shape; its width is the standard error of
    `mixed_slope`, and each replicate is divided by √(χ²/df), which makes of a normal shape Student's.
    """
    reference = mixed_slope(*sides)
    if math.isnan(reference.p):
        return UNDEFINED
    subjects, *runs = _draws(design_of(*sides), replicates, seed)
    gains = reduce(sub, (drawn @ one for drawn, one in zip(runs, sides, strict=True)))
    deviations = (subjects * gains).sum(1) - reference.difference
    squares = _generator(seed, "tails").chisquare(reference.df, replicates)
    scale = reference.se / deviations.std() * np.sqrt(reference.df / squares)
    differences = reference.difference + deviations * scale
    low, high = np.percentile(differences, (2.5, 97.5))
    rarer = min(np.count_nonzero(differences <= 0), np.count_nonzero(differences >= 0))
    return Bootstrap(min(1.0, 2 * float(rarer + 1) / (replicates + 1)), float(low), float(high))


@lru_cache(maxsize=8)
def _draws(design: Design, replicates: int, seed: int) -> tuple[Floats, ...]:
    """Weights of subjects and of each side's runs: the same for every comparison of one design."""
    generator = _generator(seed, "draws")
    return tuple(_weights(count, replicates, generator) for count in (design.subjects, *design.runs))


def _generator(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(f"bootstrap {name}".encode())])


def _weights(count: int, replicates: int, generator: np.random.Generator) -> Floats:
    """(replicate, count): each row the weights, of sum 1, of the mean over as many drawn with replacement."""
    return generator.multinomial(count, np.full(count, 1 / count), size=replicates) / count
