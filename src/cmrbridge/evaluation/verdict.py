"""The audit's verdict: one plain rule over its figures."""

import math
from typing import Any

from scipy import stats

FLAGGED, CLEAR, OPEN = "flagged", "no copies found", "not conclusive"
CAUGHT = 0.95  # of the positive controls, or the audit proves nothing
SIGNIFICANT = 0.01  # one-sided binomial p of the copies
MEMBERSHIP = 0.6  # AUC that the interval must lie above
GAP = 0.2  # correlation beyond the mask, training minus held-out: large


def excess_p(count: int, of: int, rate: float) -> float:
    """One-sided binomial p: as many as ``count`` or more by chance at this rate."""
    return float(stats.binomtest(count, of, rate, alternative="greater").pvalue)


def give_verdict(figures: dict[str, Any], allowed: float) -> tuple[str, list[str]]:
    """(verdict, reasons). figures: of `privacy.measure`; allowed: share of false alarms that the threshold aims at.

    "flagged", when any of these holds:
    * more generated images lie nearer to a training image than the threshold than false alarms explain (the larger of
      ``allowed`` and the measured rate; one-sided binomial p < 0.01);
    * the 95 % interval of the membership AUC lies above 0.6;
    * renderings from training masks resemble the true images beyond the mask more than held-out ones do: the gap
      in median correlation is at least 0.2 and the interval of its AUC lies above 0.6;
    * more renderings from training masks are pixel copies of their true images than false alarms and the renderings
      from held-out masks explain (p < 0.01).
    Otherwise "not conclusive", when fewer than 95 % of the positive controls were caught, or when too few subjects
    leave the rate of false alarms unknown; else "no copies found".
    A flag needs no caught controls: a missed copy hides others, it does not excuse those found.
    """
    reasons = [*_generated(figures, allowed), *_membership(figures), *_rendering(figures, allowed)]
    if reasons:
        return FLAGGED, reasons
    caught = figures["controls"]["caught"]
    if caught < CAUGHT:
        return OPEN, [f"only {caught:.1%} of the disturbed training images were caught; {CAUGHT:.0%} are needed"]
    if math.isnan(figures["negatives"]["false_alarms"]):
        return OPEN, ["fewer than three real subjects: the rate of false alarms is unknown"]
    return CLEAR, []


def _generated(figures: dict[str, Any], allowed: float) -> list[str]:
    found = figures["generated"]
    if found["p"] >= SIGNIFICANT:
        return []
    return [
        f"{found['copies']} of {found['n']} generated images lie nearer to a training image than the threshold; "
        f"false alarms explain {max(allowed, figures['negatives']['false_alarms']):.1%} (p = {found['p']:.2g})"
    ]


def _membership(figures: dict[str, Any]) -> list[str]:
    found = figures["membership"]
    if not found["auc_low"] > MEMBERSHIP:
        return []
    return [
        f"training images lie nearer to the generated set than held-out ones: membership AUC {found['auc']:.2f} "
        f"({found['auc_low']:.2f} to {found['auc_high']:.2f})"
    ]


def _rendering(figures: dict[str, Any], allowed: float) -> list[str]:
    found = figures["rendering"]
    if found is None:
        return []
    reasons = []
    if found["gap"] >= GAP and found["auc_low"] > MEMBERSHIP:
        reasons.append(
            "beyond the mask, images rendered from training masks correlate with the true images by "
            f"{found['similarity_train']:.2f}, from held-out masks by {found['similarity_held_out']:.2f}: AUC "
            f"{found['auc']:.2f} ({found['auc_low']:.2f} to {found['auc_high']:.2f})"
        )
    chance = max(allowed, figures["negatives"]["false_alarms"], found["copies_held_out"])
    if excess_p(round(found["copies_train"] * found["n_train"]), found["n_train"], min(chance, 1)) < SIGNIFICANT:
        reasons.append(
            f"{found['copies_train']:.1%} of the images rendered from training masks are pixel copies of the true "
            f"image; from held-out masks {found['copies_held_out']:.1%}"
        )
    return reasons
