"""An arm's gain over its source's baseline, with replicates of a bootstrap over test subjects and training runs."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtri

from cmrbridge.evaluation.statistics import SPREAD
from cmrbridge.evaluation.variance import Error, Floats, components, design_of, gain_variance, standard_error

RUNS = ["source", "architecture", "arm"]


class Gain(NamedTuple):
    """value: the arm's mean over the subjects that it shares with the baseline; gain: over the baseline, in the
    metric's unit, positive where the arm is better; low, high: its 95 % interval; replicates: (repeat,) gains."""

    n_subjects: int
    n_seeds: int
    value: float
    gain: float
    low: float
    high: float
    replicates: Floats


class Gains:
    """Gains of arms over one baseline arm, paired by subject after the mean over training runs (seeds).

    Each replicate draws test subjects anew, within their target, and training runs anew, within their arm, the
    baseline's too: both are samples, and with the subjects alone a difference of chance between runs would look firm.
    Subjects are drawn once for all arms and sources, a source's baseline runs once for all its arms: gains of one
    replicate are as dependent as the gains themselves. Of n, n − 1 are drawn (McCarthy & Snowden 1985), so that runs,
    of which there are 2 or 3, and subjects have their right parts in it. As in `hierarchical_bootstrap` the replicates
    give the shape alone: the width is that of `gain_error`, and each is divided by √(χ²/df), of one χ² quantile for
    all gains. From one run no spread between runs can be known: the interval is then that of the subjects alone.
    """

    def __init__(self, scores: pd.DataFrame, baseline: str, higher_is_better: bool, repeats: int, seed: int) -> None:
        """scores: one value per source, architecture, arm, seed, target and subject."""
        table = scores.pivot(index=[*RUNS, "seed"], columns=["target", "subject"], values="value").sort_index()
        generator = np.random.default_rng(seed)
        self.targets = table.columns.get_level_values("target").to_numpy(str)
        self.weights = np.zeros((repeats, len(self.targets)))
        for target in np.unique(self.targets):
            inside = np.flatnonzero(self.targets == target)
            self.weights[:, inside] = len(inside) * _mean_weights(len(inside), repeats, generator)
        self.values = {key: group.to_numpy(float) for key, group in table.groupby(level=RUNS)}
        self.runs = {key: _mean_weights(len(group), repeats, generator) for key, group in self.values.items()}
        self.tails = generator.random(repeats)
        self.baseline, self.sign = baseline, 1 if higher_is_better else -1

    def targets_of(self, source: str, architecture: str, arm: str) -> list[str]:
        """Domains where every run of the arm and of its baseline scored one subject at least; [] without such runs."""
        keys = [(source, architecture, name) for name in (arm, self.baseline)]
        if not all(key in self.values for key in keys):
            return []
        return sorted(set(self.targets[np.logical_and.reduce([_complete(self.values[key]) for key in keys])].tolist()))

    def measure(self, source: str, architecture: str, arm: str, targets: Sequence[str]) -> Gain:
        """Over the subjects of ``targets`` together, each of which weighs the same."""
        ours, theirs = ((source, architecture, name) for name in (arm, self.baseline))
        both = _complete(self.values[ours]) & _complete(self.values[theirs]) & np.isin(self.targets, targets)
        of_arm, of_baseline = (self.values[key][:, both] for key in (ours, theirs))
        weights = self.weights[:, both]
        differences = self.runs[ours] @ of_arm - self.runs[theirs] @ of_baseline
        with np.errstate(invalid="ignore"):
            drawn = (weights * differences).sum(1) / weights.sum(1)
        gain = float((of_arm.mean(0) - of_baseline.mean(0)).mean())
        error = gain_error(of_arm, of_baseline, self.targets[both])
        replicates = self.sign * (gain + self._widened(drawn - gain, error))
        low, high = np.nanpercentile(replicates, (2.5, 97.5)) if error.se >= 0 else (np.nan, np.nan)
        return Gain(
            n_subjects=int(both.sum()),
            n_seeds=len(of_arm),
            value=float(of_arm.mean()),
            gain=self.sign * gain,
            low=float(low),
            high=float(high),
            replicates=replicates,
        )

    def _widened(self, deviations: Floats, error: Error) -> Floats:
        """(repeat,) deviations from the gain, with the spread ``error`` and Student's tails; as they are where it is
        not known, 0 where nothing spreads."""
        if np.isnan(error.se):
            return deviations
        spread = float(np.nanstd(deviations))
        if min(spread, error.se) < SPREAD:
            return np.zeros_like(deviations)
        return deviations * error.se / spread * np.sqrt(error.df / chdtri(error.df, self.tails))


def gain_error(arm: Floats, baseline: Floats, targets: NDArray[np.str_]) -> Error:
    """Standard error of the mean gain over new runs and new subjects of the same targets; NaN where no target has two.

    arm, baseline: complete arrays (run, subject); targets: (subject,). `mixed_slope`'s of one target; of more, spreads
    between subjects are pooled within targets: what targets gain differently is no chance of who was tested.
    """
    design = design_of(arm, baseline, targets=targets)
    if design.subject_df < 1:
        return Error(np.nan, np.nan)
    if design.run_df < 1:
        return Error(float(np.sqrt(gain_variance(arm, baseline, targets=targets) / design.subjects)), design.subject_df)
    return standard_error(components(arm, baseline, targets=targets), design)


def _complete(values: Floats) -> NDArray[np.bool_]:
    """(seed, subject) → (subject,): whether every run has a score."""
    return np.asarray(~np.isnan(values).any(0))


def _mean_weights(count: int, repeats: int, generator: np.random.Generator) -> Floats:
    """(repeat, count): each row the weights, of sum 1, of the mean over count − 1 drawn with replacement."""
    drawn = max(1, count - 1)
    return generator.multinomial(drawn, np.full(count, 1 / count), size=repeats) / drawn
