"""What the comparisons say, in plain sentences."""

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from cmrbridge.evaluation.frames import HIGHER_IS_BETTER, MEAN, summarise
from cmrbridge.paper.rounding import quoted, unit
from cmrbridge.paper.style import METRIC_NAMES, in_order

SIGNIFICANT = 0.05
QUOTED = ("mean_arm", "mean_baseline", "difference", "ci_low", "ci_high", "p", "p_holm")


def endpoint(compared: pd.DataFrame) -> pd.DataFrame:
    """The primary rows first, then the other arms on the same source, target, architecture, structure and metric."""
    keys = ["source", "target", "architecture", "structure", "metric"]
    same = compared.merge(compared.loc[compared.primary, keys].drop_duplicates(), on=keys)
    rank = {arm: index for index, arm in enumerate(in_order(same.arm))}
    same = same.assign(rank=same.arm.map(rank)).sort_values([*keys, "rank"])
    return same.sort_values("primary", ascending=False, kind="stable").drop(columns="rank")


def sentence(row: Any, comparisons: int, nominal: Collection[str]) -> str:
    """One arm against the baseline: the numbers, the interval, the p and what they allow one to say.

    comparisons: rows of the table, over which Holm corrects; nominal: targets whose millimetres are no measurement.
    """
    say = {column: quoted(getattr(row, column), column, row.metric) for column in QUOTED}
    means = (
        f"{row.arm} with {row.architecture} reached a mean {METRIC_NAMES[row.metric].split(' (')[0]} "
        f"of {say['mean_arm']} on {row.target}, {row.baseline} {say['mean_baseline']}: {say['difference']} "
        f"{unit(row.metric)}"
    )
    if pd.isna(row.p):
        return f"{means}. With {row.n_arm} and {row.n_baseline} subjects no test can be made."
    says = verdict(row, comparisons) if is_measured(row, nominal) else "In nominal millimetres: no measurement."
    return (
        f"{means} (95 % interval {say['ci_low']} to {say['ci_high']}; Welch p {_equals(say['p'])}, after Holm "
        f"{_equals(say['p_holm'])}{_other_tests(row)}; {row.n_arm} subjects, each the mean over {_runs(row)}). "
        f"{says}"
    )


def _runs(row: Any) -> str:
    """Training runs of the arm, and of the baseline where it has another number of them."""
    beside = "" if row.runs_arm == row.runs_baseline else f" ({row.baseline}: {row.runs_baseline})"
    return f"{row.runs_arm} training {'run' if row.runs_arm == 1 else 'runs'}{beside}"


def _other_tests(row: Any) -> str:
    """The p that count the pairing and the training runs, where they are defined."""
    tests = {"paired p": row.paired_p, "mixed model p": row.mixed_p, "with slopes p": row.mixed_slope_p}
    said = {name: quoted(p, "p", row.metric) for name, p in tests.items() if pd.notna(p)}
    return "".join(f", {name} {_equals(p)}" for name, p in said.items())


def verdict(row: Any, comparisons: int) -> str:
    """Better, worse or neither, by the corrected p; what training runs alone may do; the share of the gap."""
    better = (row.difference > 0) == (row.metric in HIGHER_IS_BETTER)
    significant = row.p_holm < SIGNIFICANT
    parts = [f"After Holm's correction over {comparisons} comparisons that is not significant."]
    if significant:
        parts = [f"That is significantly {'better' if better else 'worse'}."]
    if row.mixed_p >= SIGNIFICANT:
        parts.append("Other training runs of the same arms may differ as much (mixed model).")
    if significant and better and row.share_of_gap_closed not in (0, 1) and pd.notna(row.share_of_gap_closed):
        share = quoted(row.share_of_gap_closed, "share_of_gap_closed", row.metric)
        parts.append(f"The arm closes {share} % of the gap between the plain arm and the oracle.")
    return " ".join(parts)


def is_measured(row: Any, nominal: Collection[str]) -> bool:
    """Whether the row's metric is a measurement on its target: of those that are compared, Dice alone needs no mm.

    nominal: targets whose millimetres are nominal.
    """
    return row.metric == "dice" or row.target not in nominal


def counts(compared: pd.DataFrame, oracles: Collection[str], nominal: Collection[str]) -> dict[str, int]:
    """How many comparisons there are, and how many in or by millimetres that are nominal, which count no further; how
    many are with the baseline on targets, without the oracles'; how many of these survive Holm's correction, which is
    over all, and which way they go; how many of the others survive it.

    oracles: the arms that saw the targets' outlines, ceilings and no remedies. At home there is no gap to remedy.
    """
    measured = np.array([is_measured(row, nominal) for row in compared.itertuples()], bool)
    away = measured & (compared.target != compared.source) & ~compared.arm.isin(list(oracles))
    kept = compared[away & (compared.p_holm < SIGNIFICANT)]
    better = int(((kept.difference > 0) == kept.metric.isin(HIGHER_IS_BETTER)).sum())
    return {
        "comparisons": len(compared),
        "comparisons_in_nominal_mm": int((~measured).sum()),
        "comparisons_on_targets": int(away.sum()),
        "significant_after_holm": len(kept),
        "significantly_better": better,
        "significantly_worse": len(kept) - better,
        "significant_of_the_others": int((measured & ~away & (compared.p_holm < SIGNIFICANT)).sum()),
    }


