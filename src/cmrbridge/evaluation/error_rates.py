"""How often each test errs: scores of a model whose truth is known go through the study's own tests."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cmrbridge.evaluation.bootstrap import hierarchical_bootstrap
from cmrbridge.evaluation.equivalence import equivalence
from cmrbridge.evaluation.mixed import mixed_model, mixed_slope
from cmrbridge.evaluation.power import detectable
from cmrbridge.evaluation.statistics import hedges_g, hedges_interval, holm, paired_p, welch, wilcoxon_p
from cmrbridge.evaluation.variance import Components, Design, Error, Floats, standard_error

LEVEL = 0.05
COLUMNS = (
    "scenario", "subjects", "runs", "subject_sd", "slope_sd", "run_sd", "residual_sd", "difference", "replicates",
    "test", "own", "rejected", "covered",
)  # fmt: skip


@dataclass(frozen=True)
class Scenario:
    """Scores of two arms, in points. own: the tests whose stated null hypothesis this is.

    subjects; runs of each arm; standard deviations: subject, between subjects; slope, between subjects, of how much one
    gains; run, between training runs of one arm; residual. difference: the true one, arm − baseline. independent: the
    arms are tested on different subjects. skewed: a few subjects lose much, the others gain a little. missing: the
    share of (run, subject) pairs without a score. shared: the correlation of both arms' runs, where they use the same
    networks; 0: each trained its own.
    """

    name: str
    own: tuple[str, ...] = ()
    subjects: int = 45
    runs: int = 3
    subject: float = 5.0
    slope: float = 0.0
    run: float = 0.0
    residual: float = 1.4
    difference: float = 0.0
    independent: bool = False
    skewed: bool = False
    missing: float = 0.0
    shared: float = 0.0

    @property
    def error(self) -> Error:
        """What `mixed_slope` would give if it knew the variances."""
        run, slope, residual = self.run**2, self.slope**2, self.residual**2
        if self.shared:
            differences = Components(2 * (1 - self.shared) * run, slope, 2 * residual)
            return standard_error(differences, Design(self.subjects, (self.runs,)))
        return standard_error(Components(run, slope, residual), Design(self.subjects, (self.runs, self.runs)))


Outcome = dict[str, tuple[bool, bool | None]]  # test → rejected; true difference in the interval, None without interval


def draw(scenario: Scenario, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Arm and baseline, (run, subject) each, NaN where missing."""
    people = scenario.subject * generator.standard_normal((2, 1, scenario.subjects))
    if not scenario.independent:
        people[1] = people[0]
    gains = generator.standard_normal(scenario.subjects)
    if scenario.skewed:
        gains = 1 - generator.standard_exponential(scenario.subjects)
    people[0] += scenario.difference + scenario.slope * gains
    runs = scenario.run * generator.standard_normal((2, scenario.runs, 1))
    runs[1] = scenario.shared * runs[0] + math.sqrt(1 - scenario.shared**2) * runs[1]
    scores = people + runs + scenario.residual * generator.standard_normal((2, scenario.runs, scenario.subjects))
    scores[generator.random(scores.shape) < scenario.missing] = np.nan
    return scores[0], scores[1]


def outcomes(scenario: Scenario, arm: Floats, baseline: Floats, replicates: int) -> Outcome:
    """Every test's verdict on one drawn study. replicates: of the bootstrap.

    "no worse" and "equivalent" have the true difference as their margin: the border of their null hypotheses.
    """
    sides = (arm - baseline,) if scenario.shared else (arm, baseline)
    if scenario.missing:
        return {"mixed": _judge(*mixed_model(*sides)[-3:], scenario.difference)}
    ours, theirs = arm.mean(0), baseline.mean(0)
    slope, truth = mixed_slope(*sides), scenario.difference
    standardised = truth / math.sqrt(scenario.subject**2 + scenario.residual**2 / scenario.runs)
    g_low, g_high = hedges_interval(hedges_g(ours, theirs), len(ours), len(theirs))
    found: Outcome = {
        "welch": _judge(*welch(ours, theirs)[-3:], truth),
        "hedges": (not g_low <= 0 <= g_high, g_low <= standardised <= g_high),
        "paired": (paired_p(ours, theirs) < LEVEL, None),
        "wilcoxon": (wilcoxon_p(ours, theirs) < LEVEL, None),
        "mixed": _judge(*mixed_model(*sides)[-3:], truth),
        "mixed_slope": _judge(*slope[-3:], truth),
        "bootstrap": _judge(*hierarchical_bootstrap(*sides, replicates=replicates, seed=0), truth),
    }
    if truth:
        tested = equivalence(slope.difference, Error(slope.se, slope.df), abs(truth), truth < 0)
        found |= {"no_worse": (tested.no_worse_p < LEVEL, None), "equivalent": (tested.equivalence_p < LEVEL, None)}
    return found


