"""The page of the papers' studies, from the bundles of scores under docs/results/data (`cmrbridge scores`).

A bundle's folder is named STUDY_PLACE; `compare_bundles` makes its comparisons.csv.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from study_files import DATA, ROOT, adapting, arms_of, comparisons_of, read_place, read_yaml
from study_words import CLAIMS, CORRELATIONS, INTRODUCTION, MEANS, WHERE

from cmrbridge.evaluation.claimed import TEST, Claim, compare_claims
from cmrbridge.evaluation.claims import Conditions
from cmrbridge.evaluation.comparisons import ComparisonSettings, compare_arms
from cmrbridge.evaluation.frames import HIGHER_IS_BETTER, MEAN, summarise
from cmrbridge.paper.findings import endpoint
from cmrbridge.paper.followings import judge_followings
from cmrbridge.paper.records import duration, listed
from cmrbridge.paper.scores import Bundle, read_bundle
from cmrbridge.paper.study import read_both_doses
from cmrbridge.paper.style import METRIC_NAMES, number, p_value
from cmrbridge.paper.tables import comparisons_table, ordered, pipe_table, read_claims, read_comparisons
from cmrbridge.paper.verdicts import Network, Networks, give_verdicts
from cmrbridge.plan.claims import confounded
from cmrbridge.plan.grid import networks_used

PAGE = ROOT / "docs" / "results" / "studies.md"


@dataclass(frozen=True)
class Gathered:
    """One bundle. name: STUDY_PLACE; settings: the study's comparisons."""

    name: str
    bundle: Bundle
    compared: pd.DataFrame
    claimed: pd.DataFrame
    nominal: Sequence[str]
    conditions: Conditions

    @property
    def study(self) -> str:
        return self.name.split("_", 1)[0]

    @property
    def place(self) -> str:
        return self.name.split("_", 1)[1]


def settings_of(name: str) -> ComparisonSettings:
    """Of the bundle STUDY_PLACE."""
    told = comparisons_of(*name.split("_", 1))
    runs = pd.read_csv(DATA / name / "runs.csv", dtype=str, keep_default_na=False)
    asked = {key: value for key, value in told.items() if key not in ("verdict", "claims", "follows")}
    return ComparisonSettings(**asked, trained_as=networks_used(runs))


def compare_bundles() -> None:
    """comparisons.csv and claims.csv of every bundle."""
    for folder in bundles():
        settings, cases = settings_of(folder.name), folder / "cases.csv.xz"
        claims = [Claim(**claim) for claim in comparisons_of(*folder.name.split("_", 1))["claims"]]
        compare_arms(settings=settings, cases=cases, comparisons=folder / "comparisons.csv")
        compare_claims(settings=settings, claims=claims, cases=cases, claimed=folder / "claims.csv")


def bundles() -> list[Path]:
    return sorted(path.parent for path in DATA.glob("*/runs.csv"))


def page() -> str:
    """The whole page, as Markdown."""
    gathered = [gather(folder) for folder in bundles()]
    return "\n".join([INTRODUCTION, *glances(gathered), *map(section, gathered)])


def glances(gathered: Sequence[Gathered]) -> list[str]:
    """Per place, what each remedy of each study added to its baseline: Dice, mean over structures, primary target."""
    parts = []
    for place in dict.fromkeys(one.place for one in gathered):
        rows = pd.concat([_glance(one) for one in gathered if one.place == place])
        target = read_place(place)["primary_target"]
        table = rows.sort_values(["Architecture", "by"], ascending=False, kind="stable").drop(columns="by")
        parts += [
            f"## At a glance: {WHERE[place]}\n",
            f"Dice on {target}, every arm against its own study's baseline, by network, the largest gain first.",
            "Runs: trainings of the arm and of the baseline.",
            "Interval and p are those of the mixed model with slopes, not corrected for there being so many; none is a",
            "verdict. Rows that agree in every digit are one method in two studies: on patients the very same",
            "trainings, counted in both; on the phantom trained twice, which on processors of one kind gives the same",
            "network.",
            f"{MEANS[place]}\n",
            pipe_table(table),
        ]
    return parts


