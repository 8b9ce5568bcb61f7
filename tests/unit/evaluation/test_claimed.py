"""A claim is a comparison of its own two arms, corrected over the claims alone."""

from pathlib import Path

import pandas as pd
import pytest

from cmrbridge.evaluation.claimed import COLUMNS, Claim, compare_claims
from cmrbridge.evaluation.comparisons import ComparisonSettings, compare_arms
from cmrbridge.evaluation.statistics import holm
from scored import scores

SETTINGS = ComparisonSettings("classic", primary_arm="synthetic", primary_target="b", replicates=100)
CLAIMS = [
    Claim("synthetic", "classic", "dice", 0.05, "they say so"),
    Claim("oracle", "real", "dice"),
    Claim("missing", "real", "dice", 0.05),
]


def claimed(folder: Path, frame: pd.DataFrame, claims: list[Claim]) -> pd.DataFrame:
    frame.to_csv(folder / "cases.csv", index=False)
    compare_claims(settings=SETTINGS, claims=claims, cases=folder / "cases.csv", claimed=folder / "claims.csv")
    return pd.read_csv(folder / "claims.csv")


def test_a_claim_is_the_row_that_a_comparison_with_its_own_arm_gives(tmp_path: Path) -> None:
    found = claimed(tmp_path, scores(), CLAIMS)
    assert tuple(found.columns) == COLUMNS
    assert found[["arm", "baseline", "structure", "by", "primary"]].to_numpy().tolist() == [
        ["synthetic", "classic", "mean", 0.05, True],
        ["oracle", "real", "mean", 0.0, False],
    ]
    for row in found.itertuples():
        settings = ComparisonSettings(row.baseline, replicates=100)
        compare_arms(settings=settings, cases=tmp_path / "cases.csv", comparisons=tmp_path / "all.csv")
        every = pd.read_csv(tmp_path / "all.csv").set_index(["arm", "structure"])
        for column in ("difference", "p", "paired_p", "mixed_slope_p", "mde"):
            assert getattr(row, column) == pytest.approx(every[column][row.arm, "mean"])
    assert found.p_by[1] == found.p[1]
    assert found.p_holm.tolist() == pytest.approx(holm(found.p_by))


def test_the_source_and_other_targets_than_the_primary_are_left_out(tmp_path: Path) -> None:
    home = pd.concat([scores(), *(scores().assign(target=target) for target in ("a", "c"))])
    assert set(claimed(tmp_path, home, CLAIMS).target) == {"b"}


@pytest.mark.parametrize("metric", ["dice", "hd95"])
def test_a_size_is_tested_against_that_size(tmp_path: Path, metric: str) -> None:
    """As no size is where the arm's scores are worse by so much."""
    frame = scores().assign(metric=metric)
    sized = claimed(tmp_path, frame, [Claim("synthetic", "classic", metric, 0.05)])
    worse = frame.copy()
    worse.loc[worse.arm == "synthetic", "value"] += -0.05 if metric == "dice" else 0.05
    assert sized.p_by[0] == pytest.approx(claimed(tmp_path, worse, [Claim("synthetic", "classic", metric)]).p[0])
    assert sized.p_by[0] != pytest.approx(sized.p[0])


def test_the_same_test_said_twice_counts_once_and_another_size_is_another(tmp_path: Path) -> None:
    once = claimed(tmp_path, scores(), CLAIMS)
    again = claimed(tmp_path, scores(), [*CLAIMS, Claim("synthetic", "classic", "dice", 0.05, "so do others")])
    assert again.p_holm.tolist() == [*once.p_holm, once.p_holm[0]]
    more = claimed(tmp_path, scores(), [*CLAIMS, Claim("synthetic", "classic", "dice")])
    assert more.p_holm.tolist() == pytest.approx(holm(more.p_by))


def test_a_study_without_any_claim_leaves_an_empty_table(tmp_path: Path) -> None:
    assert claimed(tmp_path, scores(), CLAIMS[2:]).empty


def test_the_endpoint_is_held_against_its_own_baseline(tmp_path: Path) -> None:
    found = claimed(tmp_path, scores(), [Claim("synthetic", "real", "dice"), Claim("synthetic", "classic", "dice")])
    assert found.primary.tolist() == [False, True]
