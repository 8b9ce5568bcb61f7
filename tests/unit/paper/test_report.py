import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from cmrbridge.evaluation.comparisons import ComparisonSettings, compare_arms
from cmrbridge.paper.figures import draw_gap
from cmrbridge.paper.findings import overall, sentence
from cmrbridge.paper.report import write_report
from cmrbridge.paper.style import p_value
from cmrbridge.paper.tables import WHY_P_DIFFER, comparisons_table, read_comparisons, write_tables

AUDIT = {
    "verdict": "flagged",
    "reasons": ["3 copies"],
    "generated": {"n": 30, "copies": 3},
    "controls": {"n": 20, "caught": 1.0},
    "negatives": {"n": 50, "false_alarms": None},
    "membership": {"auc": 0.7, "auc_low": 0.6, "auc_high": 0.8},
    "rendering": None,
}


def write(study: Path, pictures: dict) -> str:
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
        study="demo",
        config_text="arms: {a: <script>alert(1)</script>}",
        reference="real",
        notes=["A computed phantom."],
        access={"real": "none", "oracle": "oracle"},
        cases=study / "cases.csv",
        comparisons=study / "comparisons.csv",
        figures=[{"path": study / "gap.png", "title": "Gap", "caption": "What it shows"}],
        records=sorted(study.glob("record-*.json")),
        duplicates=study / "duplicates.csv",
        validity=[validity],
        fidelity=[fidelity],
        audits=[audit],
        choices=[choice],
        shift=[],
        subjects=[one["subjects"] for one in pictures["targets"].values()],
        splits={"eclipse": study / "split.csv"},
        report=study / "report.html",
    )
    return (study / "report.html").read_text()


def test_report_is_one_file_with_the_answer_on_top(study: Path, pictures: dict) -> None:
    text = write(study, pictures)
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:)|https?://|@import|url\(""", text)
    assert "<script>" not in text
    compared = read_comparisons(study / "comparisons.csv")
    primary = next(compared[compared.primary].itertuples())
    assert sentence(primary, 2) in text.replace("&lt;", "<")
    assert text.index("primary endpoint</span>") < text.index("<h2>The gap</h2>")
    for expected in (
        "A computed phantom.",
        "3 min 21 s",
        "not declared",
        "abc1234",
        "aurora (its own domain)",
        "2.5 (2.1 to 3)",
        "<b>Flagged.</b> 3 copies",
        "taken for copies: unknown of 50",
        "no candidate helps",
    ):
        assert expected in text
    assert "<td>nan</td>" not in text
    HTMLParser().feed(text)


def test_report_of_one_arm_has_no_endpoint_and_says_so(study: Path, pictures: dict) -> None:
    cases = pd.read_csv(study / "cases.csv", dtype=str).query("arm == 'real'")
    cases.to_csv(study / "cases.csv", index=False)
    files = {"cases": study / "cases.csv", "comparisons": study / "comparisons.csv"}
    compare_arms(settings=ComparisonSettings("real"), **files)
    write_tables(**files, folder=study / "tables")
    assert "No comparison of this study" in write(study, pictures)


def test_nothing_significant_is_said_plainly(study: Path) -> None:
    compared = read_comparisons(study / "comparisons.csv").assign(p_holm=0.4, seed_sd=0.5)
    assert overall(compared).startswith("None of the study's 108 comparisons is significant")
    text = sentence(next(compared.itertuples()), 2)
    assert "not significant" in text
    assert "the seed alone may explain it" in text


def test_significance_has_a_direction(study: Path) -> None:
    row = read_comparisons(study / "comparisons.csv").iloc[0].to_dict()
    for metric, difference, word in [("dice", 0.1, "better"), ("hd95", 1.0, "worse"), ("assd", -1.0, "better")]:
        changed = {**row, "metric": metric, "difference": difference, "p_holm": 0.01}
        assert f"significantly {word}" in sentence(pd.Series(changed), 3)


@pytest.mark.parametrize("name", ["results", "comparisons"])
def test_tables_are_complete_in_every_dress(study: Path, name: str) -> None:
    folder = study / "tables"
    write_tables(cases=study / "cases.csv", comparisons=study / "comparisons.csv", folder=folder)
    full = pd.read_csv(folder / f"{name}.csv")
    markdown = (folder / f"{name}.md").read_text().splitlines()
    latex = (folder / f"{name}.tex").read_text()
    assert len(markdown) == len(full) + 2
    assert len({line.count("|") for line in markdown}) == 1
    assert all(rule in latex for rule in (r"\toprule", r"\midrule", r"\bottomrule"))


def test_the_tests_stand_side_by_side_with_the_reason_why_they_differ(study: Path, pictures: dict) -> None:
    compared = read_comparisons(study / "comparisons.csv")
    shown = comparisons_table(compared)
    tests = ["Welch p", "p (Holm)", "Paired p", "Mixed p", "Mixed p, slopes"]
    first = list(shown.columns).index("Welch p")
    assert list(shown.columns[first : first + 5]) == tests
    assert shown["Mixed p"].tolist() == [p_value(p) for p in compared.mixed_p]
    assert "<p>" + WHY_P_DIFFER in unescape(write(study, pictures))
    write_tables(cases=study / "cases.csv", comparisons=study / "comparisons.csv", folder=study / "tables")
    assert WHY_P_DIFFER in (study / "tables" / "comparisons.tex").read_text()


def test_one_training_run_leaves_a_dash_for_the_mixed_p(study: Path) -> None:
    cases = pd.read_csv(study / "cases.csv", dtype=str).query("seed == '0'")
    cases.to_csv(study / "cases.csv", index=False)
    compare_arms(
        settings=ComparisonSettings("classic"), cases=study / "cases.csv", comparisons=study / "comparisons.csv"
    )
    compared = read_comparisons(study / "comparisons.csv")
    assert set(comparisons_table(compared)["Mixed p"]) == {"–"}
    assert "mixed" not in sentence(next(compared.itertuples()), 1)


def test_numbers_are_the_tables_numbers(study: Path) -> None:
    write_tables(cases=study / "cases.csv", comparisons=study / "comparisons.csv", folder=study / "tables")
    numbers = json.loads((study / "tables" / "numbers.json").read_text())
    compared = read_comparisons(study / "comparisons.csv")
    assert numbers["comparisons"] == len(compared) == 108
    (primary,) = numbers["primary"]
    assert primary["difference"] == pytest.approx(compared[compared.primary].difference.item())
    assert numbers["subjects"] == {"aurora": 6, "dusk": 6, "eclipse": 6}
