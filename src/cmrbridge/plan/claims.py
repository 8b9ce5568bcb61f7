"""The claims that a study sets out to judge: the declared ones, or else its primary endpoint."""

from collections.abc import Mapping
from typing import Any

from cmrbridge.errors import InputError
from cmrbridge.plan.catalogue import known

Claims = list[dict[str, Any]]


def claims_of(study: dict[str, Any]) -> Claims:
    """``comparisons.claims``, each as `evaluation.claimed.Claim` takes it; InputError where no score can answer one."""
    compared, arms = study["comparisons"], study["run"]["arms"]
    for claim in compared["claims"]:
        for side in ("arm", "against"):
            known(claim[side], arms, f"comparisons.claims: {side}", "run.arms")
        known(claim["metric"], compared["metrics"], "comparisons.claims: metric", "comparisons.metrics")
        if claim["arm"] == claim["against"]:
            raise InputError(f"comparisons.claims: {claim['arm']!r} is held against itself; name two arms")
    return compared["claims"] or _endpoint(compared, arms)


def confounded(study: Mapping[str, Any]) -> list[str]:
    """Sentences: which declared claims' arms differ in augmentation besides what else sets them apart.

    Claims against the baseline are none of them: what an arm is held against there, its augmentation included, is what
    the study chose to compare it with.
    """
    arms, compared = study["arms"], study["comparisons"]
    plain, mixed = arms[compared["baseline"]], dict[str, dict[str, None]]()
    for claim in compared["claims"]:
        one, other = arms[claim["arm"]], arms[claim["against"]]
        differ = {key for key in {*one, *other} if one.get(key) != other.get(key)}
        if claim["against"] != compared["baseline"] and "augment" in differ and len(differ) > 1:
            mixed.setdefault(claim["against"], {})[claim["arm"]] = None
    found = []
    for against, names in mixed.items():
        alike = all(arms[name].get("augment") == plain.get("augment") for name in names)
        share = f"; the comparisons with {compared['baseline']} say how much." if alike else "."
        found.append(
            f"{' and '.join(names)} learnt with another augmentation than {against} did, so what sets them apart from "
            f"{against} is that as well{share}"
        )
    return found


def _endpoint(compared: dict[str, Any], arms: list[str]) -> Claims:
    """That the primary arm, or every arm where none is declared, is better than the baseline in the primary metric."""
    against = compared["baseline"]
    chosen = [compared["primary_arm"]] if compared["primary_arm"] else arms
    return [
        {"arm": arm, "against": against, "metric": compared["primary_metric"], "by": 0.0, "words": ""}
        for arm in chosen
        if arm != against
    ]
