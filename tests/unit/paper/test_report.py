import json
import re
from collections.abc import Sequence
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cmrbridge.evaluation.claimed import compare_claims
from cmrbridge.evaluation.comparisons import ComparisonSettings, compare_arms
from cmrbridge.paper.figures import draw_gap
from cmrbridge.paper.findings import counts, overall, sentence
from cmrbridge.paper.report import About, Files, write_report
from cmrbridge.paper.style import p_value
from cmrbridge.paper.tables import WHY_P_DIFFER, comparisons_table, read_comparisons, write_tables

PUBLISHED = Path(__file__).parents[3] / "resources" / "published.tsv"
ARMS = ("real", "classic", "synthetic", "oracle")
AUDIT = {
    "verdict": "flagged",
    "reasons": ["3 copies"],
    "generated": {"n": 30, "copies": 3},
    "controls": {"n": 20, "caught": 1.0},
    "negatives": {"n": 50, "false_alarms": None},
    "membership": {"auc": 0.7, "auc_low": 0.6, "auc_high": 0.8},
    "rendering": None,
}


def write(study: Path, pictures: dict, nominal: Sequence[str] = ()) -> str:
    train(study)
    draw_gap(cases=study / "cases.csv", png=study / "gap.png", pdf=study / "gap.pdf")
    validity = study / "validity.csv"
    validity.write_text("rule,samples,held_out,n_samples,n_held_out\nall,0.9,,50,0\n")
    fidelity = study / "fidelity.csv"
    fidelity.write_text(
        "what,measure,generated,generated_low,generated_high,reference,reference_low,reference_high,ratio,n\n"
        "images,frechet,2.5,2.1,3,1.25,1,1.5,2,85\nimages,kernel,2.5,2.1,3,0.1,-1,1.5,,85\n"
    )
    audit, choice = study / "audit.json", study / "choice.json"
    audit.write_text(json.dumps(AUDIT))
    choice.write_text(json.dumps({"why": "no candidate helps"}))
    write_report(
        about=About(
            study="demo",
            config_text="arms: {a: <script>alert(1)</script>}",
            reference="real",
            notes=["A computed phantom."],
            access={"real": "none", "oracle": "oracle"},
            arms={arm: {"training": "aurora", "does": f"what {arm} does", "at_test": ""} for arm in ARMS},
            augmentations={"mild": "rotation"},
            trained_as={"unet2d": {arm: arm for arm in ARMS}},
            scenarios={"scanners": "aurora"},
            roles={"dusk": ["target"], "eclipse": ["target"]},
            readers={"dusk": "phantom", "eclipse": "phantom"},
            nominal=nominal,
            conditions={"seeds": 3, "source_dice": 0.88},
            follows=[],
            facts={"size": 64, "spacing": 2.5, "split_seed": 0, "ensembles": "None"},
            figures=[{"path": study / "gap.png", "title": "Gap", "caption": "What it shows"}],
        ),
        files=Files(
            cases=study / "cases.csv",
            comparisons=study / "comparisons.csv",
            claims=study / "claims.csv",
            doses=None,
            correlations=None,
            trainings=sorted(study.glob("trained/*.json")),
            journals=sorted(study.glob("trained/*.jsonl")),
            records=sorted(study.glob("record-*.json")),
            duplicates=duplicates(study),
            validity=[validity],
            fidelity=[fidelity],
            audits=[audit],
            choices=[choice],
            shift=[],
            subjects=[described(path) for path in pictures["subjects"].values()],
            splits={name: all_tested(study, name) for name in pictures["subjects"]},
        ),
        report=study / "report.html",
        claim=study / "checklist.md",
    )
    return (study / "report.html").read_text()


def duplicates(study: Path) -> Path:
    columns = ("kept_dataset", "kept_subject", "kept_phase", "dropped_dataset", "dropped_subject", "dropped_phase")
    copies = [("a", "1", "ED", dataset, "patient001", phase) for dataset in ("b", "c") for phase in ("ED", "ES")]
    pd.DataFrame(copies, columns=columns).to_csv(study / "duplicates.csv", index=False)
    return study / "duplicates.csv"


def described(subjects: Path) -> Path:
    """The table of subjects with what a reader would say of each scan; each target is a data set of its own."""
    frame = pd.read_csv(subjects, dtype=str, keep_default_na=False)
    frame.assign(dataset=subjects.stem, centre="1", scanner="s", pathology="NOR").to_csv(subjects, index=False)
    return subjects


