"""Whether the gain follows the quality: the word hangs on the whole interval, and on what the networks had learnt."""

import pytest

from cmrbridge.evaluation.following import Correlation, judge_following


@pytest.mark.parametrize(
    ("found", "word", "why"),
    [
        (Correlation(0.87, 0.71, 0.94), "supported", "above 0.5"),
        (Correlation(0.87, 0.40, 0.94), "not supported", "reaches below"),
        (Correlation(-0.6, -0.9, -0.2), "not supported", "whole interval is below"),
        (Correlation(hindrance="3 points; 4 are needed"), "untested", "3 points"),
        (Correlation(0.9), "untested", "no interval"),
    ],
)
def test_the_word_hangs_on_the_whole_interval(found: Correlation, word: str, why: str) -> None:
    judged = judge_following(found, [])
    assert judged.word == word
    assert why in judged.why


def test_what_the_networks_lack_leaves_it_untested_and_every_reason_is_told() -> None:
    judged = judge_following(Correlation(0.87, 0.71, 0.94), ["1 training run an arm, 3 are needed", "poor at home"])
    assert judged == ("untested", "1 training run an arm, 3 are needed; poor at home")
    assert judge_following(Correlation(hindrance="all gains are equal"), ["poor at home"]).why == (
        "all gains are equal; poor at home"
    )