def _glance(of: Gathered) -> pd.DataFrame:
    target = comparisons_of(of.study, of.place)["primary_target"]
    rows = of.compared[
        (of.compared.metric == "dice") & (of.compared.structure == MEAN) & (of.compared.target == target)
    ]
    return pd.DataFrame(
        {
            "Arm": rows.arm,
            "Architecture": rows.architecture,
            "Study": CLAIMS[of.study][0],
            "Runs": [f"{row.runs_arm} / {row.runs_baseline}" for row in rows.itertuples()],
            "Baseline": rows.mean_baseline.map("{:.3f}".format),
            "Dice": rows.mean_arm.map("{:.3f}".format),
            "Difference [95 % CI]": [
                f"{row.difference:+.3f} [{row.mixed_slope_low:+.3f}, {row.mixed_slope_high:+.3f}]"
                for row in rows.itertuples()
            ],
            "Mixed p, slopes": rows.mixed_slope_p.map(p_value),
            "by": rows.difference,
        }
    )


def gather(folder: Path) -> Gathered:
    """A bundle's tables with what its study and its place say of them."""
    study, place = folder.name.split("_", 1)
    compared = ordered(read_comparisons(folder / "comparisons.csv"))
    verdict: Mapping[str, Any] = comparisons_of(study, place).get("verdict", {})
    told = read_place(place)
    nominal = [
        name for name, domain in told["domains"].items() if told["datasets"][domain["dataset"]].get("nominal_mm")
    ]
    return Gathered(
        name=folder.name,
        bundle=read_bundle(folder),
        compared=compared,
        claimed=read_claims(folder / "claims.csv"),
        nominal=nominal,
        conditions=Conditions(**verdict),
    )


def section(of: Gathered) -> str:
    """One study at one place: what it was, its scores, its comparisons, its verdicts."""
    who, what = CLAIMS[of.study]
    cases, runs, _ = of.bundle
    shown = dict.fromkeys(["dice", *of.compared[of.compared.primary].metric])
    return "\n".join(
        [
            f"## {who}, on {WHERE[of.place]}\n",
            " ".join(
                [what, *confounded({"arms": arms_of(of.study), "comparisons": comparisons_of(of.study, of.place)})]
            )
            + "\n",
            f"Gathered so far: {setting(runs)} Scores: [data/{of.name}](data/{of.name}/runs.csv)."
            f"{beside(of)}{missing(of)}\n",
            *(means_table(summarise(cases), metric) for metric in shown),
            *against(of, endpoint(of.compared)),
        ]
    )


def beside(of: Gathered) -> str:
    """Links to the study's other tables: DATA/STUDY_PLACE_WHAT.csv or .json."""
    paths = sorted(path for path in DATA.glob(f"{of.name}_*") if path.is_file())
    links = [f"[{path.stem.removeprefix(f'{of.name}_').replace('_', ' ')}](data/{path.name})" for path in paths]
    return f" Beside them: {', '.join(links)}." if links else ""


def missing(of: Gathered) -> str:
    """Which arms of the study as it is now have no scores here: later ones, and those that the place cannot feed."""
    asked = read_yaml(ROOT / "studies" / f"{of.study}.yaml")["run"]["arms"]
    absent = [f"`{arm}`" for arm in asked if arm not in set(of.bundle.runs.arm)]
    return f" No scores here of {', '.join(absent)}." if absent else ""


