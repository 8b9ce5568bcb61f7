"""Synthetic scores whose comparison is known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cmrbridge.errors import InputError
from cmrbridge.evaluation.comparisons import COLUMNS, ComparisonSettings, compare_arms
from cmrbridge.evaluation.frames import summarise
from scored import scores


def compare(folder: Path, frame: pd.DataFrame, **settings: object) -> pd.DataFrame:
    frame.to_csv(folder / "cases.csv", index=False)
    chosen = ComparisonSettings(**{"baseline": "classic", **settings})
    compare_arms(settings=chosen, cases=folder / "cases.csv", comparisons=folder / "comparisons.csv")
    return pd.read_csv(folder / "comparisons.csv")


def row(table: pd.DataFrame, arm: str, structure: str) -> pd.Series:
    return table[(table.arm == arm) & (table.structure == structure)].iloc[0]


def test_a_row_is_scipys_on_subject_means(tmp_path: Path) -> None:
    frame = scores()
    table = compare(tmp_path, frame)
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 3 * 3  # three arms, LV, RV and their mean
    ours = row(table, "synthetic", "mean")
    means = frame.groupby(["arm", "subject"]).value.mean()
    expected = stats.ttest_ind(means["synthetic"], means["classic"], equal_var=False)
    assert (ours.t, ours.df, ours.p) == pytest.approx((expected.statistic, expected.df, expected.pvalue))
    assert ours.paired_p == pytest.approx(stats.ttest_rel(means["synthetic"], means["classic"]).pvalue)
    assert (ours.n_arm, ours.n_baseline) == (6, 6)
    assert ours.difference == pytest.approx(means["synthetic"].mean() - means["classic"].mean())
    assert ours.ci_low < ours.difference < ours.ci_high
    assert ours.seed_sd == pytest.approx(0.01 / np.sqrt(2))


def test_share_of_gap_and_primary_rows(tmp_path: Path) -> None:
    frame = scores()
    table = compare(tmp_path, frame)
    means = frame.groupby("arm").value.mean()
    share = (means["synthetic"] - means["real"]) / (means["oracle"] - means["real"])
    assert row(table, "synthetic", "mean").share_of_gap_closed == pytest.approx(share)
    assert set(table[table.primary].structure) == {"mean"}
    one = compare(tmp_path, frame, primary_target="b", primary_arm="synthetic")
    assert one[one.primary].arm.tolist() == ["synthetic"]
    assert not compare(tmp_path, frame, primary_target="elsewhere").primary.any()


def test_without_an_oracle_the_share_is_empty(tmp_path: Path) -> None:
    frame = scores()
    table = compare(tmp_path, frame[frame.arm != "oracle"])
    assert table.share_of_gap_closed.isna().all()


def test_holm_is_over_all_rows(tmp_path: Path) -> None:
    table = compare(tmp_path, scores())
    smallest = table.loc[table.p.idxmin()]
    assert smallest.p_holm == pytest.approx(min(1, len(table) * smallest.p))


def test_a_row_holds_the_tests_of_single_runs(tmp_path: Path) -> None:
    frame = scores(seeds=3)
    ours = row(compare(tmp_path, frame, margins={"dice": 0.02}), "synthetic", "mean")
    runs = frame.groupby(["arm", "seed"]).value.mean()
    expected = stats.ttest_ind(runs["synthetic"], runs["classic"])
    interval = expected.confidence_interval(0.95)
    assert (ours.mixed_p, ours.mixed_low, ours.mixed_high) == pytest.approx((expected.pvalue, *interval))
    means = frame.groupby(["arm", "subject"]).value.mean()
    assert ours.wilcoxon_p == pytest.approx(stats.wilcoxon(means["synthetic"] - means["classic"]).pvalue)
    assert (ours.runs_arm, ours.runs_baseline, ours.n_complete, ours.margin) == (3, 3, 6, 0.02)
    for test in ("mixed", "mixed_slope", "bootstrap", "hedges"):
        middle = ours.hedges_g if test == "hedges" else ours.difference
        assert ours[f"{test}_low"] < middle < ours[f"{test}_high"]
    assert ours.no_worse_p < 0.05 < ours.equivalence_p
    assert ours.mde >= max(ours.mde_many_subjects, ours.mde_many_seeds) > 0


SHARED = {"unet2d": {"real": "real", "classic": "classic", "synthetic": "classic", "oracle": "oracle"}}


def test_arms_of_the_baselines_own_networks_are_paired_by_seed(tmp_path: Path) -> None:
    """The arm lacks seed 0 and the baseline seed 4: by position the wrong networks would meet."""
    frame = scores(seeds=5)
    frame["value"] += frame.seed.map({0: 0.1, 1: -0.1, 2: 0.05, 3: 0.2, 4: 0.0})
    frame = frame[~((frame.arm == "synthetic") & (frame.seed == 0)) & ~((frame.arm == "classic") & (frame.seed == 4))]
    frame["value"] += 0.001 * frame.seed**2 * (frame.arm == "synthetic")
    table = compare(tmp_path, frame, trained_as=SHARED)
    ours = row(table, "synthetic", "mean")
    runs = frame.groupby(["arm", "seed"]).value.mean()
    expected = stats.ttest_1samp((runs["synthetic"] - runs["classic"]).dropna(), 0)
    assert ours.mixed_p == pytest.approx(expected.pvalue, rel=1e-10)
    assert (ours.mixed_low, ours.mixed_high) == pytest.approx(tuple(expected.confidence_interval(0.95)), rel=1e-10)
    assert (ours.runs_arm, ours.runs_baseline, ours.n_complete) == (3, 3, 6)
    assert table[table.same_networks].arm.unique().tolist() == ["synthetic"]
    pd.testing.assert_series_equal(row(table, "oracle", "mean"), row(compare(tmp_path, frame), "oracle", "mean"))


def test_networks_without_a_common_seed_say_nothing_of_runs(tmp_path: Path) -> None:
    frame = scores(seeds=4)
    frame = frame[(frame.arm == "synthetic") == (frame.seed < 2)]
    ours = row(compare(tmp_path, frame, trained_as=SHARED), "synthetic", "mean")
    assert (ours.runs_arm, ours.runs_baseline) == (0, 0)
    assert ours[["mixed_p", "mixed_slope_p", "bootstrap_p", "mde"]].isna().all()


def test_one_run_per_arm_says_nothing_of_runs(tmp_path: Path) -> None:
    table = compare(tmp_path, scores(seeds=1), margins={"dice": 0.02})
    assert table[["mixed_p", "mixed_slope_p", "bootstrap_p", "no_worse_p", "mde", "needed_seeds"]].isna().all(axis=None)
    assert table[["p", "paired_p", "wilcoxon_p"]].notna().all(axis=None)


def test_a_score_that_one_run_lacks_costs_a_subject_in_the_complete_tests_only(tmp_path: Path) -> None:
    frame = scores()
    lost = (frame.arm == "synthetic") & (frame.seed == 1) & (frame.subject == "002")
    ours = row(compare(tmp_path, frame[~lost]), "synthetic", "mean")
    assert (ours.n_arm, ours.n_complete) == (6, 5)
    assert ours[["mixed_p", "mixed_slope_p", "bootstrap_p", "mde"]].notna().all()


def test_without_a_margin_no_worse_is_empty(tmp_path: Path) -> None:
    table = compare(tmp_path, scores(), margins={"hd95": 1.0})
    assert table[["margin", "no_worse_p", "equivalence_p", "needed_subjects", "needed_seeds"]].isna().all(axis=None)
    assert table.mde.notna().all()


def test_one_subject_and_one_seed_leave_p_empty(tmp_path: Path) -> None:
    table = compare(tmp_path, scores(subjects=1, seeds=1))
    assert table[["p", "p_holm", "ci_low", "hedges_g", "paired_p", "seed_sd"]].isna().all(axis=None)
    assert table.difference.notna().all()


def test_an_absent_baseline_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="mild"):
        compare(tmp_path, scores(), baseline="mild")


def test_summary_counts_subjects_not_rows() -> None:
    summary = summarise(scores()).set_index(["arm", "structure"])
    means = scores().query("arm == 'real' and structure == 'LV'").groupby("subject").value.mean()
    found = summary.loc[("real", "LV")]
    assert found.n == 6
    assert tuple(found[["mean", "sd", "median"]]) == pytest.approx((means.mean(), means.std(), means.median()))
    assert summary.loc[("real", "mean")]["mean"] == pytest.approx(means.mean() - 0.05)
