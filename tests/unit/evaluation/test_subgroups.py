"""Differences by subgroup on numbers that can be checked by hand."""

from pathlib import Path

import pandas as pd
import pytest
from scipy import stats

from cmrbridge.errors import InputError
from cmrbridge.evaluation.subgroups import paired_interval, subgroups

GAINS = {"far-1": 0.02, "far-2": 0.04, "wide-1": -0.02, "wide-2": 0.0, "home-1": -0.01, "home-2": -0.03}
PATHOLOGY = {"far-1": "DCM", "far-2": "", "wide-1": "DCM", "wide-2": "HCM", "home-1": "DCM", "home-2": "DCM"}


@pytest.fixture
def cases() -> pd.DataFrame:
    """An arm and the baseline on two structures, two seeds: a subject's mean difference is its gain."""
    keys = {"study": "s", "source": "home", "architecture": "unet2d", "phase": "ED", "region": "whole",
            "metric": "dice"}  # fmt: skip
    rows = [
        {**keys, "target": subject.split("-")[0], "subject": subject, "arm": arm, "seed": seed, "structure": structure,
         "value": 0.8 + 0.1 * seed + (gain + wobble if arm == "dann" else 0)}
        for subject, gain in GAINS.items() for arm in ("classic", "dann") for seed in (0, 1)
        for structure, wobble in (("LV", 0.01), ("RV", -0.01))
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture
def subjects(tmp_path: Path) -> dict[str, Path]:
    rows = [
        {"dataset": "d", "subject": subject, "phase": phase, "vendor": subject[0].upper(), "centre": "", "scanner": "",
         "field_strength_t": "", "pathology": pathology, "spacing_x": 1, "spacing_z": 8}
        for subject, pathology in PATHOLOGY.items() for phase in ("ED", "ES")
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "subjects.csv", index=False)
    return dict.fromkeys(("far", "wide", "home"), tmp_path / "subjects.csv")


def test_each_subject_counts_once_in_each_of_its_groups(cases: pd.DataFrame, subjects: dict[str, Path]) -> None:
    table = subgroups(cases, subjects, "classic", "dice")
    found = {(row.grouping, row.group): (row.n, pytest.approx(row.difference)) for row in table.itertuples()}
    assert found == {
        ("target", "all targets"): (4, 0.01),
        ("target", "far = vendor F"): (2, 0.03),  # all of its subjects, and no other, are of vendor F
        ("target", "wide = vendor W"): (2, -0.01),
        ("pathology", "DCM"): (2, 0.0),  # not the two at home
        ("pathology", "HCM"): (1, 0.0),
        ("pathology", "unknown"): (1, 0.04),
        ("at home", "home"): (2, -0.02),
    }


def test_the_interval_is_the_paired_t_tests() -> None:
    gains = pd.Series([0.02, 0.04, -0.02, 0.0])
    expected = stats.ttest_1samp(gains, 0).confidence_interval(0.95)
    found = paired_interval(gains)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((expected.low, expected.high), rel=1e-10)
    assert pd.isna(paired_interval(gains[:1])["ci_low"])


def test_a_missing_baseline_is_named(cases: pd.DataFrame, subjects: dict[str, Path]) -> None:
    with pytest.raises(InputError, match="'mild'"):
        subgroups(cases, subjects, "mild", "dice")


def test_the_baseline_alone_has_no_groups(cases: pd.DataFrame, subjects: dict[str, Path]) -> None:
    assert subgroups(cases[cases.arm == "classic"], subjects, "classic", "dice").empty
