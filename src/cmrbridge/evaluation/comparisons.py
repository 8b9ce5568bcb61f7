"""Every arm against the baseline arm: the table behind each claim of the report."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from cmrbridge.errors import InputError
from cmrbridge.evaluation.contrasts import COLUMNS as OF_RUNS
from cmrbridge.evaluation.contrasts import by_run, contrast, sides_of
from cmrbridge.evaluation.frames import HIGHER_IS_BETTER, MEAN, per_subject, read_cases, write_frame
from cmrbridge.evaluation.statistics import hedges_g, hedges_interval, holm, paired_p, share_of_gap, welch, wilcoxon_p

GROUP = ["source", "target", "architecture", "structure", "metric"]
COLUMNS = (
    *GROUP,
    *("arm", "baseline", "n_arm", "n_baseline", "mean_arm", "mean_baseline", "difference", "ci_low", "ci_high"),
    *("t", "df", "p", "p_holm", "hedges_g", "hedges_low", "hedges_high", "paired_p", "wilcoxon_p"),
    *(*OF_RUNS, "seed_sd", "share_of_gap_closed", "primary"),
)
CEILING = "oracle"  # the arm at which the gap ends


@dataclass(frozen=True)
class ComparisonSettings:
    """baseline: the arm that every other is held against; metrics: tested, over the whole structure.

    reference: the plain arm at which the gap to the oracle starts.
    primary_*: the endpoint, fixed before the study ran: this metric's mean over structures, of this arm on this target
    (each arm, each target where it is "").
    trained_as: architecture → arm → the arm whose training it uses: arms that share the baseline's are compared with it
    network by network; arms that it leaves out trained apart.
    margins: metric → the smallest difference that matters, in its unit: what «no worse than» allows, and what needed
    subjects and runs are counted for. replicates, seed: of the bootstrap.
    """

    baseline: str
    reference: str = "real"
    metrics: Sequence[str] = ("dice", "hd95", "assd")
    primary_metric: str = "dice"
    primary_arm: str = ""
    primary_target: str = ""
    trained_as: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    margins: Mapping[str, float] = field(default_factory=dict)
    replicates: int = 4000
    seed: int = 0

    def same_networks(self, architecture: str, arm: str) -> bool:
        """Whether the arm differs from the baseline at test time alone."""
        uses = self.trained_as.get(architecture, {})
        return uses.get(arm, arm) == uses.get(self.baseline, self.baseline)


def compare_arms(*, settings: ComparisonSettings, cases: Path, comparisons: Path) -> None:
    """Each arm against the baseline per source × target × architecture × structure × metric: `COLUMNS`, a row each.

    Welch's and the paired tests take the subject (mean over phases and seeds) as their unit, the tests of `contrasts`
    the subject in each training run. ``p_holm`` corrects Welch's p over all rows of the table.
    """
    frame = read_cases(cases)
    arms = sorted(set(frame.arm))
    if settings.baseline not in arms:
        raise InputError(f"{cases}: has no arm {settings.baseline!r} to compare with, only {', '.join(arms)}; run it")
    write_frame(comparisons, comparison_table(frame, settings))


def comparison_table(cases: pd.DataFrame, settings: ComparisonSettings) -> pd.DataFrame:
    """The rows of `compare_arms` from a table of cases."""
    frame = cases[(cases.region == "whole") & cases.metric.isin(list(settings.metrics))]
    single = by_run(per_subject(frame, seeds=True), GROUP)
    rows = [
        dict(zip(GROUP, key, strict=True))
        | _compare(arm, settings, key[-1], by_arm)
        | _across_runs(single[key], arm, settings, dict(zip(GROUP, key, strict=True)))
        for key, by_arm, arm in _contrasts(per_subject(frame), settings.baseline)
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["p_holm"] = holm(table.p)
    table["primary"] = _primary(table, settings)
    return table


def _primary(table: pd.DataFrame, settings: ComparisonSettings) -> pd.Series:
    chosen = (table.structure == MEAN) & (table.metric == settings.primary_metric)
    for column, wanted in {"arm": settings.primary_arm, "target": settings.primary_target}.items():
        if wanted:
            chosen &= table[column] == wanted
    return chosen


def _contrasts(values: pd.DataFrame, baseline: str) -> Iterator[tuple[tuple, dict[str, pd.Series], str]]:
    """(group, arm → its values by subject, arm) for each arm that stands beside the baseline in a group."""
    for key, group in values.groupby(GROUP):
        by_arm = {arm: one.set_index("subject").value for arm, one in group.groupby("arm")}
        for arm in by_arm:
            if baseline in by_arm and arm != baseline:
                yield key, by_arm, arm


def _compare(arm: str, settings: ComparisonSettings, metric: str, by_arm: dict[str, pd.Series]) -> dict[str, object]:
    ours, theirs = by_arm[arm], by_arm[settings.baseline]
    both = ours.index.intersection(theirs.index)
    higher = metric in HIGHER_IS_BETTER
    floor, ceiling = (by_arm[end].mean() if end in by_arm else math.nan for end in (settings.reference, CEILING))
    return {
        **{"arm": arm, "baseline": settings.baseline, "n_arm": len(ours), "n_baseline": len(theirs)},
        **{"mean_arm": ours.mean(), "mean_baseline": theirs.mean(), "difference": ours.mean() - theirs.mean()},
        **welch(ours, theirs)._asdict(),
        **_effect_size(ours, theirs),
        "paired_p": paired_p(ours[both], theirs[both]),
        "wilcoxon_p": wilcoxon_p(ours[both], theirs[both]),
        "share_of_gap_closed": share_of_gap(ours.mean(), floor, ceiling, higher),
    }


def _effect_size(ours: pd.Series, theirs: pd.Series) -> dict[str, float]:
    g = hedges_g(ours, theirs)
    low, high = hedges_interval(g, len(ours), len(theirs))
    return {"hedges_g": g, "hedges_low": low, "hedges_high": high}


def _across_runs(
    by_arm: Mapping[str, pd.DataFrame], arm: str, settings: ComparisonSettings, where: Mapping[str, str]
) -> dict[str, float]:
    """by_arm: arm → a row per training run, a column per subject; where: `GROUP`. seed_sd: of the arm's runs; NaN for
    one run."""
    same = settings.same_networks(where["architecture"], arm)
    found = contrast(
        *sides_of(by_arm[arm], by_arm[settings.baseline], same),
        metric=where["metric"],
        margins=settings.margins,
        replicates=settings.replicates,
        seed=settings.seed,
    )
    return found | {"seed_sd": by_arm[arm].mean(axis=1).std()}
