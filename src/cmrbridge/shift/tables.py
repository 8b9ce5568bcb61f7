"""The two tables of every measurement of shift: how well the classes were told apart, and which was taken for which."""

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cmrbridge.shift.crossed import Task
from cmrbridge.shift.scores import accuracy_interval, balanced_accuracy, confusion, pairwise_distances

SCORES = (
    "task", "look", "source", "arm", "architecture", "seed", "shown", "reader",
    "accuracy", "accuracy_low", "accuracy_high", "chance", "distance", "samples", "subjects",
)  # fmt: skip
CONFUSION = (
    "task", "look", "source", "arm", "architecture", "seed", "shown", "reader", "truth", "answer", "share", "distance",
)  # fmt: skip
Row = dict[str, Any]


def scored(task: Task, logits: NDArray[np.float64], identity: Mapping[str, Any], seed: int) -> tuple[Row, list[Row]]:
    """(row of scores, rows of confusion) of held-out ``logits`` (n, class).

    identity: the columns that say what was read by whom. accuracy: balanced, 0…1, with its 95 % interval over
    subjects; distance: proxy A-distance of two classes (confusion), and the mean over all pairs (scores).
    """
    names, answers = task.names, logits.argmax(axis=1)
    low, high = accuracy_interval(task.classes, answers, task.subjects, len(names), seed)
    shares = confusion(task.classes, answers, len(names))
    distances = pairwise_distances(task.classes, logits)
    score = {
        **identity,
        "accuracy": balanced_accuracy(task.classes, answers, len(names)),
        "accuracy_low": low,
        "accuracy_high": high,
        "chance": 1 / len(names),
        "distance": float(np.mean(list(distances.values()))),
        "samples": len(task.classes),
        "subjects": len(set(task.subjects)),
    }
    rows = [
        {
            **identity,
            "truth": names[truth],
            "answer": names[answer],
            "share": shares[truth, answer],
            "distance": distances.get((min(truth, answer), max(truth, answer))),
        }
        for truth, answer in product(range(len(names)), repeat=2)
    ]
    return score, rows


def table(rows: list[Row], columns: tuple[str, ...]) -> pd.DataFrame:
    """Rows as a frame with these columns, those that a measurement has no use for empty."""
    return pd.DataFrame(rows).reindex(columns=list(columns))