def against(of: Gathered, rows: pd.DataFrame) -> list[str]:
    """The endpoint's comparisons and verdicts; a sentence while the declared arm has no scores."""
    if rows.empty:
        return ["The declared comparison is not gathered yet: no claim to judge.\n"]
    one = rows.iloc[0]
    structure = "mean over structures" if one.structure == MEAN else one.structure
    better = "higher is better" if one.metric in HIGHER_IS_BETTER else "lower is better"
    correlated = CORRELATIONS if comparisons_of(of.study, of.place).get("follows") else ""
    return [
        f"Against `{one.baseline}` in {METRIC_NAMES[one.metric]}, {structure} ({better}; ★ the declared comparison);",
        "Holm corrects over all",
        f"{len(of.compared)} rows of [comparisons.csv](data/{of.name}/comparisons.csv):\n",
        pipe_table(comparisons_table(rows).drop(columns=["Structure", "Metric", "Against"])),
        f"What the study set out to judge; Holm corrects over these {(~of.claimed.duplicated(TEST)).sum()} tests of",
        f"[claims.csv](data/{of.name}/claims.csv), and the interval is Welch's.{correlated}\n",
        pipe_table(pd.DataFrame(verdicts(of))),
    ]


def means_table(summary: pd.DataFrame, metric: str) -> str:
    """Architecture and arm by target: mean ± SD over the test subjects of the mean over structures."""
    rows = ordered(summary[(summary.structure == MEAN) & (summary.region == "whole") & (summary.metric == metric)])
    cells = rows.assign(cell=[f"{number(m, metric)} ± {number(sd, metric)}" for m, sd in zip(rows["mean"], rows.sd)])
    order = rows[["architecture", "arm"]].drop_duplicates()
    wide = cells.pivot(index=["architecture", "arm"], columns="target", values="cell").loc[
        list(order.itertuples(index=False, name=None))
    ]
    subjects = rows.groupby("target").n.agg(lambda n: " to ".join(map(str, sorted({n.min(), n.max()}))))
    wide.columns = pd.Index([f"{target} (n = {subjects[target]})" for target in wide.columns])
    caption = f"{METRIC_NAMES[metric]}, mean ± SD over test subjects, each the mean over its training runs:"
    return f"{caption}\n\n{pipe_table(wide.fillna('–').reset_index())}"


def setting(runs: pd.DataFrame) -> str:
    """How many networks, trained with how many seeds, where and for how long; arms that share one count it once."""
    trained = runs.drop_duplicates(["source", "trained_as", "architecture", "seed"])
    seeds = trained.groupby(["source", "architecture", "trained_as"]).seed.nunique()
    number = f"{seeds.min()}" if seeds.min() == seeds.max() else f"{seeds.min()} to {seeds.max()}"
    return (
        f"{len(trained)} trainings, {number} an arm and architecture, on {listed(runs.device)} "
        f"({duration(float(trained.wall_seconds.sum()))} of wall time; commits {listed(runs.commit.str[:7])})."
    )


def verdicts(of: Gathered) -> list[dict[str, str]]:
    """Rows of the table of claims: of the declared ones, and of those that the gain follows the quality."""
    cases, networks = of.bundle.cases, networks_of(of)
    found = give_verdicts(of.claimed, cases, networks, of.nominal, of.conditions)
    if asked := comparisons_of(of.study, of.place).get("follows"):
        paths = [DATA / f"{of.name}_{table}.csv" for table in ("doses", "doses_correlations")]
        found += judge_followings(asked, read_both_doses(*paths), cases, networks, of.nominal, of.conditions)
    return [
        {
            "Claim": one["claim"],
            "Whose": one["words"],
            "Difference [95 % CI]": one["difference"],
            "Verdict": f"**{one['word']}**",
            "Why": one["why"],
        }
        for one in found
    ]


def networks_of(of: Gathered) -> Networks:
    """What is behind every run, by the bundle's own record."""
    adapted = adapting(of.study)
    return {
        (run.source, run.architecture, run.arm, run.seed): Network(
            run.trained_as, run.trained_as not in adapted, None if pd.isna(run.late_gain) else run.late_gain
        )
        for run in of.bundle.runs.itertuples()
    }
