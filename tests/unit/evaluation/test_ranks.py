"""Ranks against the example and the table of Demšar 2006, and against ranks that are plain to see."""

import math

import numpy as np
import pandas as pd
import pytest

from cmrbridge.evaluation.ranks import ALL_TARGETS, critical_difference, friedman_p, ranks


@pytest.mark.parametrize(
    ("arms", "q"),
    [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (6, 2.850), (7, 2.949), (8, 3.031), (9, 3.102), (10, 3.164)],
)
def test_quantiles_are_those_of_the_printed_table(arms: int, q: float) -> None:
    """Demšar 2006, table 5(a), α = 0.05: the critical difference without √(k (k + 1) / (6 N))."""
    assert critical_difference(arms, 24) / math.sqrt(arms * (arms + 1) / 144) == pytest.approx(q, abs=0.001)


def test_the_printed_example() -> None:
    """Four classifiers on fourteen data sets (Demšar 2006, section 3.2.4)."""
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)


def test_unanimous_subjects_reach_the_largest_statistic() -> None:
    """N subjects that order k arms alike: χ² = N (k − 1); of three arms, p = exp(−χ² / 2)."""
    assert friedman_p(np.tile([1.0, 2.0, 3.0], (5, 1))) == pytest.approx(math.exp(-5))
    assert math.isnan(friedman_p(np.ones((5, 3))))


def scores(values: dict[str, list[float]], target: str, metric: str = "dice") -> pd.DataFrame:
    """One structure, phase and seed: arm → a value per subject."""
    keys = {"source": "home", "target": target, "architecture": "unet2d", "phase": "ED", "structure": "LV",
            "region": "whole", "metric": metric, "study": "s", "seed": 0}  # fmt: skip
    rows = [
        {**keys, "arm": arm, "subject": f"{target}{index}", "value": value}
        for arm, each in values.items()
        for index, value in enumerate(each)
    ]
    return pd.DataFrame(rows)


AWAY = {"a": [0.9, 0.9, 0.9], "b": [0.8, 0.8, 0.9], "c": [0.7, 0.7, 0.7], "oracle": [1.0, 1.0, 1.0]}


def test_best_is_first_ties_share_and_the_ceiling_stays_out() -> None:
    table = ranks(scores(AWAY, "away"), "dice")
    assert dict(zip(table.arm, table.mean_rank)) == pytest.approx({"a": 3.5 / 3, "b": 5.5 / 3, "c": 3})
    assert set(table.n) == {3}


def test_distances_rank_the_other_way_round() -> None:
    table = ranks(scores(AWAY, "away", "hd95"), "hd95")
    assert list(table.arm) == ["c", "b", "a"]


def test_all_targets_are_those_away_from_home_and_a_subject_without_an_arm_is_no_block() -> None:
    other = {**AWAY, "a": [0.1, 0.1]}
    parts = [scores(AWAY, "away"), scores(other, "far"), scores(AWAY, "home")]
    table = ranks(pd.concat(parts), "dice").drop_duplicates("target")
    assert dict(zip(table.target, table.n)) == {ALL_TARGETS: 5, "away": 3, "far": 2, "home": 3}


def test_two_arms_are_not_ranked() -> None:
    assert ranks(scores({"a": [0.9, 0.9], "b": [0.8, 0.8]}, "away"), "dice").empty
