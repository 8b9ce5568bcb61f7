"""Whether the gain follows the quality: the word hangs on the whole interval, and on what the networks had learnt."""

import numpy as np
import pytest
from scipy import stats

from cmrbridge.evaluation.following import Correlation, judge_following


@pytest.mark.parametrize(
    ("found", "word", "why"),
    [
        (Correlation(0.97, 0.71, 0.99, 4), "supported", "above 0.5, of 4 moments"),
        (Correlation(0.87, 0.71, 0.94, 4), "not supported", "4 unrelated moments come out so in 13 of 100 cases"),
        (Correlation(0.87, 0.71, 0.94, 8), "supported", "above 0.5, of 8 moments"),
        (Correlation(0.87, 0.40, 0.94, 8), "not supported", "reaches below"),
        (Correlation(-0.6, -0.9, -0.2, 8), "not supported", "whole interval is below"),
        (Correlation(hindrance="3 points; 4 are needed"), "untested", "3 points"),
        (Correlation(0.9), "untested", "no interval"),
    ],
)
def test_the_word_hangs_on_the_whole_interval_and_on_what_chance_gives(found: Correlation, word: str, why: str) -> None:
    judged = judge_following(found, [])
    assert judged.word == word
    assert why in judged.why


def test_what_the_networks_lack_leaves_it_untested_and_every_reason_is_told() -> None:
    judged = judge_following(Correlation(0.97, 0.71, 0.99, 4), ["1 training run an arm, 3 are needed", "poor at home"])
    assert judged == ("untested", "1 training run an arm, 3 are needed; poor at home")
    assert judge_following(Correlation(hindrance="all gains are equal"), ["poor at home"]).why == (
        "all gains are equal; poor at home"
    )


@pytest.mark.parametrize("points", [3, 4, 9])
def test_chance_is_scipys(points: int) -> None:
    x, y = np.random.default_rng(points).normal(size=(2, points))
    expected = stats.pearsonr(x, y)
    assert Correlation(expected.statistic, points=points).chance == pytest.approx(expected.pvalue, abs=1e-12)
    assert Correlation(1.0, points=points).chance == 0
    assert Correlation(0.9, points=2).chance == 1
