"""Whether the gain follows the quality is asked of studies that have doses, and refused before others start."""

from typing import Any

import pytest

from cmrbridge.errors import InputError
from cmrbridge.plan.followings import followings_of

ASKED = [{"quality": "images_frechet", "words": ""}]


def study(*arms: str) -> dict[str, Any]:
    plain = {"augment": "classic", "synthetic": None}
    catalogue = {"classic": plain}
    for name, step in (("end", None), ("early", 10)):
        catalogue[name] = {**plain, "synthetic": {"generator": "spade", "ratio": 1.0, "step": step}}
    return {
        "arms": catalogue,
        "run": {"arms": ["classic", *arms], "scenarios": ["one"]},
        "scenarios": {"one": {"source": "aurora"}},
        "domains": {"aurora": {}},
        "comparisons": {"baseline": "classic", "follows": ASKED},
    }


def test_it_is_asked_of_two_moments_and_refused_of_one() -> None:
    assert followings_of(study("end", "early")) == ASKED
    with pytest.raises(InputError, match=r"comparisons\.follows.*run\.arms"):
        followings_of(study("end"))


def test_nothing_asked_needs_no_doses() -> None:
    given = study("end")
    given["comparisons"]["follows"] = []
    assert followings_of(given) == []
