"""The page of the papers' studies is the one that its committed score tables give."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import studies
from scipy import stats
from statsmodels.stats.multitest import multipletests

from cmrbridge.evaluation.comparisons import GROUP
from cmrbridge.evaluation.doses import ALL_TARGETS, read_doses
from cmrbridge.evaluation.frames import COLUMNS, summarise
from cmrbridge.paper.scores import RUN_COLUMNS

FOLDERS = studies.bundles()


def test_the_committed_page_is_made_from_the_committed_tables() -> None:
    assert FOLDERS, "no study has left its scores"
    assert studies.PAGE.read_text(encoding="utf-8") == studies.page()


def test_every_arm_stands_once_at_a_glance_by_what_its_subjects_gained() -> None:
    gathered = [studies.gather(folder) for folder in FOLDERS if folder.name.endswith("_phantom")]
    page = "\n".join(studies.glances(gathered))
    rows = [line for line in page.splitlines() if line.startswith("| ")][2:]
    expected = {(of.study, row.arm, row.architecture) for of in gathered for row in of.compared.itertuples()}
    assert len(rows) == len(expected)
    cases = next(of.bundle[0] for of in gathered if of.study == "wong2025").query("target == 'eclipse'")
    means = by_subject(cases)["aurora", "eclipse", "unet2d", "mean", "dice"].groupby("arm").mean()
    gain = means["da"] - means["classic"]
    assert any(line.startswith("| da | unet2d | Wong") and f"{gain:+.3f} [" in line for line in rows)


def by_subject(cases: pd.DataFrame) -> pd.Series:
    """The mean over phases and seeds per `GROUP`, arm and subject, means over structures among them."""
    whole = cases[cases.region == "whole"]
    keys = ["source", "target", "architecture", "metric", "arm", "subject"]
    over = whole.groupby([*keys, "seed", "phase"], as_index=False).value.mean().assign(structure="mean")
    return pd.concat([whole, over]).groupby([*GROUP, "arm", "subject"]).value.mean()


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda path: path.name)
def of(request: pytest.FixtureRequest) -> studies.Gathered:
    return studies.gather(request.param)


@pytest.mark.filterwarnings("ignore:Precision loss")  # arms that score alike in everybody
def test_every_comparison_is_what_its_scores_give(of: studies.Gathered) -> None:
    """No number on the page is older than the scores, or typed by hand; what counts runs is tested where it is made."""
    groups = by_subject(of.bundle.cases).groupby([*GROUP, "arm"])
    scores = {key: values.droplevel([*GROUP, "arm"]) for key, values in groups}
    for row in of.compared.itertuples():
        where = tuple(getattr(row, key) for key in GROUP)
        ours, theirs = scores[(*where, row.arm)], scores[(*where, row.baseline)]
        welch, both = stats.ttest_ind(ours, theirs, equal_var=False), ours.index.intersection(theirs.index)
        expected = {
            **{"n_arm": len(ours), "n_baseline": len(theirs), "mean_arm": ours.mean(), "mean_baseline": theirs.mean()},
            **{"difference": ours.mean() - theirs.mean(), "p": welch.pvalue, "t": welch.statistic, "df": welch.df},
            **dict(zip(("ci_low", "ci_high"), welch.confidence_interval())),
            "paired_p": stats.ttest_rel(ours[both], theirs[both]).pvalue,
        }
        found = [getattr(row, name) for name in expected]
        np.testing.assert_allclose(found, list(expected.values()), rtol=1e-9, atol=1e-12, err_msg=f"{where} {row.arm}")
    tested = of.compared.p.notna()
    np.testing.assert_allclose(of.compared.p_holm[tested], multipletests(of.compared.p[tested], method="holm")[1])


def test_every_dose_is_what_the_committed_scores_give(of: studies.Gathered) -> None:
    """The tables of doses lie beside the bundles: they are not of other networks."""
    path = studies.DATA / f"{of.name}_doses.csv"
    if not path.exists():
        assert not studies.comparisons_of(of.study, of.place).get("follows"), (
            "run its measure_doses and copy the tables"
        )
        return
    cases = of.bundle.cases
    for row in read_doses(path).itertuples():
        own = cases[(cases.source == row.source) & (cases.architecture == row.architecture) & (cases.arm == row.arm)]
        tested = own[own.target != row.source] if row.target == ALL_TARGETS else own[own.target == row.target]
        value = by_subject(tested[tested.metric == row.metric]).xs("mean", level="structure").mean()
        assert (row.n_seeds, row.value) == (tested.seed.nunique(), pytest.approx(value, abs=2e-6)), row.arm


def test_every_arm_is_compared_and_the_endpoint_is_the_declared_one(of: studies.Gathered) -> None:
    settings, scores = studies.settings_of(of.name), by_subject(of.bundle.cases).reset_index()
    tested = scores[scores.metric.isin(list(settings.metrics)) & (scores.arm != settings.baseline)]
    assert set(map(tuple, tested[[*GROUP, "arm"]].values)) == set(map(tuple, of.compared[[*GROUP, "arm"]].values))
    declared = {"structure": "mean", "metric": settings.primary_metric, "arm": settings.primary_arm,
                "target": settings.primary_target}  # fmt: skip
    asked = pd.Series(True, of.compared.index)
    for column, wanted in declared.items():
        asked &= (of.compared[column] == wanted) | (wanted == "")
    assert (of.compared.primary == asked).all()


def test_test_time_remedies_are_compared_on_the_baselines_own_networks() -> None:
    settings = studies.settings_of("wong2025_phantom")
    shared = {"real": False, "dg": False, "da": True, "da_ensemble": True}
    assert {arm: settings.same_networks("unet2d", arm) for arm in shared} == shared


RUN = {"source": "aurora", "architecture": "unet2d", "late_gain": 0.0, "device": "cpu", "machine": "m",
       "precision": "float32", "wall_seconds": 60.0, "recipe": "r"}  # fmt: skip


def scores_of(subjects: dict[str, int]) -> pd.DataFrame:
    """Scores on eclipse of arm → number of subjects."""
    keys = {"study": "s", "source": "aurora", "target": "eclipse", "architecture": "unet2d", "seed": 0, "phase": "ED",
            "structure": "LV", "region": "whole", "metric": "dice"}  # fmt: skip
    rows = [{**keys, "arm": arm, "subject": f"s{k}", "value": k / 10} for arm, n in subjects.items() for k in range(n)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def runs_of(trained_as: dict[str, str], seeds: int = 1, commit: str | None = None) -> pd.DataFrame:
    """Runs of arm → the arm whose network it uses."""
    rows = [{**RUN, "arm": arm, "trained_as": of, "seed": seed, "commit": commit} for arm, of in trained_as.items()
            for seed in range(seeds)]  # fmt: skip
    return pd.DataFrame(rows, columns=list(RUN_COLUMNS))


@pytest.mark.parametrize("arms", [["classic"], ["classic", "real"]])
def test_a_study_half_gathered_and_made_without_git_has_its_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arms: list[str]
) -> None:
    """The declared comparison, dann against classic, is not among them."""
    folder = tmp_path / "capstone2024_phantom"
    folder.mkdir()
    scores_of(dict.fromkeys(arms, 4)).to_csv(folder / "cases.csv.xz", index=False)
    runs_of({arm: arm for arm in arms}).to_csv(folder / "runs.csv", index=False)
    monkeypatch.setattr(studies, "DATA", tmp_path)
    studies.compare_bundles()
    page = studies.page()
    assert "commits –)" in page
    assert "| unet2d | classic |" in page
    assert "The declared comparison is not gathered yet" in page
    absent = ["real", "mild", "dann", "multi_centre", "oracle"]
    assert f"No scores here of {', '.join(f'`{arm}`' for arm in absent if arm not in arms)}." in page


def test_a_column_of_unequal_numbers_of_subjects_says_so() -> None:
    unequal, equal = (summarise(scores_of({"real": 5, "mild": n})) for n in (3, 5))
    assert "| eclipse (n = 3 to 5) |" in studies.means_table(unequal, "dice")
    assert "| eclipse (n = 5) |" in studies.means_table(equal, "dice")


def test_a_network_counts_once_whichever_arms_use_it() -> None:
    runs = runs_of({"da": "classic", "da_ensemble": "classic", "real": "real"}, seeds=2, commit="0123456789")
    assert studies.setting(runs).startswith("4 trainings, 2 an arm and architecture, on cpu (4 min 0 s")
