"""Every table in every dress, made anew byte for byte; the numbers of a text are the tables' numbers."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from cmrbridge.errors import InputError
from cmrbridge.evaluation.frames import read_cases, summarise
from cmrbridge.paper.clinical import clinical_agreement, clinical_table
from cmrbridge.paper.findings import QUOTED, sentence
from cmrbridge.paper.numbers import quotations
from cmrbridge.paper.published import read_published
from cmrbridge.paper.rounding import quoted
from cmrbridge.paper.tables import read_claims, read_comparisons, write_tables

PUBLISHED = Path(__file__).parents[3] / "resources" / "published.tsv"
NAMES = ("results", "comparisons", "claims", "clinical", "published")


@pytest.fixture
def tables(study: Path) -> Path:
    make(study)
    return study / "tables"


def make(study: Path) -> None:
    write_tables(
        cases=study / "cases.csv",
        comparisons=study / "comparisons.csv",
        claims=study / "claims.csv",
        published=PUBLISHED,
        oracles=["oracle"],
        nominal=[],
        folder=study / "tables",
    )


def function_rows() -> pd.DataFrame:
    """Two training runs on two subjects: EF 60 %, predicted with errors 0 and 2, 4 and 6; 140 g, ten too much."""
    keys = {"study": "s", "source": "a", "target": "b", "arm": "real", "architecture": "unet2d", "region": "whole"}
    rows = []
    for subject, errors in {"x": (0.0, 2.0), "y": (4.0, 6.0)}.items():
        for seed, error in enumerate(errors):
            where = keys | {"seed": seed, "subject": subject}
            ef = where | {"structure": "LV", "phase": "ED-ES"}
            rows += [
                ef | {"metric": "ef_percent", "value": 60 + error},
                ef | {"metric": "ef_error_points", "value": error},
            ]
            mass = where | {"structure": "MYO", "phase": "ED"}
            rows += [mass | {"metric": "mass_g", "value": 150.0}, mass | {"metric": "mass_error_g", "value": 10.0}]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("name", NAMES)
def test_a_table_is_complete_in_every_dress(tables: Path, name: str) -> None:
    full = pd.read_csv(tables / f"{name}.csv")
    caption, blank, *rows = (tables / f"{name}.md").read_text().splitlines()
    latex = (tables / f"{name}.tex").read_text()
    assert caption
    assert blank == ""
    assert len(rows) == len(full) + 2
    assert len({line.count("|") for line in rows}) == 1
    assert all(rule in latex for rule in (r"\toprule", r"\midrule", r"\bottomrule", rf"\label{{tab:{name}}}"))


def test_captions_say_on_how_many_subjects_and_trainings(tables: Path) -> None:
    for name in NAMES[:4]:
        for ending in ("tex", "md"):
            text = (tables / f"{name}.{ending}").read_text()
            assert "test subjects: aurora 6, dusk 6, eclipse 6; training runs per arm: 2." in text


def test_a_deleted_table_comes_back_byte_for_byte(study: Path, tables: Path) -> None:
    before = {path.name: path.read_bytes() for path in tables.iterdir()}
    assert len(before) == 3 * len(NAMES) + 2
    shutil.rmtree(tables)
    make(study)
    assert {path.name: path.read_bytes() for path in tables.iterdir()} == before


def test_a_domain_may_be_called_by_a_number(study: Path, tmp_path: Path) -> None:
    lines = (study / "comparisons.csv").read_text().splitlines()
    alone = [lines[0], *(line.replace(",dusk,", ",3,") for line in lines if ",dusk," in line)]
    (tmp_path / "comparisons.csv").write_text("\n".join(alone) + "\n")
    assert set(read_comparisons(tmp_path / "comparisons.csv").target) == {"3"}


def test_numbers_are_the_tables_numbers(study: Path, tables: Path) -> None:
    found = json.loads((tables / "numbers.json").read_text())
    compared = read_comparisons(study / "comparisons.csv")
    assert found["comparisons"] == len(compared) == 108
    assert found["significantly_better"] + found["significantly_worse"] == found["significant_after_holm"]
    (primary,) = found["primary"]
    assert primary["difference"] == pytest.approx(compared[compared.primary].difference.item())
    assert len(found["endpoint"]) == 3
    assert found["subjects"] == {"aurora": 6, "dusk": 6, "eclipse": 6}
    gap = next(gap for gap in found["gap"] if gap["arm"] == "real")
    assert gap["worst_target"] == "eclipse"
    assert gap["points"] == pytest.approx(100 * (gap["mean_home"] - gap["mean_worst"]))


def test_a_text_can_quote_each_claim_and_each_metrics_means(study: Path, tables: Path) -> None:
    found = json.loads((tables / "numbers.json").read_text())
    claimed, summary = read_claims(study / "claims.csv"), summarise(read_cases(study / "cases.csv"))
    texts = quotations(found)
    assert len(found["claims"]) == len(claimed) > 0
    for row in claimed.itertuples():
        where = ("claims", row.source, row.target, row.architecture, row.arm, row.metric, f"against {row.baseline}")
        assert texts[*where, "p_holm"] == quoted(row.p_holm, "p_holm", row.metric)
    (mean,) = summary.query(
        "arm == 'real' and target == 'dusk' and metric == 'hd95' and structure == 'mean' and region == 'whole'"
    )["mean"]
    assert texts["means", "aurora", "dusk", "unet2d", "real", "hd95", "mean"] == quoted(mean, "mean", "hd95")


def test_one_test_under_two_names_is_quoted_once_and_a_size_tells_tests_apart(study: Path) -> None:
    claimed = read_claims(study / "claims.csv").iloc[[0, 0, 0]].assign(words=["a", "b", "c"], by=[0.0, 0.0, 0.05])
    claimed.to_csv(study / "claims.csv", index=False)
    make(study)
    told = json.loads((study / "tables" / "numbers.json").read_text())["claims"]
    assert [record["claim"] for record in told] == ["against classic", "against classic by 0.05"]


def test_the_reports_sentence_quotes_the_macros(study: Path, tables: Path) -> None:
    row = next(row for row in read_comparisons(study / "comparisons.csv").itertuples() if row.primary)
    texts = quotations(json.loads((tables / "numbers.json").read_text()))
    where = ("endpoint", row.source, row.target, row.architecture, row.arm, row.structure, row.metric)
    for column in QUOTED:
        assert texts[*where, column] in sentence(row, 108, [])
    assert f"% {' / '.join(where)} / difference\n" in (tables / "numbers.tex").read_text()


@pytest.mark.parametrize(
    ("value", "column", "metric", "text"),
    [
        (0.0135, "difference", "dice", "+1.35"),
        (-0.4, "ci_low", "hd95", "-0.40"),
        (0.0123, "seed_sd", "dice", "1.23"),
        (0.8734, "mean_arm", "dice", "0.873"),
        (7.456, "median", "hd95", "7.46"),
        (0.0004, "p_holm", "dice", "< 0.001"),
        (0.05, "by", "dice", "5.00"),
        (0.0419, "paired_p", "hd95", "0.042"),
        (0.35, "share_of_gap_closed", "dice", "35"),
        (-3.14, "bias", "ef_percent", "-3.1"),
        (-0.04, "bias", "ef_percent", "+0.0"),
        (1.234, "hedges_g", "dice", "1.23"),
        (-0.0135, "mixed_slope_low", "dice", "-1.35"),
        (0.0123, "mde", "dice", "1.23"),
        (float("inf"), "needed_seeds", "dice", "inf"),
        (12, "n_arm", "dice", "12"),
        (None, "seed_sd", "dice", "–"),
        (float("nan"), "mde_many_seeds", "dice", "–"),
        (True, "same_networks", "dice", "yes"),
    ],
)
def test_a_number_is_rounded_as_its_kind_deserves(value: float, column: str, metric: str, text: str) -> None:
    assert quoted(value, column, metric) == text


def test_what_is_infinite_says_beyond_what(study: Path) -> None:
    """JSON has no infinity, and a dash would say that it could not be computed."""
    compared = pd.read_csv(study / "comparisons.csv")
    compared.assign(needed_seeds=float("inf"), mde=float("inf")).to_csv(study / "comparisons.csv", index=False)
    make(study)
    (row,) = json.loads((study / "tables" / "numbers.json").read_text())["primary"]
    assert (row["needed_seeds"], row["mde"]) == ("> 1024", "> 30 SE")
    macros = (study / "tables" / "numbers.tex").read_text().splitlines()
    assert any("> 1024" in line.replace(r"\ensuremath{>}", ">") for line in macros if line.endswith("/ needed_seeds"))


def test_two_records_that_one_name_would_stand_for_are_refused() -> None:
    record = {"source": "a", "target": "b", "mean": 1.0}
    with pytest.raises(ValueError, match="a / b / mean stands for two"):
        quotations({"dice": [record, record]})


def test_agreement_is_that_of_one_training_run() -> None:
    """Subjects' means 1 and 5 (variance 8), variance 2 between runs, which are off alike: one run has 8 + 2."""
    agreement = clinical_agreement(function_rows()).set_index("metric")
    ef, mass = agreement.loc["ef_percent"], agreement.loc["mass_g"]
    assert (ef.n, ef.reference, ef.bias, ef.sd, ef.median_error) == pytest.approx((2, 60, 3, 10**0.5, 3))
    assert (ef.low, ef.high) == pytest.approx((3 - 1.959964 * 10**0.5, 3 + 1.959964 * 10**0.5))
    assert (mass.reference, mass.bias, mass.sd) == (140, 10, 0)
    shown = clinical_table(agreement.reset_index()).set_index("Quantity")
    assert shown.loc["EF (%)", "Bias ± SD"] == "+3.0 ± 3.2"
    assert shown.loc["EF (%)", "95 % limits"] == "-3.2 to +9.2"


