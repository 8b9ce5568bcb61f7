"""A verdict asks the networks behind its two arms, all of them, whether they had learnt what they could."""

from itertools import product
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

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
    cases = cases.assign(metric="dice", value=0.95)
    trained_as = {
        "unet2d": {"classic": "classic", "mirrored": "mirrored", "flip": "mirrored"},
        "unet2d_batch": {"classic": "classic", "flip": "flip"},
    }
    return SimpleNamespace(
        about=SimpleNamespace(trained_as=trained_as, scenarios={"scanners": "aurora"}),
        cases=cases,
        compared=pd.DataFrame([row | {"p_holm": 0.001, "primary": True}]),
        trainings=trainings,
    )


def trainings(arm: str, gain: float | None) -> list[Training]:
    return [Training("scanners", arm, "unet2d_batch", seed, {}, gain, 0) for seed in SEEDS]


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
    (verdict,) = give_verdicts(given.compared, given.cases, networks_of(given), Conditions())
    assert verdict["word"] == word
    assert why in verdict["why"]


@pytest.mark.parametrize(("trained_as", "word"), [("classic", "supported"), ("flip", "untested")])
def test_at_home_networks_are_asked_on_images_as_they_are(trained_as: str, word: str) -> None:
    """A remedy of test images that harms the source's own makes no poor network of classic's, which it uses."""
    given = study(trainings("classic", 0.0) + trainings("flip", 0.0))
    given.about.trained_as["unet2d_batch"]["flip"] = trained_as
    given.cases.loc[(given.cases.arm == "flip") & (given.cases.target == "aurora"), "value"] = 0.85
    (verdict,) = give_verdicts(given.compared, given.cases, networks_of(given), Conditions())
    assert verdict["word"] == word
