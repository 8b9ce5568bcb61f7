"""What a study allows one to say of a claim «the gain follows how good the generated pairs are»: one rule."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from cmrbridge.evaluation.claims import NOT_SUPPORTED, SUPPORTED, UNTESTED, Judgement

ALPHA = 0.05
STRONG = 0.5  # Cohen, Statistical Power Analysis for the Behavioral Sciences, 2nd ed. 1988, 3.2: a large correlation


@dataclass(frozen=True)
class Correlation:
    """Pearson's, of gain and quality along one generator's training, with its 95 % interval (−1…1), turned so that it
    is positive where better pairs gain more; NaN where ``hindrance`` says why there is none. points: the moments that
    it is of."""

    r: float = math.nan
    low: float = math.nan
    high: float = math.nan
    points: int = 0
    hindrance: str = ""

    @property
    def chance(self) -> float:
        """How often as many points of two unrelated normal variables correlate as much in either direction: Student's t
        of a correlation; 1 without degrees of freedom. Of four points, r of .5 in 50 of 100."""
        if self.points < 3 or math.isnan(self.r):
            return 1.0
        if abs(self.r) >= 1:
            return 0.0
        t = abs(self.r) * math.sqrt((self.points - 2) / (1 - self.r**2))
        return float(2 * stats.t.sf(t, self.points - 2))


def judge_following(found: Correlation, unmet: Sequence[str]) -> Judgement:
    """Untested without a correlation, or while a condition is ``unmet`` (`claims.unmet_conditions` of the networks that
    it rests on); then supported where its whole interval is that of a strong one, `STRONG`, and points without any
    relation would come out like these in fewer than 5 of 100 cases; else not supported.

    The interval is over test subjects and training runs and keeps the moments: it says how firm the order of these few
    is, which unrelated ones have too, so `Correlation.chance` is asked beside it. Whatever the word, it is of this one
    generator.
    """
    if found.hindrance or unmet:
        return Judgement(UNTESTED, "; ".join([*([found.hindrance] if found.hindrance else []), *unmet]))
    if math.isnan(found.low):
        return Judgement(UNTESTED, "the correlation has no interval")
    if found.low > STRONG and found.chance < ALPHA:
        of = f"of {found.points} moments of this generator"
        return Judgement(SUPPORTED, f"the whole interval is above {STRONG:g}, {of}")
    if found.low > STRONG:
        often = f"{found.points} unrelated moments come out so in {100 * found.chance:.0f} of 100 cases"
        return Judgement(NOT_SUPPORTED, f"the whole interval is above {STRONG:g}, but {often}")
    if found.high < STRONG:
        return Judgement(NOT_SUPPORTED, f"the whole interval is below the {STRONG:g} of a strong correlation")
    return Judgement(NOT_SUPPORTED, f"the interval reaches below the {STRONG:g} of a strong correlation")