def test_scores_of_an_earlier_version_have_an_empty_clinical_table(tables: Path) -> None:
    """The study of the fixture knows Dice and distances alone."""
    assert (tables / "clinical.csv").read_text().count("\n") == 1
    assert "bias" in (tables / "clinical.csv").read_text()


def test_arms_with_hostile_names_stay_arms(study: Path) -> None:
    for name in ("cases.csv", "comparisons.csv"):
        path = study / name
        path.write_text(path.read_text().replace("synthetic", r"a_b & 50 % | \c{#}"))
    make(study)
    latex = (study / "tables" / "results.tex").read_text()
    assert r"a\_b \& 50 \% | \textbackslash{}c\{\#\}" in latex
    assert r"50 % \| \c{#}" in (study / "tables" / "results.md").read_text()


def test_published_numbers_need_setting_and_source(tmp_path: Path) -> None:
    whole = PUBLISHED.read_text()
    assert len(read_published(PUBLISHED)) == whole.count("\n") - 1
    path = tmp_path / "published.tsv"
    for broken, words in (
        (whole.replace("Cao 2026", ""), "line 20: has no source"),
        ("setting\tvalue\n", "not a table"),
    ):
        path.write_text(broken)
        with pytest.raises(InputError, match=words):
            read_published(path)


def test_published_numbers_never_stand_among_ours(tables: Path) -> None:
    settings = set(read_published(PUBLISHED).setting)
    for name in ("results.csv", "comparisons.csv", "clinical.csv", "numbers.json"):
        assert not [setting for setting in settings if setting in (tables / name).read_text()]
