"""Who is tested by whom, and what the answers are worth: closed forms and exact counts."""

import numpy as np
import pytest

from cmrbridge.errors import InputError
from cmrbridge.shift.folds import balanced, deal_folds
from cmrbridge.shift.scores import (
    accuracy_interval,
    balanced_accuracy,
    confusion,
    pairwise_distances,
    proxy_a_distance,
)

CLASSES = np.repeat([0, 1, 2], [40, 60, 50])
SUBJECTS = [f"{'abc'[index]}{place % 10}" for index in range(3) for place in range([40, 60, 50][index])]


def test_no_subject_is_on_both_sides_and_every_fold_has_subjects_of_every_class() -> None:
    fold = deal_folds(SUBJECTS, CLASSES, 5, seed=3)
    for subject in set(SUBJECTS):
        assert len({one for one, name in zip(fold, SUBJECTS) if name == subject}) == 1
    for index in range(3):
        counts = [len({s for s, c, f in zip(SUBJECTS, CLASSES, fold) if c == index and f == k}) for k in range(5)]
        assert counts == [2] * 5


def test_a_subject_of_two_classes_stays_in_one_fold() -> None:
    subjects = [f"s{place}" for place in range(6)] * 2
    fold = deal_folds(subjects, np.repeat([0, 1], 6), 3, seed=0)
    assert np.array_equal(fold[:6], fold[6:])
    assert np.bincount(fold[:6]).tolist() == [2, 2, 2]


def test_more_folds_than_subjects_are_refused() -> None:
    with pytest.raises(InputError, match=r"shift\.folds is 4.*at most 3"):
        deal_folds(["a", "b", "c"] * 2, np.repeat([0, 1], 3), 4, seed=0)


def test_every_class_keeps_as_many_samples_and_the_seed_says_which() -> None:
    rows = balanced(CLASSES, seed=1)
    assert np.bincount(CLASSES[rows]).tolist() == [40, 40, 40]
    assert len(set(rows)) == len(rows)
    assert np.array_equal(rows, balanced(CLASSES, seed=1))
    assert not np.array_equal(rows, balanced(CLASSES, seed=2))


def test_proxy_a_distance_is_nothing_at_chance_and_two_without_error() -> None:
    assert [proxy_a_distance(error) for error in (0.5, 0.25, 0.0)] == [0, 1, 2]


def test_distances_of_pairs_come_from_the_choice_between_the_two() -> None:
    classes = np.array([0, 0, 1, 1, 2, 2])
    logits = np.array([[5, 0, 9], [5, 0, 9], [0, 5, 0], [5, 0, 0], [0, 0, 1], [0, 0, 1.0]])
    found = pairwise_distances(classes, logits)
    # 0 | 1: one of class 1 is wrong, error (0 + 1/2) / 2; 0 | 2: all of class 0 are wrong; 1 | 2: none of class 2,
    # and the fourth sample's tie between 1 and 2 goes to the first
    assert found == {(0, 1): pytest.approx(1), (0, 2): pytest.approx(0), (1, 2): pytest.approx(2)}


def test_confusion_rows_are_shares_and_accuracy_counts_every_class_the_same() -> None:
    classes, answers = np.array([0] * 8 + [1] * 2), np.array([0] * 8 + [0, 1])
    assert confusion(classes, answers, 2).tolist() == [[1, 0], [0.5, 0.5]]
    assert balanced_accuracy(classes, answers, 2) == 0.75


def test_the_interval_takes_the_subject_as_its_unit() -> None:
    """With slices of a subject right or wrong together, many slices must not narrow it."""
    few = ["a", "b", "c", "d"]
    right = np.array([1, 0, 1, 0])
    interval = accuracy_interval(np.zeros(4, int), 1 - right, few, 1, seed=0)
    many = accuracy_interval(np.zeros(400, int), np.repeat(1 - right, 100), np.repeat(few, 100).tolist(), 1, seed=0)
    assert interval == many == (0.0, 1.0)
    assert accuracy_interval(np.zeros(4, int), np.zeros(4, int), few, 1, seed=0) == (1.0, 1.0)
