"""A claim that the gain follows the quality rests on the networks of the moments that compare, and on no others."""

from collections.abc import Mapping
from itertools import product
from typing import Any

import pandas as pd
import pytest

from cmrbridge.errors import InputError
from cmrbridge.evaluation.claims import Conditions
from cmrbridge.paper.followings import judge_followings
from cmrbridge.paper.study import Doses
from cmrbridge.paper.verdicts import Network

STEPS = {"step_1": 1.0, "step_2": 2.0, "step_3": 3.0, "synthetic": None}
ARMS = ["classic", *STEPS, "ratio_2"]
ASKED = [{"quality": "images_frechet", "words": "who says so"}]
HELD = "source aurora, ratio 1"


def doses(**change: Any) -> Doses:
    """Fréchet falls and the gain rises with the steps; ratio_2 has another ratio, so no other point compares to it."""
    rows = [
        {"source": "aurora", "cohort": "aurora", "architecture": "unet2d", "arm": arm, "baseline": "classic"}
        | {"target": "all targets", "metric": "dice", "ratio": 2.0 if arm == "ratio_2" else 1.0, "subjects": 9}
        | {"step": STEPS.get(arm), "gain": 0.01 * n, "images_frechet": 9.0 - n, "mask_fidelity": 0.5 + n / 20}
        for n, arm in enumerate(ARMS)
        if arm != "classic"
    ]
    row = {"variable": "images_frechet", "scale": "log", "metric": "dice", "held": HELD, "n_points": 4, "n_seeds": 3}
    row |= {"pearson": -0.97, "pearson_low": -0.99, "pearson_high": -0.71, "reason": ""}
    return Doses(pd.DataFrame(rows), pd.DataFrame([row | change]))


def cases(dice: float = 0.9) -> pd.DataFrame:
    keys = product(("aurora", "dusk"), ARMS, range(3), ("s0", "s1"))
    return pd.DataFrame(keys, columns=["target", "arm", "seed", "subject"]).assign(
        study="s", source="aurora", architecture="unet2d", phase="ED", structure="LV", region="whole",
        metric="dice", value=dice,
    )  # fmt: skip


def networks(gains: Mapping[str, float | None]) -> dict[tuple[str, str, str, int], Network]:
    return {
        ("aurora", "unet2d", arm, seed): Network(arm, True, gains.get(arm, 0.0)) for arm in ARMS for seed in range(3)
    }


def judged(found: Doses, scores: pd.DataFrame, gains: Mapping[str, float | None], asked: Any = ASKED) -> Any:
    (verdict,) = judge_followings(asked, found, scores, networks(gains), [], Conditions())
    return verdict


def test_a_distance_that_falls_as_the_gain_rises_is_told_as_a_positive_correlation() -> None:
    verdict = judged(doses(), cases(), {})
    assert verdict["word"] == "supported"
    assert verdict["difference"] == "r = +0.97 [+0.71, +0.99]"
    assert HELD in verdict["claim"]


def test_a_fidelity_that_rises_with_the_gain_keeps_its_sign() -> None:
    rising = {"variable": "mask_fidelity", "pearson": 0.98, "pearson_low": 0.6, "pearson_high": 0.99}
    verdict = judged(doses(**rising), cases(), {}, [{"quality": "mask_fidelity", "words": ""}])
    assert (verdict["word"], verdict["difference"]) == ("supported", "r = +0.98 [+0.60, +0.99]")


@pytest.mark.parametrize(("arm", "word"), [("step_1", "untested"), ("classic", "untested"), ("ratio_2", "supported")])
def test_the_curves_of_the_moments_that_compare_and_of_their_baseline_count(arm: str, word: str) -> None:
    assert judged(doses(), cases(), {arm: 0.02})["word"] == word


def test_networks_that_are_poor_at_home_or_too_few_decide_nothing() -> None:
    assert "own test subjects" in judged(doses(), cases(dice=0.8), {})["why"]
    for found, runs in ((doses(n_seeds=1), cases()), (doses(), cases().query("arm != 'classic' or seed == 0"))):
        assert judged(found, runs, {})["why"] == "1 training run an arm, 3 are needed"


def test_correlations_of_other_doses_are_refused() -> None:
    with pytest.raises(InputError, match=r"ratio 3.* of different runs: delete both"):
        judged(doses(held="source aurora, ratio 3"), cases(), {})


def test_a_quality_that_took_one_value_says_so() -> None:
    reason = {"held": "", "n_points": 0, "n_seeds": None, "reason": "unknown, or one value for each source and ratio"}
    verdict = judged(doses(**reason), cases(), {})
    assert (verdict["word"], verdict["difference"], verdict["why"]) == ("untested", "–", reason["reason"])
