"""What a study says that it will judge."""

from typing import Any

import pytest

from cmrbridge.errors import InputError
from cmrbridge.plan.claims import claims_of, confounded

CLAIM = {"arm": "a", "against": "b", "metric": "dice", "by": 0.0, "words": ""}


def study(*claims: dict[str, Any], primary: str = "a") -> dict[str, Any]:
    compared = {"baseline": "b", "primary_arm": primary, "primary_metric": "dice", "metrics": ["dice"]}
    return {"run": {"arms": ["a", "b", "c"]}, "comparisons": compared | {"claims": list(claims)}}


def test_without_claims_it_is_the_endpoint() -> None:
    assert claims_of(study()) == [CLAIM]
    assert [claim["arm"] for claim in claims_of(study(primary=""))] == ["a", "c"]


@pytest.mark.parametrize("change", [{"arm": "x"}, {"against": "x"}, {"metric": "hd95"}, {"against": "a"}])
def test_a_claim_that_no_score_can_answer_is_refused(change: dict[str, str]) -> None:
    assert claims_of(study(CLAIM)) == [CLAIM]
    with pytest.raises(InputError, match=r"comparisons\.claims"):
        claims_of(study(CLAIM | change))


AUGMENTED = {
    "real": {"augment": "none"},
    "classic": {"augment": "classic"},
    "dg": {"augment": "classic", "translated": {"method": "dda"}},
    "da": {"augment": "classic", "test_translation": {"method": "dda"}},
    "combined": {"augment": "winner", "translated": {"method": "dda"}},
}


def declared(*pairs: tuple[str, str]) -> dict[str, Any]:
    claims = [{"arm": arm, "against": against} for arm, against in pairs]
    return {"arms": AUGMENTED, "comparisons": {"baseline": "classic", "claims": claims}}


def test_a_claim_whose_arms_differ_in_augmentation_too_says_so_once() -> None:
    (sentence,) = confounded(declared(("da", "real"), ("dg", "real"), ("da", "real"), ("da", "classic")))
    assert sentence.startswith("da and dg learnt with another augmentation than real")
    assert sentence.endswith("the comparisons with classic say how much.")


def test_the_baseline_says_how_much_only_of_arms_that_are_augmented_as_it_is() -> None:
    (sentence,) = confounded(declared(("combined", "real")))
    assert sentence.endswith("sets them apart from real is that as well.")


def test_a_claim_about_augmentation_itself_or_about_the_remedy_alone_is_clean() -> None:
    assert confounded(declared(("classic", "real"), ("da", "classic"), ("dg", "da"))) == []
