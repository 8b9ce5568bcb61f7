"""Who is trained on and who is tested: folds by subject, and equally many slices of every class."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cmrbridge.errors import InputError

Ints = NDArray[np.int64]


def deal_folds(subjects: Sequence[str], classes: Ints, folds: int, seed: int) -> Ints:
    """(n,) fold of each sample, 0…folds − 1: all samples of a subject in one, the subjects of a class spread evenly.

    subjects, classes: (n,) of each sample. A subject that occurs in several classes still has one fold.
    InputError where a class has fewer subjects than there are folds: some fold could not be tested on it.
    """
    generator = np.random.default_rng([seed, 0])
    names = np.asarray(subjects)
    fold_of: dict[str, int] = {}
    for index in np.unique(classes):
        own = np.unique(names[classes == index])
        if len(own) < folds:
            raise InputError(f"shift.folds is {folds} and a class has {len(own)} subjects: ask for at most {len(own)}")
        waiting = [name for name in generator.permutation(own) if name not in fold_of]
        counts = np.bincount([fold_of[name] for name in own if name in fold_of], minlength=folds)
        for name in waiting:
            emptiest = int(counts.argmin())
            fold_of[name] = emptiest
            counts[emptiest] += 1
    return np.array([fold_of[name] for name in names], np.int64)


def balanced(classes: Ints, seed: int) -> Ints:
    """Indices of equally many samples of every class, drawn without replacement, in ascending order."""
    generator = np.random.default_rng([seed, 1])
    count = np.unique(classes, return_counts=True)[1].min()
    chosen = [generator.permutation(np.flatnonzero(classes == index))[:count] for index in np.unique(classes)]
    return np.sort(np.concatenate(chosen))