def error_rates(scenario: Scenario, replicates: int, seed: int, bootstrap: int = 1000) -> pd.DataFrame:
    """`COLUMNS`, a row per test: of ``replicates`` drawn studies, the share in which it rejected its null hypothesis,
    and in which its 95 % interval held the true difference (NaN: no interval)."""
    generator = np.random.default_rng([seed, *scenario.name.encode()])
    studies = [outcomes(scenario, *draw(scenario, generator), bootstrap) for _ in range(replicates)]
    return pd.DataFrame(list(_rows(scenario, studies)), columns=list(COLUMNS))


def scenarios(typical: Scenario, steep: float) -> list[Scenario]:
    """Each test's own null hypothesis, and what the tests do elsewhere.

    typical: subjects, runs and standard deviations as studies have them; steep: a slope as large as they come.
    """
    both = replace(typical, name="runs and gains vary", own=("mixed_slope", "bootstrap"))
    steeper = replace(both, name="runs vary, gains vary much", slope=steep)
    groups = replace(typical, name="two groups of patients", own=("welch", "hedges"), run=0, slope=0, independent=True)
    same = replace(typical, name="the same networks, all gain alike", own=("mixed",), slope=0.0, shared=0.9)
    same_steeper = replace(same, name="the same networks, gains vary much", own=both.own, slope=steep)
    same_mde = replace(same_steeper, name="the same networks, as large as the mde", own=())
    margin = replace(steeper, name="worse by the margin", own=("no_worse", "equivalent"), difference=-5.0)
    return [
        groups,
        replace(groups, name="two groups, a true difference", difference=3.0),
        replace(typical, name="the trained networks alone", own=("paired", "wilcoxon"), run=0.0),
        replace(typical, name="runs vary, all gain alike", own=("mixed",), slope=0.0),
        replace(typical, name="runs vary, scores missing", own=("mixed",), slope=0.0, missing=0.05),
        replace(typical, name="runs alike, scores missing", own=("mixed",), run=0.0, slope=0.0, missing=0.05),
        both,
        steeper,
        replace(both, name="gains vary, 22 subjects", subjects=22),
        replace(steeper, name="gains vary much, 22 subjects", subjects=22),
        *(replace(steeper, name=f"gains vary much, {runs} runs", own=(), runs=runs) for runs in (2, 5, 10)),
        replace(steeper, name="gains vary much, skewed", own=(), skewed=True),
        replace(typical, name="nothing varies", own=(), run=0.0, slope=0.0),
        same,
        same_steeper,
        margin,
        replace(steeper, name="as large as the mde", own=(), difference=detectable(steeper.error)),
        replace(same_mde, difference=detectable(same_mde.error)),
    ]


def family_wise_rate(comparisons: int, scenario: Scenario, replicates: int, seed: int) -> float:
    """Share of studies in which Welch's test after Holm's correction rejects any of many true null hypotheses.

    One study: ``comparisons`` arms against one baseline, each on subjects of its own.
    """
    generator = np.random.default_rng([seed, *scenario.name.encode()])
    wrong = 0
    for _ in range(replicates):
        baseline = draw(scenario, generator)[1].mean(0)
        p = [welch(draw(scenario, generator)[0].mean(0), baseline).p for _ in range(comparisons)]
        wrong += min(p) < LEVEL and bool((holm(p) < LEVEL).any())
    return wrong / replicates


def _judge(p: float, low: float, high: float, truth: float) -> tuple[bool, bool]:
    return p < LEVEL, low <= truth <= high


def _rows(scenario: Scenario, studies: list[Outcome]) -> Iterator[tuple]:
    sizes = (scenario.subjects, scenario.runs, scenario.subject, scenario.slope, scenario.run, scenario.residual)
    for test in studies[0]:
        rejected, covered = zip(*(study[test] for study in studies))
        coverage = math.nan if covered[0] is None else float(np.mean(covered))
        about = (scenario.name, *sizes, scenario.difference, len(studies))
        yield (*about, test, test in scenario.own, float(np.mean(rejected)), coverage)
