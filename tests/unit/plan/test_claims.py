"""What a study says that it will judge."""

from typing import Any

import pytest

from cmrbridge.errors import InputError
from cmrbridge.plan.claims import claims_of

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
