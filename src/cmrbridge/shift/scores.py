"""What a classifier's held-out answers are worth: balanced accuracy with its interval, confusion, proxy A-distance."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
DRAWS = 2000  # of the bootstrap
COVERAGE = 0.95


def confusion(classes: Ints, answers: Ints, count: int) -> Floats:
    """(count, count) share of each class (row) that was taken for each (column); rows sum to 1, an empty one is NaN."""
    table = np.zeros((count, count))
    np.add.at(table, (classes, answers), 1)
    with np.errstate(invalid="ignore"):
        shares: Floats = table / table.sum(axis=1, keepdims=True)
    return shares


def balanced_accuracy(classes: Ints, answers: Ints, count: int) -> float:
    """Mean over classes of the share that was told right: 1 / count is chance, however many samples a class has."""
    return float(np.nanmean(np.diag(confusion(classes, answers, count))))


def accuracy_interval(
    classes: Ints, answers: Ints, subjects: Sequence[str], count: int, seed: int
) -> tuple[float, float]:
    """95 % percentile interval of `balanced_accuracy` when subjects are drawn anew, within each class.

    The subject is the unit: its slices are told right or wrong together.
    """
    names = np.asarray(subjects)
    generator = np.random.default_rng([seed, 2])
    drawn = np.zeros((DRAWS, count))
    for index in range(count):
        own = classes == index
        _, group = np.unique(names[own], return_inverse=True)
        sizes, right = np.bincount(group), np.bincount(group, weights=answers[own] == index)
        picks = generator.integers(len(sizes), size=(DRAWS, len(sizes)))
        drawn[:, index] = right[picks].sum(axis=1) / sizes[picks].sum(axis=1)
    low, high = np.quantile(drawn.mean(axis=1), [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return float(low), float(high)


def proxy_a_distance(error: float) -> float:
    """2 (1 − 2 ε): 0 where two domains cannot be told apart (ε = 0.5), 2 where they always can (ε = 0).

    Ben-David et al., NeurIPS 2006, section 4; error: balanced, of a classifier on samples that it was not trained on.
    """
    return 2 * (1 - 2 * error)


def pairwise_distances(classes: Ints, logits: Floats) -> dict[tuple[int, int], float]:
    """Proxy A-distance of every two classes, from a classifier of all: it chooses between the two alone.

    classes: (n,); logits: (n, class) of held-out samples.
    """
    found = {}
    for pair in combinations(range(logits.shape[1]), 2):
        own = np.isin(classes, pair)
        told = np.asarray(pair)[logits[own][:, pair].argmax(axis=1)]
        errors = [float((told[classes[own] == index] != index).mean()) for index in pair]
        found[pair] = proxy_a_distance(sum(errors) / 2)
    return found
