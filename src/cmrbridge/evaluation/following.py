"""What a study allows one to say of a claim «the gain follows how good the generated pairs are»: one rule."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cmrbridge.evaluation.claims import NOT_SUPPORTED, SUPPORTED, UNTESTED, Judgement

STRONG = 0.5  # Cohen, Statistical Power Analysis for the Behavioral Sciences, 2nd ed. 1988, 3.2: a large correlation


@dataclass(frozen=True)
class Correlation:
    """Pearson's, of gain and quality along one generator's training, with its 95 % interval (−1…1), turned so that it
    is positive where better pairs gain more; NaN where ``hindrance`` says why there is none."""

    r: float = math.nan
    low: float = math.nan
    high: float = math.nan
    hindrance: str = ""


def judge_following(found: Correlation, unmet: Sequence[str]) -> Judgement:
    """Untested without a correlation, or while a condition is ``unmet`` (`claims.unmet_conditions` of the networks that
    it rests on); then supported where its whole interval is that of a strong one, `STRONG`, else not supported.

    The interval is over test subjects and training runs and keeps the generator: whatever the word, it is of this one.
    """
    if found.hindrance or unmet:
        return Judgement(UNTESTED, "; ".join([*([found.hindrance] if found.hindrance else []), *unmet]))
    if math.isnan(found.low):
        return Judgement(UNTESTED, "the correlation has no interval")
    if found.low > STRONG:
        return Judgement(SUPPORTED, f"the whole interval is above {STRONG:g}, of this generator")
    if found.high < STRONG:
        return Judgement(NOT_SUPPORTED, f"the whole interval is below the {STRONG:g} of a strong correlation")
    return Judgement(NOT_SUPPORTED, f"the interval reaches below the {STRONG:g} of a strong correlation")
