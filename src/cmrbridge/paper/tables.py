"""The tables of the paper in three dresses each, and the numbers that a text quotes."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pandas as pd

from cmrbridge.evaluation.frames import MEAN, SETTING, read_cases, summarise, write_frame
from cmrbridge.paper.clinical import clinical_agreement, clinical_table
from cmrbridge.paper.latex import longtable, macros
from cmrbridge.paper.numbers import as_json, numbers, quotations
from cmrbridge.paper.published import published_table, read_published
from cmrbridge.paper.style import DECIMALS, METRIC_NAMES, in_order, number, p_value

WHY_P_DIFFER = (
    "Welch's p takes the arms' subjects for different people; the paired p asks about other subjects for these "
    "networks, the mixed p about other trainings on these subjects, the mixed p with slopes about both. Arms that use "
    "the baseline's own networks (the csv tells which) are held against it network by network."
)
CAPTIONS = {
    "results": "Scores of every arm: mean ± standard deviation (SD) and median over n subjects, each of which is the "
    "mean over its phases and training runs. {study}",
    "comparisons": "Every arm against the one in column Against: difference of the means with Welch's 95 % "
    "confidence interval, n subjects of either arm, tests (Holm's correction is over all rows), Hedges' g, standard "
    "deviation (SD) between training runs, share of the gap to the oracle that the arm closes; ★ marks the primary "
    "endpoint. "
    f"{WHY_P_DIFFER} "
    "{study}",
    "claims": "What the study set out to judge: difference of the means over structures with Welch's 95 % confidence "
    "interval; Welch's p of the claim (that there is no gain, or that it is the size claimed), and after Holm's "
    "correction over these tests. What they allow one to say stands in the report. {study}",
    "clinical": "Agreement with the reference: bias (mean of prediction − reference) ± standard deviation (SD) and "
    "95 % limits of agreement (bias ± 1.96 SD) of one training run on one of n subjects, in the unit of the quantity "
    "(EF: percentage points); in column Reference its mean; in column Median that of the errors. {study}",
    "published": "What other works printed. Their data, splits, networks and definitions differ from ours: no row is a "
    "result of this study, and none may be read without its setting. Check the source before citing one.",
}


def write_tables(
    *,
    cases: Path,
    comparisons: Path,
    claims: Path,
    published: Path,
    oracles: Collection[str],
    nominal: Collection[str],
    folder: Path,
) -> None:
    """``folder``/{results,comparisons,claims,clinical,published}.{csv,tex,md} and numbers.{json,tex}.

    csv at full precision, the others rounded. published: table of other works' numbers with setting and source;
    oracles: arms that saw the targets' outlines; nominal: targets whose millimetres are no measurement.
    """
    folder.mkdir(parents=True, exist_ok=True)
    frame, compared = read_cases(cases), ordered(read_comparisons(comparisons))
    claimed = read_claims(claims)
    summary, clinical, others = ordered(summarise(frame)), ordered(clinical_agreement(frame)), read_published(published)
    for name, full, shown in (
        ("results", summary, results_table(summary)),
        ("comparisons", compared, comparisons_table(compared)),
        ("claims", claimed, claims_table(claimed)),
        ("clinical", clinical, clinical_table(clinical)),
        ("published", others, published_table(others)),
    ):
        _write(folder, name, full, shown, CAPTIONS[name].format(study=about(frame)))
    found = numbers(frame, summary, compared, claimed, clinical, oracles, nominal)
    (folder / "numbers.json").write_text(as_json(found), encoding="utf-8")
    (folder / "numbers.tex").write_text(macros(quotations(found)), encoding="utf-8")


def about(cases: pd.DataFrame) -> str:
    """The end of a caption: the study, n subjects per target, training runs per arm."""
    subjects = ", ".join(f"{target} {n}" for target, n in cases.groupby("target").subject.nunique().items())
    seeds = sorted(set(cases.groupby(["source", "architecture", "arm"]).seed.nunique()))
    runs = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"{seeds[0]}"
    return f"Study {', '.join(sorted(set(cases.study)))}; test subjects: {subjects}; training runs per arm: {runs}."


def read_comparisons(path: Path) -> pd.DataFrame:
    """The table of `compare_arms`; only an empty cell is a missing number, whatever an arm or a domain is called."""
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=dict.fromkeys([*SETTING, "baseline"], str))
    return frame.astype({"primary": bool})


def read_claims(path: Path) -> pd.DataFrame:
    """The table of `compare_claims`, read likewise."""
    claimed = read_comparisons(path)
    return claimed.assign(words=claimed.words.fillna(""))


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


def claims_table(claimed: pd.DataFrame) -> pd.DataFrame:
    """Rounded for reading, with who claims it."""
    shown = [
        {
            "Arm": row.arm,
            "Against": row.baseline,
            "By": f"{row.by:g}" if row.by else "",
            "n": f"{row.n_arm} / {row.n_baseline}",
            "Difference [95 % CI]": interval(row),
            "Welch p": p_value(row.p_by),
            "p (Holm)": p_value(row.p_holm),
            "Whose": row.words,
        }
        for row in claimed.itertuples()
    ]
    columns = list(shown[0]) if shown else ["Arm"]
    where = pd.DataFrame(_where(claimed)).drop(columns="Structure")
    return pd.concat([where, pd.DataFrame(shown, claimed.index, columns)], axis=1)


def interval(row: Any) -> str:
    """Difference and its interval, signed."""
    decimals = DECIMALS.get(row.metric, 2)
    if pd.isna(row.ci_low):
        return f"{row.difference:+.{decimals}f}"
    return f"{row.difference:+.{decimals}f} [{row.ci_low:+.{decimals}f}, {row.ci_high:+.{decimals}f}]"


def _where(frame: pd.DataFrame) -> dict[str, pd.Series]:
    several = frame.architecture.nunique() > 1
    return {
        "Source": frame.source,
        "Target": frame.target,
        **({"Architecture": frame.architecture} if several else {}),
        "Structure": frame.structure,
        "Metric": frame.metric.map(METRIC_NAMES),
    }


def _write(folder: Path, name: str, full: pd.DataFrame, shown: pd.DataFrame, caption: str) -> None:
    write_frame(folder / f"{name}.csv", full)
    (folder / f"{name}.tex").write_text(longtable(shown, caption, f"tab:{name}"), encoding="utf-8")
    (folder / f"{name}.md").write_text(markdown(shown, caption), encoding="utf-8")


def markdown(frame: pd.DataFrame, caption: str) -> str:
    """The caption and a pipe table."""
    return f"{caption}\n\n{pipe_table(frame)}"


def pipe_table(frame: pd.DataFrame) -> str:
    """Markdown's table of a frame."""
    lines = [list(frame.columns), ["---"] * frame.shape[1], *frame.astype(str).values.tolist()]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
