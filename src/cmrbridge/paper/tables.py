"""The two tables of the paper in three dresses each, and the few numbers that a text quotes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from cmrbridge.evaluation.frames import MEAN, read_cases, summarise, write_frame
from cmrbridge.paper.style import DECIMALS, METRIC_NAMES, in_order, number, p_value

SIGNIFICANT = 0.05
WHY_P_DIFFER = (
    "Welch's p takes the arms' subjects for different people; the paired p asks about other subjects for these "
    "networks, the mixed p about other trainings on these subjects, the mixed p with slopes about both."
)


def write_tables(*, cases: Path, comparisons: Path, folder: Path) -> None:
    """``folder``/{results,comparisons}.{csv,tex,md} and numbers.json; csv at full precision, the others rounded."""
    folder.mkdir(parents=True, exist_ok=True)
    frame, compared = read_cases(cases), read_comparisons(comparisons)
    summary = ordered(summarise(frame))
    _write(folder, "results", summary, results_table(summary))
    _write(folder, "comparisons", ordered(compared), comparisons_table(ordered(compared)), WHY_P_DIFFER)
    text = json.dumps(numbers(frame, summary, compared), indent=2, ensure_ascii=False)
    (folder / "numbers.json").write_text(text + "\n", encoding="utf-8")


def read_comparisons(path: Path) -> pd.DataFrame:
    """The table of `compare_arms`; only an empty cell is a missing number, whatever an arm is called."""
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""])
    return frame.astype({"primary": bool})


def ordered(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows as a reader wants them: arms in the order of the figures, the mean before the single structures."""
    rank: dict[str, Callable[[pd.Series], pd.Series]] = {
        "arm": lambda arms: arms.map({arm: index for index, arm in enumerate(in_order(arms))}),
        "structure": lambda names: names.where(names != MEAN, ""),
        "metric": lambda names: names.map({name: index for index, name in enumerate(METRIC_NAMES)}),
    }
    keys = [
        "source",
        "target",
        "architecture",
        "structure",
        *(["region"] if "region" in frame else []),
        "metric",
        "arm",
    ]
    return frame.sort_values(keys, key=lambda column: rank.get(str(column.name), lambda same: same)(column))


def results_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Rounded for reading: whole structures only; mean ± SD over subjects, and the median."""
    whole = summary[summary.region == "whole"]
    return pd.DataFrame(
        {
            **_where(whole),
            "Arm": whole.arm,
            "n": whole.n,
            "Mean ± SD": [
                f"{number(mean, metric)} ± {number(sd, metric)}"
                for mean, sd, metric in zip(whole["mean"], whole.sd, whole.metric)
            ],
            "Median": [number(*pair) for pair in zip(whole["median"], whole.metric)],
        }
    )


def comparisons_table(compared: pd.DataFrame) -> pd.DataFrame:
    """Rounded for reading; ★ marks the primary endpoint. What it leaves out stands in the csv."""
    rows = compared.itertuples()
    shown = [
        {
            "Arm": f"{row.arm} ★" if row.primary else row.arm,
            "Against": row.baseline,
            "n": f"{row.n_arm} / {row.n_baseline}",
            "Difference [95 % CI]": interval(row),
            "Welch p": p_value(row.p),
            "p (Holm)": p_value(row.p_holm),
            "Paired p": p_value(row.paired_p),
            "Mixed p": p_value(row.mixed_p),
            "Mixed p, slopes": p_value(row.mixed_slope_p),
            "Hedges g": number(row.hedges_g, "hd95"),
            "SD of seeds": number(row.seed_sd, row.metric),
            "Share of gap": "–" if pd.isna(row.share_of_gap_closed) else f"{100 * row.share_of_gap_closed:.0f} %",
        }
        for row in rows
    ]
    columns = list(shown[0]) if shown else ["Arm"]
    return pd.concat([pd.DataFrame(_where(compared)), pd.DataFrame(shown, compared.index, columns)], axis=1)


def interval(row: Any) -> str:
    """Difference and its interval, signed."""
    decimals = DECIMALS.get(row.metric, 2)
    if pd.isna(row.ci_low):
        return f"{row.difference:+.{decimals}f}"
    return f"{row.difference:+.{decimals}f} [{row.ci_low:+.{decimals}f}, {row.ci_high:+.{decimals}f}]"


def numbers(cases: pd.DataFrame, summary: pd.DataFrame, compared: pd.DataFrame) -> dict[str, Any]:
    """What a sentence quotes: the primary endpoint, mean Dice per source, target and arm, and the counts."""
    primary = compared[compared.primary]
    dice = summary[(summary.structure == MEAN) & (summary.metric == "dice") & (summary.region == "whole")]
    keys = ["source", "target", "architecture", "arm", "n", "mean", "sd", "median"]
    return {
        "studies": sorted(set(cases.study)),
        "subjects": {target: int(count) for target, count in cases.groupby("target").subject.nunique().items()},
        "seeds": {arm: int(count) for arm, count in cases.groupby("arm").seed.nunique().items()},
        "comparisons": len(compared),
        "significant_after_holm": int((compared.p_holm < SIGNIFICANT).sum()),
        "primary": json.loads(primary.drop(columns="primary").to_json(orient="records")),
        "dice": json.loads(dice[keys].round(6).to_json(orient="records")),
    }


def _where(frame: pd.DataFrame) -> dict[str, pd.Series]:
    several = frame.architecture.nunique() > 1
    return {
        "Source": frame.source,
        "Target": frame.target,
        **({"Architecture": frame.architecture} if several else {}),
        "Structure": frame.structure,
        "Metric": frame.metric.map(METRIC_NAMES),
    }


def _write(folder: Path, name: str, full: pd.DataFrame, shown: pd.DataFrame, caption: str | None = None) -> None:
    write_frame(folder / f"{name}.csv", full)
    (folder / f"{name}.tex").write_text(latex(shown, caption), encoding="utf-8")
    (folder / f"{name}.md").write_text(markdown(shown), encoding="utf-8")


def latex(frame: pd.DataFrame, caption: str | None = None) -> str:
    """A booktabs tabular; it may run over pages (longtable)."""
    symbols = {"±": r"$\pm$", "★": r"$\star$", "–": "--", "<": "$<$"}
    text = frame.to_latex(index=False, escape=True, longtable=True, caption=caption)
    for symbol, command in symbols.items():
        text = text.replace(symbol, command)
    return text


def markdown(frame: pd.DataFrame) -> str:
    """A pipe table."""
    lines = [list(frame.columns), ["---"] * frame.shape[1], *frame.astype(str).values.tolist()]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