def all_tested(study: Path, target: str) -> Path:
    """A split in which every subject of the target is tested."""
    path = study / f"{target}-split.csv"
    names = [f"{target[0]}{index:02}" for index in range(6)]
    pd.DataFrame({"subject": names, "split": "test", "dataset": target}).to_csv(path, index=False)
    return path


def train(study: Path) -> None:
    """Record and journal of one training per arm and seed; only that of arm synthetic and seed 1 still rises."""
    (study / "trained").mkdir()
    for arm, seed in product(("real", "classic", "synthetic", "oracle"), range(2)):
        keys = {"scenario": "scanners", "arm": arm, "architecture": "unet2d", "seed": str(seed)}
        settings = {"loop": {"steps": 100}, "batch": 16}
        record = {"rule": "train_segmenter", "job": arm, "wildcards": keys, "params": {"settings": settings}}
        record |= {"device": "cpu", "precision": "float32", "wall_seconds": 60, "peak_memory_mb": 9, "sessions": 1}
        (study / "trained" / f"{arm}-{seed}.json").write_text(json.dumps(record))
        last = 0.95 if (arm, seed) == ("synthetic", 1) else 0.9
        lines = [{"step": 50, "total": 100, "loss": 0.5, "val_dice": 0.9}, {"step": 60, "total": 100, "loss": None}]
        lines.append({"step": 100, "total": 100, "loss": 0.1, "val_dice": last})
        (study / "trained" / f"{arm}-{seed}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_report_is_one_file_with_the_answer_on_top(study: Path, pictures: dict) -> None:
    text = write(study, pictures)
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:|#)|https?://|@import|url\(""", text)
    assert "<script>" not in text
    compared = read_comparisons(study / "comparisons.csv")
    primary = next(compared[compared.primary].itertuples())
    assert sentence(primary, 108, []) in text.replace("&lt;", "<")
    assert text.index("primary endpoint</span>") < text.index('<h2 id="gap">')
    for expected in (
        "A computed phantom.",
        "11 min 21 s",
        "scored 6 of 6 test subjects",
        "<b>untested</b>",
        "2 training runs an arm, 3 are needed; ",
        "a validation curve was still rising",
        "+5.0",
        "synthetic, unet2d, seed 1: 1",
        "of dusk and eclipse are simulated",
        "not declared",
        "<td>what synthetic does</td>",
        "Augmentation mild: rotation.",
        "abc1234",
        "aurora (own domain, n = 6)",
        "2.5 (2.1 to 3)",
        "<b>Flagged.</b> 3 copies",
        "taken for copies: unknown of 50",
        "caught: 100 % of 20",
        "<td>all of these</td><td>90 %</td><td>50</td><td>–</td><td>0</td>",
        "<td>Fréchet distance</td>",
        "synthetic with unet2d against classic on eclipse",
        "no candidate helps",
        "less 2 copies",  # two data sets may name a subject alike
        "what an arm may see of them: real none; ",
        "oracle oracle.",
    ):
        assert expected in re.sub(' data-head="[^"]*"', "", text)
    assert "<td>nan</td>" not in text
    HTMLParser().feed(text)


def test_report_of_one_arm_has_no_endpoint_and_says_so(study: Path, pictures: dict) -> None:
    cases = pd.read_csv(study / "cases.csv", dtype=str).query("arm == 'real'")
    cases.to_csv(study / "cases.csv", index=False)
    files = {"cases": study / "cases.csv", "comparisons": study / "comparisons.csv"}
    compare_arms(settings=ComparisonSettings("real"), **files)
    claims = {"claims": [], "claimed": study / "claims.csv"}
    compare_claims(settings=ComparisonSettings("real"), cases=study / "cases.csv", **claims)
    write_tables(
        **files, claims=study / "claims.csv", published=PUBLISHED, oracles=[], nominal=[], folder=study / "tables"
    )
    assert "No comparison of this study" in write(study, pictures)


def test_nothing_significant_is_said_plainly(study: Path) -> None:
    compared = read_comparisons(study / "comparisons.csv").assign(p_holm=0.4, mixed_p=0.5)
    assert overall(compared, ["oracle"], []) == (
        "Of the study's 48 comparisons with the baseline on targets, none is significant after Holm's "
        "correction over all 108: no difference there should be read as an effect. "
        "Of the 60 others (the oracle's and those on the source's own test subjects), none is."
    )
    text = sentence(next(compared.itertuples()), len(compared), [])
    assert "not significant" in text
    assert "Other training runs of the same arms may differ as much" in text
    assert "cannot tell" not in text


def test_neither_the_oracle_nor_the_source_counts_as_a_remedy(study: Path) -> None:
    compared = read_comparisons(study / "comparisons.csv")
    remedy = (compared.target != "aurora") & (compared.arm == "synthetic") & (compared.metric == "dice")
    compared = compared.assign(p_holm=0.4, difference=0.1)
    compared.loc[remedy | (compared.arm == "oracle") | (compared.target == "aurora"), "p_holm"] = 0.01
    assert counts(compared, ["oracle"], []) == {
        "comparisons": 108,
        "comparisons_in_nominal_mm": 0,
        "comparisons_on_targets": 48,
        "significant_after_holm": 8,
        "significantly_better": 8,
        "significantly_worse": 0,
        "significant_of_the_others": 60,
    }


def test_nominal_millimetres_count_for_nothing(study: Path) -> None:
    """Else the bold sentence would call a surface distance worse where nobody knows a millimetre."""
    compared = read_comparisons(study / "comparisons.csv")
    targets = sorted(set(compared.target) - {"aurora"})
    surface = compared.target.isin(targets) & (compared.metric != "dice")
    compared = compared.assign(p_holm=np.where(surface, 0.01, 0.4))
    found = counts(compared, ["oracle"], targets)
    assert (found["significant_after_holm"], found["comparisons_in_nominal_mm"]) == (0, int(surface.sum()))
    assert f"{surface.sum()} in or by millimetres that are nominal are not counted." in overall(
        compared, ["oracle"], targets
    )
    row = next(compared[surface].itertuples())
    assert sentence(row, 3, targets).endswith("In nominal millimetres: no measurement.")
    assert "no measurement" not in sentence(next(compared[~surface].itertuples()), 3, targets)
    assert overall(compared[surface], [], targets).startswith("The study has no comparison with the baseline on a ")


def test_significance_has_a_direction(study: Path) -> None:
    row = read_comparisons(study / "comparisons.csv").iloc[0].to_dict()
    for metric, difference, word in [("dice", 0.1, "better"), ("hd95", 1.0, "worse"), ("assd", -1.0, "better")]:
        changed = {**row, "metric": metric, "difference": difference, "p_holm": 0.01}
        assert f"significantly {word}" in sentence(pd.Series(changed), 3, [])


def test_the_tests_stand_side_by_side_with_the_reason_why_they_differ(study: Path, pictures: dict) -> None:
    compared = read_comparisons(study / "comparisons.csv")
    shown = comparisons_table(compared)
    tests = ["Welch p", "p (Holm)", "Paired p", "Mixed p", "Mixed p, slopes"]
    first = list(shown.columns).index("Welch p")
    assert list(shown.columns[first : first + 5]) == tests
    assert shown["Mixed p"].tolist() == [p_value(p) for p in compared.mixed_p]
    assert "<p>" + WHY_P_DIFFER in unescape(write(study, pictures))
    write_tables(
        cases=study / "cases.csv",
        comparisons=study / "comparisons.csv",
        claims=study / "claims.csv",
        published=PUBLISHED,
        oracles=["oracle"],
        nominal=[],
        folder=study / "tables",
    )
    assert WHY_P_DIFFER in (study / "tables" / "comparisons.tex").read_text()


def test_one_training_run_leaves_a_dash_for_the_mixed_p(study: Path) -> None:
    cases = pd.read_csv(study / "cases.csv", dtype=str).query("seed == '0'")
    cases.to_csv(study / "cases.csv", index=False)
    compare_arms(
        settings=ComparisonSettings("classic"), cases=study / "cases.csv", comparisons=study / "comparisons.csv"
    )
    compared = read_comparisons(study / "comparisons.csv")
    assert set(comparisons_table(compared)["Mixed p"]) == {"–"}
    assert "mixed" not in sentence(next(compared.itertuples()), 1, [])


@pytest.mark.parametrize(("nominal", "told"), [("eclipse", True), ("dusk", False)])
def test_an_endpoint_in_nominal_millimetres_is_called_no_measurement(
    study: Path, pictures: dict, nominal: str, told: bool
) -> None:
    settings = ComparisonSettings("classic", primary_metric="hd95", primary_arm="synthetic", primary_target="eclipse")
    compare_arms(
        settings=replace(settings, replicates=100), cases=study / "cases.csv", comparisons=study / "comparisons.csv"
    )
    assert ("The millimetres of eclipse are nominal" in write(study, pictures, nominal=[nominal])) == told
