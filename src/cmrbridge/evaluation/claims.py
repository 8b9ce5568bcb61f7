"""What a study allows one to say of a claim «this arm is better than that one»: one rule, with its reasons."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

SUPPORTED, NOT_SUPPORTED, UNTESTED = "supported", "not supported", "untested"
SIGNIFICANT = 0.05
LATE = 0.8  # of the steps: the last fifth of a training begins here
FLAT = 0.005  # Dice: half a point


@dataclass(frozen=True)
class Conditions:
    """What must hold before a comparison can decide a claim. seeds: training runs of either arm, at least;
    source_dice: mean Dice (0…1) on the source's own test subjects that either arm's networks must reach."""

    seeds: int = 3
    source_dice: float = 0.88


@dataclass(frozen=True)
class Evidence:
    """One comparison as the rule sees it.

    gain: difference of the arms, turned so that more is better; by: what the claim says that it is at least; p: that it
    is ``by``, two-sided, Welch's, corrected (NaN where no test could be made); detectable: how far from ``by`` the true
    gain is that this test, uncorrected, finds in 80 of 100 repetitions; slope_p: that there is none, of the mixed model
    with slopes, which knows that subjects are the same (both NaN: not known); seeds: training runs of the arm that has
    fewer; source_dice (0…1): of the arm that has less, NaN where no network was tested on the source by itself;
    flattened: whether every training's validation curve had (None: not known); measured: whether the metric's unit is
    one on the target; unit: of gain, by and detectable.
    """

    gain: float
    p: float
    seeds: int
    source_dice: float
    flattened: bool | None
    by: float = 0.0
    detectable: float = math.nan
    slope_p: float = math.nan
    measured: bool = True
    unit: str = "points"


class Judgement(NamedTuple):
    """word: `SUPPORTED`, `NOT_SUPPORTED` or `UNTESTED`; why: in words."""

    word: str
    why: str


def judge(evidence: Evidence, conditions: Conditions) -> Judgement:
    """Untested while a condition is not met; then supported where the gain is significantly more than claimed (than
    none, where no size is), else not supported.

    An untested claim may hold or not: its networks were too few or too poor to tell. One that is not supported may
    hold too, if its gain is smaller than this study can find, unless the gain is significantly less than claimed or
    the arm significantly worse.
    """
    unmet = unmet_conditions(evidence, conditions)
    if unmet:
        return Judgement(UNTESTED, "; ".join(unmet))
    if evidence.p >= SIGNIFICANT:
        return Judgement(NOT_SUPPORTED, _not_found(evidence))
    less, more = "the arm is significantly worse", "the arm is significantly better"
    if evidence.by:
        size = f"the {evidence.by:g} {evidence.unit} of the claim"
        less, more = f"the gain is significantly less than {size}", f"the gain is significantly more than {size}"
    word, why = (NOT_SUPPORTED, less) if evidence.gain <= evidence.by else (SUPPORTED, more)
    return Judgement(word, f"{why} (p = {evidence.p:.3g} after Holm)")


def _not_found(evidence: Evidence) -> str:
    """What a test that finds nothing says, and what it would have found."""
    if evidence.by:
        return (
            f"Welch's test does not tell the gain from one of {evidence.by:g} {evidence.unit} (p = {evidence.p:.3f} "
            f"after Holm){_findable(evidence)}"
        )
    words = (
        f"not significant by Welch's test (p = {evidence.p:.3f} after Holm), which does not say that there is no gain"
    )
    words += _findable(evidence)
    if not math.isnan(evidence.slope_p):
        words += f"; the mixed model with slopes, uncorrected: p = {evidence.slope_p:.2g}"
    return words


def _findable(evidence: Evidence) -> str:
    """How large a true gain must be for the uncorrected test to find what is claimed; "" where that is not known."""
    if math.isnan(evidence.detectable):
        return ""
    least = f"{evidence.by + evidence.detectable:.1f} {evidence.unit}"
    if evidence.by > 0:
        return (
            f": uncorrected, this test shows {evidence.by:g} {evidence.unit} or more in 80 of 100 such studies if the "
            f"true gain is {least}"
        )
    return f": uncorrected, this test finds one of {least} in 80 of 100 such studies"


def unmet_conditions(evidence: Evidence, conditions: Conditions) -> list[str]:
    """Why the comparison cannot decide; empty where it can."""
    unmet = []
    if not evidence.measured:
        unmet.append("the target's millimetres are nominal, so what is told in them there is no measurement")
    if evidence.seeds < conditions.seeds:
        unmet.append(
            f"{evidence.seeds} training run{'s' * (evidence.seeds != 1)} an arm, {conditions.seeds} are needed"
        )
    if math.isnan(evidence.source_dice):
        unmet.append("the networks were not tested by themselves on their own source")
    elif evidence.source_dice < conditions.source_dice:
        unmet.append(
            f"Dice {evidence.source_dice:.3f} on the source's own test subjects, {conditions.source_dice:g} is needed"
        )
    if evidence.flattened is None:
        unmet.append("no validation curve shows whether training had converged")
    elif not evidence.flattened:
        unmet.append(
            f"a validation curve was still rising: more than {100 * FLAT:g} points in the last fifth of the training"
        )
    if math.isnan(evidence.p):
        unmet.append("too few subjects for a test")
    return unmet


def late_gain(curve: Sequence[tuple[int, float]], steps: int) -> float | None:
    """How much the best validation Dice (0…1) rose in the last fifth of the training; 0 where it did not.

    curve: (step, Dice) of each validation; steps: of the whole training. None where the curve has no value before
    or none within the last fifth. The best so far is compared, not the last value, so that one bad validation
    neither makes a gain nor hides one. A learning rate that falls to zero flattens every curve in the end: a flat one
    says that this schedule was used up, not that a longer one would add nothing.
    """
    before = [dice for step, dice in curve if step <= LATE * steps]
    late = [dice for step, dice in curve if step > LATE * steps]
    return max(0.0, max(late) - max(before)) if before and late else None


def flattened(gains: Sequence[float | None]) -> bool | None:
    """Whether all trainings gained half a point at most in their last fifth; None where one is not known to have."""
    known = [gain for gain in gains if gain is not None]
    if any(gain > FLAT for gain in known):
        return False
    return True if known and len(known) == len(gains) else None
