"""A verdict asks the networks behind its two arms, all of them, whether they had learnt what they could."""

from collections.abc import Sequence
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.power import TTestIndPower

from cmrbridge.evaluation.claims import Conditions
from cmrbridge.paper.records import Training
from cmrbridge.paper.verdicts import give_verdicts, networks_of

SEEDS = range(3)
STILL_RISING = 0.2  # of Dice, in the last fifth


def study(trainings: list[Training]) -> Any:
    """flip beats classic by two points on eclipse. With unet2d_batch it trains a network of its own, with unet2d it
    uses mirrored's, which unet2d_batch skips."""
    keys = product(("aurora", "eclipse"), ("classic", "flip"), SEEDS, ("s0", "s1"))
    cases = pd.DataFrame(keys, columns=["target", "arm", "seed", "subject"]).assign(
        study="s", source="aurora", architecture="unet2d_batch", phase="ED", structure="LV", region="whole"
    )
    row = {"source": "aurora", "target": "eclipse", "architecture": "unet2d_batch", "structure": "mean"}
    row |= {"metric": "dice", "arm": "flip", "baseline": "classic", "difference": 0.02, "ci_low": 0.01, "ci_high": 0.03}
    row |= {"words": "who says so", "by": 0.0, "df": 30.0, "mixed_slope_p": 0.2}
    cases = cases.assign(metric="dice", value=0.95)
    trained_as = {
        "unet2d": {"classic": "classic", "mirrored": "mirrored", "flip": "mirrored"},
        "unet2d_batch": {"classic": "classic", "flip": "flip"},
    }
    return SimpleNamespace(
        about=SimpleNamespace(
            trained_as=trained_as,
            scenarios={"scanners": "aurora"},
            arms={arm: {"at_test": ""} for arm in ("classic", "mirrored", "flip")},
        ),
        cases=cases,
        claimed=pd.DataFrame([row | {"p_holm": 0.001, "primary": True}]),
        trainings=trainings,
    )


def trainings(arm: str, gain: float | None) -> list[Training]:
    return [Training("scanners", arm, "unet2d_batch", seed, {}, gain, 0) for seed in SEEDS]


def judged(given: Any, nominal: Sequence[str] = ()) -> list[dict[str, Any]]:
    return give_verdicts(given.claimed, given.cases, networks_of(given), nominal, Conditions())


@pytest.mark.parametrize(
    ("trained", "word", "why"),
    [
        (trainings("flip", 0.0), "supported", "significantly better"),
        (trainings("flip", STILL_RISING), "untested", "still rising"),
        (trainings("flip", 0.0)[:2], "untested", "no validation curve"),
        ([], "untested", "no validation curve"),
        (trainings("flip", 0.0) + trainings("mirrored", STILL_RISING), "supported", "significantly better"),
    ],
)
def test_a_claim_needs_the_curve_of_every_network_that_it_rests_on(
    trained: list[Training], word: str, why: str
) -> None:
    given = study(trainings("classic", 0.0) + trained)
    (verdict,) = judged(given)
    assert verdict["word"] == word
    assert why in verdict["why"]


@pytest.mark.parametrize(("trained_as", "word"), [("classic", "supported"), ("flip", "untested")])
def test_at_home_networks_are_asked_on_images_as_they_are(trained_as: str, word: str) -> None:
    """A remedy of test images that harms the source's own makes no poor network of classic's, which it uses."""
    given = study(trainings("classic", 0.0) + trainings("flip", 0.0))
    given.about.trained_as["unet2d_batch"]["flip"] = trained_as
    given.cases.loc[(given.cases.arm == "flip") & (given.cases.target == "aurora"), "value"] = 0.85
    (verdict,) = judged(given)
    assert verdict["word"] == word


def test_a_network_without_scores_at_home_is_no_good_one() -> None:
    given = study(trainings("classic", 0.0))
    given.about.trained_as["unet2d_batch"]["flip"] = "mirrored"  # whose own scores are not here
    (verdict,) = judged(given)
    assert (verdict["word"], "not tested by themselves" in verdict["why"]) == ("untested", True)


def test_scores_with_a_remedy_do_not_speak_for_the_network_alone() -> None:
    given = study(trainings("classic", 0.0) + trainings("flip", 0.0))
    given.about.arms["flip"]["at_test"] = "the prediction averaged over mirror images"
    (verdict,) = judged(given)
    assert (verdict["word"], "not tested by themselves" in verdict["why"]) == ("untested", True)


def test_what_a_claim_says_it_is_at_least_is_told_in_its_unit() -> None:
    given = study(trainings("classic", 0.0) + trainings("flip", 0.0))
    given.claimed = given.claimed.assign(by=0.015)
    (verdict,) = judged(given)
    assert "in Dice by 1.5 points or more on eclipse" in verdict["claim"]
    assert verdict["difference"] == "+2.00 points [+1.00, +3.00]"
    assert "more than the 1.5 points of the claim" in verdict["why"]


@pytest.mark.parametrize(
    ("metric", "word"), [("hd95", "untested"), ("surface_dice", "untested"), ("dice", "supported")]
)
def test_no_claim_in_millimetres_is_judged_where_these_are_nominal(metric: str, word: str) -> None:
    given = study(trainings("classic", 0.0) + trainings("flip", 0.0))
    given.claimed = given.claimed.assign(metric=metric, ci_low=-0.03, ci_high=0.03).assign(ci_low=0.01)
    if metric == "hd95":
        given.claimed["difference"] = -2.0
    (verdict,) = judged(given, ["eclipse"])
    assert verdict["word"] == word
    assert ("nominal" in verdict["why"]) == (word == "untested")


def test_what_would_have_been_found_is_told_for_the_test_that_judges() -> None:
    """Welch's at 22 and 22 subjects, by statsmodels' own power."""
    given = study(trainings("classic", 0.0) + trainings("flip", 0.0))
    wide = stats.t.ppf(0.975, 42)
    half = wide * np.sqrt(2 / 22)  # of the interval, where both arms spread by 1
    given.claimed = given.claimed.assign(p_holm=0.4, difference=0.1, ci_low=0.1 - half, ci_high=0.1 + half, df=42.0)
    power = TTestIndPower().solve_power(nobs1=22, alpha=0.05, power=0.8)
    (verdict,) = judged(given)
    assert f"finds one of {100 * power:.1f} points in" in verdict["why"]
