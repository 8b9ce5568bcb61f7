"""What the comparisons say, in plain sentences."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from cmrbridge.evaluation.frames import HIGHER_IS_BETTER, MEAN
from cmrbridge.paper.style import METRIC_NAMES, in_order, number, p_value
from cmrbridge.paper.tables import SIGNIFICANT


def endpoint(compared: pd.DataFrame) -> pd.DataFrame:
    """The primary rows first, then the other arms on the same source, target, architecture, structure and metric."""
    keys = ["source", "target", "architecture", "structure", "metric"]
    same = compared.merge(compared.loc[compared.primary, keys].drop_duplicates(), on=keys)
    rank = {arm: index for index, arm in enumerate(in_order(same.arm))}
    same = same.assign(rank=same.arm.map(rank)).sort_values([*keys, "rank"])
    return same.sort_values("primary", ascending=False, kind="stable").drop(columns="rank")


def sentence(row: Any, seeds: int) -> str:
    """One arm against the baseline: the numbers, the interval, the p and what they allow one to say."""
    scale, unit = (100, "points") if row.metric in HIGHER_IS_BETTER else (1, "mm")
    means = (
        f"{row.arm} reached a mean {METRIC_NAMES[row.metric].split(' (')[0]} of {number(row.mean_arm, row.metric)} on "
        f"{row.target}, {row.baseline} {number(row.mean_baseline, row.metric)}: {scale * row.difference:+.2f} {unit}"
    )
    if pd.isna(row.p):
        return f"{means}. With {row.n_arm} and {row.n_baseline} subjects no test can be made."
    return (
        f"{means} (95 % interval {scale * row.ci_low:+.2f} to {scale * row.ci_high:+.2f}; Welch p {_equals(row.p)}, "
        f"after Holm {_equals(row.p_holm)}{_other_tests(row)}; {row.n_arm} subjects, each the mean over {seeds} "
        f"training {'run' if seeds == 1 else 'runs'}). {verdict(row)}"
    )


def _other_tests(row: Any) -> str:
    """The p that count the pairing and the training runs, where they are defined."""
    tests = {"paired p": row.paired_p, "mixed model p": row.mixed_p, "with slopes p": row.mixed_slope_p}
    return "".join(f", {name} {_equals(p)}" for name, p in tests.items() if pd.notna(p))


def verdict(row: Any) -> str:
    """Better, worse or not told apart, by the corrected p; the spread of training runs; the share of the gap."""
    better = (row.difference > 0) == (row.metric in HIGHER_IS_BETTER)
    parts = ["That is not significant: this study cannot tell the two apart."]
    if row.p_holm < SIGNIFICANT:
        parts = [f"That is significantly {'better' if better else 'worse'}."]
    if pd.notna(row.seed_sd) and abs(row.difference) < 2 * row.seed_sd:
        parts.append("It is less than twice the spread between training runs, so the seed alone may explain it.")
    if row.share_of_gap_closed not in (0, 1) and pd.notna(row.share_of_gap_closed):
        share = f"{100 * row.share_of_gap_closed:.0f} %"
        parts.append(f"The arm closes {share} of the gap between the plain arm and the oracle.")
    return " ".join(parts)


def overall(compared: pd.DataFrame) -> str:
    """How many of all comparisons survive the correction, and which way they go."""
    kept = compared[compared.p_holm < SIGNIFICANT]
    if kept.empty:
        return (
            f"None of the study's {len(compared)} comparisons is significant after Holm's correction. "
            "No difference below should be read as an effect."
        )
    signs = kept.metric.map(lambda metric: 1 if metric in HIGHER_IS_BETTER else -1)
    better = int((kept.difference * signs > 0).sum())
    return (
        f"{len(kept)} of the study's {len(compared)} comparisons are significant after Holm's correction: "
        f"{better} better than the baseline, {len(kept) - better} worse."
    )


def gap_sentences(dice: pd.DataFrame, reference: str) -> list[str]:
    """Per source: the plain arm at home and on the target where it does worst. dice: rows of `summarise`, mean Dice."""
    sentences = []
    for (source, architecture), group in dice[dice.arm == reference].groupby(["source", "architecture"]):
        means: Mapping[str, float] = group.set_index("target")["mean"].to_dict()
        away = {target: mean for target, mean in means.items() if target != source}
        if source in means and away:
            worst = min(away, key=lambda target: away[target])
            sentences.append(
                f"Trained on {source} alone ({reference}, {architecture}), the segmenter reaches a mean Dice of "
                f"{means[source]:.3f} on {source}'s own test subjects and {away[worst]:.3f} on {worst}: a gap of "
                f"{100 * (means[source] - away[worst]):.1f} points."
            )
    return sentences


def seeds_per_arm(cases: pd.DataFrame) -> dict[str, int]:
    """Training runs per arm of one source and architecture, the fewest where they differ."""
    counts = cases.groupby(["source", "architecture", "arm"]).seed.nunique()
    return {str(arm): int(count) for arm, count in counts.groupby("arm").min().items()}


def dice_by_target(summary: pd.DataFrame) -> pd.DataFrame:
    """Rows of `summarise` that hold the mean Dice over whole structures."""
    return summary[(summary.metric == "dice") & (summary.structure == MEAN) & (summary.region == "whole")]


def _equals(p: float) -> str:
    text = p_value(p)
    return text if text.startswith("<") else f"= {text}"
