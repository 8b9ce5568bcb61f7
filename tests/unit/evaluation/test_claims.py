"""The word that a claim gets: each condition by itself, the direction, and the curve that has flattened."""

import math
from dataclasses import replace

import pytest

from cmrbridge.evaluation.claims import Conditions, Evidence, flattened, judge, late_gain

GOOD = Evidence(gain=2.0, p=0.001, seeds=3, source_dice=0.9, flattened=True)
NEEDED = Conditions()


@pytest.mark.parametrize(
    ("change", "word", "why"),
    [
        ({}, "supported", "significantly better"),
        ({"gain": -2.0}, "not supported", "significantly worse"),
        ({"p": 0.05}, "not supported", "does not say that there is no gain"),
        ({"p": 0.05, "detectable": 3.01}, "not supported", "finds one of 3.0 points in 80 of 100"),
        ({"p": 0.05, "slope_p": 0.0123}, "not supported", "with slopes, uncorrected: p = 0.012"),
        ({"by": 1.5}, "supported", "significantly more than the 1.5 points of the claim (p = 0.001 after Holm)"),
        ({"by": 5}, "not supported", "significantly less than the 5 points of the claim"),
        ({"by": 1.6, "p": 0.05}, "not supported", "does not tell the gain from one of 1.6 points (p = 0.050"),
        (
            {"p": 0.05, "by": 5, "detectable": 3.01},
            "not supported",
            "shows 5 points or more in 80 of 100 such studies if the true gain is 8.0 points",
        ),
        ({"by": 1.6, "unit": "mm"}, "supported", "more than the 1.6 mm of the claim"),
        ({"measured": False}, "untested", "nominal"),
        ({"seeds": 2}, "untested", "2 training runs an arm, 3 are needed"),
        ({"source_dice": 0.8799}, "untested", "0.88 is needed"),
        ({"source_dice": math.nan}, "untested", "not tested by themselves on their own source"),
        ({"flattened": False}, "untested", "still rising"),
        ({"flattened": None}, "untested", "no validation curve"),
        ({"p": math.nan}, "untested", "too few subjects"),
    ],
)
def test_the_word_and_its_reason(change: dict, word: str, why: str) -> None:
    found = judge(replace(GOOD, **change), NEEDED)
    assert found.word == word
    assert why in found.why


def test_an_unmet_condition_outweighs_a_significant_gain_and_all_are_named() -> None:
    found = judge(replace(GOOD, seeds=1, flattened=False), NEEDED)
    assert found.word == "untested"
    assert found.why.count(";") == 1


def test_a_study_may_ask_for_less() -> None:
    assert judge(replace(GOOD, seeds=2, source_dice=0.7), Conditions(seeds=2, source_dice=0.7)).word == "supported"


@pytest.mark.parametrize(
    ("dice", "gain"),
    [
        ([0.5, 0.7, 0.8, 0.85, 0.86], 0.01),
        ([0.5, 0.7, 0.8, 0.85, 0.80], 0.0),  # a bad last validation is no gain
        ([0.5, 0.85, 0.8, 0.60, 0.85], 0.0),  # nor is the way back from a bad one
    ],
)
def test_the_late_gain_is_that_of_the_best_so_far(dice: list[float], gain: float) -> None:
    curve = [(100 * (place + 1), value) for place, value in enumerate(dice)]
    assert late_gain(curve, 500) == pytest.approx(gain)


def test_a_curve_without_values_on_both_sides_tells_nothing() -> None:
    assert late_gain([(500, 0.9)], 500) is None
    assert late_gain([(100, 0.9), (400, 0.9)], 500) is None


def test_one_rising_curve_is_enough_to_say_no_and_one_unknown_to_say_nothing() -> None:
    assert flattened([0.0, 0.005]) is True
    assert flattened([0.0051, None]) is False
    assert flattened([0.0, None]) is None
    assert flattened([]) is None
