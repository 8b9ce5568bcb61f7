"""The claims that the gain follows the quality of generated pairs, which need doses to be judged by."""

from typing import Any

from cmrbridge.errors import InputError
from cmrbridge.plan.grid import doses


def followings_of(study: dict[str, Any]) -> list[dict[str, str]]:
    """``comparisons.follows``; InputError where the study has no doses at all. Fewer moments than a correlation is told
    of are taken, as fewer runs than a verdict needs are: the report then says what is missing."""
    asked: list[dict[str, str]] = study["comparisons"]["follows"]
    if asked and not doses(study):
        raise InputError(
            f"comparisons.follows asks whether the gain follows {asked[0]['quality']}, but run.arms has no two arms "
            "that differ from the baseline, and from each other, in generated pairs alone: add such arms (synthetic: "
            "{step: …}), or set `follows: []`"
        )
    return asked