def overall(compared: pd.DataFrame, oracles: Collection[str], nominal: Collection[str]) -> str:
    """How many comparisons on targets survive the correction, and which way they go; then how many of the others; and
    how many are not counted."""
    found = counts(compared, oracles, nominal)
    left_out = found["comparisons_in_nominal_mm"]
    others = found["comparisons"] - found["comparisons_on_targets"] - left_out
    away = f"Of the study's {found['comparisons_on_targets']} comparisons with the baseline on targets"
    holm = f"significant after Holm's correction over all {found['comparisons']}"
    if found["comparisons_on_targets"] == 0:
        first = "The study has no comparison with the baseline on a target that can be judged."
    elif found["significant_after_holm"] == 0:
        first = f"{away}, none is {holm}: no difference there should be read as an effect."
    else:
        number, better = found["significant_after_holm"], found["significantly_better"]
        first = (
            f"{away}, {number} {'is' if number == 1 else 'are'} {holm}: {better} better than the baseline, "
            f"{found['significantly_worse']} worse."
        )
    if left_out:
        first += f" {left_out} in or by millimetres that are nominal are not counted."
    if not others:
        return first
    ceiling = "the oracle's and " if compared.arm.isin(list(oracles)).any() else ""
    number = found["significant_of_the_others"]
    so = {0: "none is", 1: "1 is"}.get(number, f"{number} are")
    return f"{first} Of the {others} others ({ceiling}those on the source's own test subjects), {so}."


def gaps(cases: pd.DataFrame) -> list[dict[str, Any]]:
    """Per source, architecture and arm: mean Dice at home and on the target where most is lost, over the structures and
    phases outlined on both, and the gap in points.

    cases: the table of scores. A target without outlines of the RV, say, would look better or worse than home for that
    alone. An arm that was not tested both at home and away has no gap.
    """
    whole = cases[(cases.region == "whole") & (cases.metric == "dice")]
    found = []
    for (source, architecture, arm), group in whole.groupby(["source", "architecture", "arm"]):
        home = group[group.target == source]
        lost = [_lost(home, away) for target, away in group.groupby("target") if target != source]
        if worst := max((one for one in lost if one), key=lambda one: one["points"], default=None):
            found.append({"source": source, "architecture": architecture, "arm": arm, **worst})
    return found


def _lost(home: pd.DataFrame, away: pd.DataFrame) -> dict[str, Any]:
    """One gap; empty where no structure of a phase is outlined on both."""
    outlined = [pd.MultiIndex.from_frame(rows[["phase", "structure"]]) for rows in (home, away)]
    shared = outlined[0].intersection(outlined[1])
    if shared.empty:
        return {}
    means = [
        float(dice_by_target(summarise(rows[index.isin(shared)]))["mean"].iloc[0])
        for rows, index in zip((home, away), outlined)
    ]
    phases = pd.Series(shared.get_level_values(1), shared.get_level_values(0))
    over = "; ".join(f"{phase} {', '.join(sorted(set(names)))}" for phase, names in phases.groupby(level=0))
    return {
        **{"worst_target": away.target.iloc[0], "over": over},
        **{"mean_home": means[0], "mean_worst": means[1], "points": 100 * (means[0] - means[1])},
    }


def gap_sentences(cases: pd.DataFrame, reference: str) -> list[str]:
    """Per source: the plain arm at home and on the target where it loses most. cases: the table of scores."""
    sentences = []
    for gap in gaps(cases[cases.arm == reference]):
        say = {column: quoted(gap[column], column, "dice") for column in ("mean_home", "mean_worst", "points")}
        sentences.append(
            f"Trained on {gap['source']} alone ({reference}, {gap['architecture']}), the segmenter reaches a mean "
            f"Dice of {say['mean_home']} on {gap['source']}'s own test subjects and {say['mean_worst']} on "
            f"{gap['worst_target']}, over what is outlined on both ({gap['over']}): a gap of {say['points']} points."
        )
    return sentences


def seeds_per_arm(cases: pd.DataFrame) -> dict[str, int]:
    """Training runs per arm of one source and architecture, the fewest where they differ."""
    counts = cases.groupby(["source", "architecture", "arm"]).seed.nunique()
    return {str(arm): int(count) for arm, count in counts.groupby("arm").min().items()}


def dice_by_target(summary: pd.DataFrame) -> pd.DataFrame:
    """Rows of `summarise` that hold the mean Dice over whole structures."""
    return summary[(summary.metric == "dice") & (summary.structure == MEAN) & (summary.region == "whole")]


def _equals(p: str) -> str:
    return p if p.startswith("<") else f"= {p}"
