"""Planted effects come back from the table of scores, and what cannot be told apart is said to be so."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cmrbridge.errors import InputError
from cmrbridge.evaluation.factors import (
    OF_SPACING,
    OF_SUBJECT,
    FactorSettings,
    _explained,
    explain,
    measure_factors,
    observations,
    share_of_variance,
)
from cmrbridge.evaluation.frames import COLUMNS

ARM, APEX, VENDOR = -0.05, -0.2, -0.1
VENDORS = {"home": "Siemens", "away": "GE"}


def made_up(folder: Path, noise: float, count: int = 6, centres: int = 1) -> tuple[Path, dict[str, Path]]:
    """Scores of two arms at two levels for ``count`` subjects of each of two vendors: the sum of planted effects.

    centres: of each vendor; with one, vendor and centre are the same thing.
    """
    random = np.random.default_rng(0)
    rows, tables = [], {}
    for target, vendor in VENDORS.items():
        subjects = []
        for number in range(count):
            subject, own = f"{target}{number}", noise * random.normal()
            centre = f"{vendor if centres == 1 else ''}{number % centres}"
            about = {"dataset": target, "subject": subject, "phase": "ED", "vendor": vendor, "centre": centre}
            subjects.append(
                about | {"scanner": "", "field_strength_t": "", "pathology": "", "spacing_x": 1.5, "spacing_z": 10}
            )
            for arm, level, seed in ((a, b, s) for a in ("real", "classic") for b in ("mid", "apex") for s in (0, 1)):
                value = 0.9 + own + ARM * (arm == "real") + APEX * (level == "apex") + VENDOR * (target == "away")
                value += noise * random.normal() / 4
                rows.append(("s", "home", target, arm, "unet2d", seed, subject, "ED", "LV", level, "dice", value))
        tables[target] = folder / f"{target}.csv"
        pd.DataFrame(subjects).to_csv(tables[target], index=False)
    pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(folder / "cases.csv", index=False)
    return folder / "cases.csv", tables


def measured(folder: Path, cases: Path, subjects: dict[str, Path], **settings: Any) -> pd.DataFrame:
    path, asked = folder / "factors.csv", FactorSettings("classic", **settings)
    measure_factors(settings=asked, cases=cases, subjects=subjects, sources=["home"], factors=path)
    return pd.read_csv(path).set_index("attribute")


def factors(folder: Path, noise: float, **made: int) -> pd.DataFrame:
    return measured(folder, *made_up(folder, noise, **made))


def test_planted_effects_come_back(tmp_path: Path) -> None:
    """In a balanced design the effect is the plain difference of means; its test is that of the subjects' means."""
    found = factors(tmp_path, noise=0.02)
    cases = pd.read_csv(tmp_path / "cases.csv")
    for name, column, level, first in (("arm", "arm", "real", "classic"), ("level", "region", "apex", "mid")):
        means = cases.groupby(column).value.mean()
        assert found.effect[name] == pytest.approx(means[level] - means[first], abs=1e-6)
        assert (found.level[name], found.reference[name]) == (level, first)
    wide = cases.pivot_table(index="subject", columns="region", values="value")
    oracle = stats.ttest_rel(wide.apex, wide.mid).confidence_interval()
    assert (found.ci_low["level"], found.ci_high["level"]) == pytest.approx((oracle.low, oracle.high), abs=1e-6)
    assert found.p["level"] < 1e-6
    people = cases.groupby(["target", "subject"]).value.mean()
    oracle = stats.ttest_ind(people["away"], people["home"], equal_var=False)
    assert found.p["vendor"] == pytest.approx(oracle.pvalue, abs=1e-6)
    assert found.ci_low["vendor"] == pytest.approx(oracle.confidence_interval().low, abs=1e-6)
    assert found.n_subjects.to_dict() == {"arm": 12, "level": 12, "vendor": 6, "centre": 6}


def test_what_was_trained_has_an_effect_but_no_test_of_its_own(tmp_path: Path) -> None:
    found = factors(tmp_path, noise=0.02).loc["arm"]
    assert found.effect == pytest.approx(ARM, abs=0.02)
    assert found[["ci_low", "ci_high", "p"]].isna().all()


def test_differences_within_subjects_are_told_from_those_between(tmp_path: Path) -> None:
    """Subjects that differ much hide a vendor's effect, not a level's: every subject has both levels."""
    found = factors(tmp_path, noise=0.2)
    width = found.ci_high - found.ci_low
    assert width["level"] < width["vendor"] / 2


def test_a_score_that_is_missing_counts_as_its_subject_and_cell_lead_one_to_expect(tmp_path: Path) -> None:
    """Without noise the vendor's effect stays what was planted, though one vendor's apexes are missing."""
    cases, subjects = made_up(tmp_path, noise=0)
    frame = pd.read_csv(cases)
    frame = frame[(frame.region == "mid") | (frame.target == "home") | (frame.subject == "away0")]
    frame.to_csv(cases, index=False)
    found = measured(tmp_path, cases, subjects)
    assert found.effect["vendor"] == pytest.approx(VENDOR)
    assert found.n_subjects["level"] == 7


def test_what_is_the_same_thing_is_named(tmp_path: Path) -> None:
    found = factors(tmp_path, noise=0.02)
    assert found["without"]["vendor"] == "centre"
    assert found["without"]["centre"] == "vendor"
    assert found.effect["vendor"] == pytest.approx(found.effect["centre"])
    crossed = factors(tmp_path, noise=0.02, centres=2)
    assert crossed["without"].isna().all()
    assert crossed.effect["vendor"] == pytest.approx(VENDOR, abs=0.03)
    assert crossed.p["centre"] > 0.05


def with_pathologies(folder: Path, more_ill: int = 0, known: bool = True, **settings: Any) -> pd.DataFrame:
    """Six of twelve subjects of each vendor are ill, of what the other vendor never has, and lose .05.

    more_ill: of the second vendor's; known: whether the files name vendor and centre.
    """
    cases, subjects = made_up(folder, noise=0.02, count=12)
    frame = pd.read_csv(cases)
    ill = {f"{target}{number}" for target in VENDORS for number in range(0, 12, 2)}
    ill |= {f"away{number}" for number in range(1, 1 + 2 * more_ill, 2)}
    frame.value -= 0.05 * frame.subject.isin(ill)
    frame.to_csv(cases, index=False)
    for target, path in subjects.items():
        own = pd.read_csv(path)
        own["pathology"] = [f"{target} {'ill' if name in ill else 'well'}" for name in own.subject]
        own["spacing_z"] = [10 if target == "home" else 8] * 11 + [5]
        if not known:
            own["vendor"] = own["centre"] = ""
        own.to_csv(path, index=False)
    return measured(folder, cases, subjects, **settings)


def test_pathologies_of_two_data_sets_are_each_held_against_their_own(tmp_path: Path) -> None:
    """Against the other data set's they would bear what the scanner loses, and the scanner would have no test."""
    found = with_pathologies(tmp_path, nominal=["away"])
    rows = found.loc["pathology"]
    assert {level.split()[0] for level in rows.level} == {"home", "away"}
    for row in rows.itertuples():
        assert row.level.split()[0] == row.reference.split()[0]
        assert row.n_subjects == 6
        assert row.effect == pytest.approx(-0.05 if row.level.endswith("ill") else 0.05, abs=0.03)
    assert found.effect["vendor"] == pytest.approx(VENDOR, abs=0.02)
    assert found.p["vendor"] < 1e-6


def test_a_scanner_with_more_ill_hearts_is_not_told_apart_from_pathologies_of_other_names(tmp_path: Path) -> None:
    """Nobody knows whether one data set's ill are as ill as the other's: what the scanner bears may be theirs."""
    found = with_pathologies(tmp_path, more_ill=5, nominal=["away"])
    assert set(found["without"]["vendor"].split("; ")) == {"centre", "pathology"}
    assert found.loc["pathology"]["without"].isna().all()


def test_two_data_sets_of_one_pathology_each_leave_their_scanners_mixed_up_with_it(tmp_path: Path) -> None:
    cases, subjects = made_up(tmp_path, noise=0.02)
    for target, path in subjects.items():
        pd.read_csv(path).assign(pathology={"home": "NOR", "away": "HCM"}[target]).to_csv(path, index=False)
    assert set(measured(tmp_path, cases, subjects)["without"]["vendor"].split("; ")) == {"centre", "pathology"}


def test_the_test_of_pathologies_is_as_sharp_where_the_files_name_no_vendor(tmp_path: Path) -> None:
    """What sets the data sets off, .1 here, is no scatter of their subjects, whether a column explains it or none."""
    unknown = with_pathologies(tmp_path, known=False, nominal=["away"])
    named = with_pathologies(tmp_path, nominal=["away"])
    assert "vendor" not in unknown.index
    columns = ["effect", "ci_low", "ci_high", "p"]
    np.testing.assert_allclose(
        unknown.loc[["pathology"], columns].to_numpy(float), named.loc[["pathology"], columns].to_numpy(float)
    )
    assert (unknown.loc["pathology"].p < 0.01).all()
    assert unknown.share["pathology"].max() < 0.15  # of what the ill lose, not of what the scanner does


def explained(vendors: dict[str, list[str]], pathologies: dict[str, list[str]]) -> pd.DataFrame:
    """Of people that have no effect of anything but of their data set: the second scores .10 lower."""
    random = np.random.default_rng(0)
    rows = [
        {
            **dict.fromkeys([*OF_SUBJECT, "arm", "architecture", "source", "structure", "phase", "level"], ""),
            **dict.fromkeys(OF_SPACING, 1.5),
            **{"target": target, "group": f"{target}{number}", "vendor": vendor, "pathology": pathology},
            "value": 0.9 - 0.1 * (target == "B") + 0.02 * random.normal(),
        }
        for target in vendors
        for number, (vendor, pathology) in enumerate(zip(vendors[target], pathologies[target], strict=True))
    ]
    return explain(pd.DataFrame(rows), "", ["A"]).set_index("attribute")


def test_what_sets_data_sets_off_is_not_told_as_a_vendors_that_goes_with_one_sets_pathology() -> None:
    ill = {"A": ["DCM", "NOR"] * 6, "B": ["HF", "N"] * 6}
    found = explained({"A": ["Siemens"] * 12, "B": ["GE", "Siemens"] * 6}, ill)
    assert found["without"]["vendor"] == "pathology"
    assert (found["without"]["pathology"] == "vendor").all()
    assert found.effect.abs().max() < 0.03


def test_a_vendor_that_one_data_set_has_beside_another_is_judged_within_it() -> None:
    ill = {"A": ["DCM", "NOR"] * 6, "B": ["HF", "N"] * 6}
    found = explained({"A": ["Siemens", "Siemens", "GE", "GE"] * 3, "B": ["GE"] * 12}, ill)
    assert found["without"]["vendor"] == ""
    assert abs(found.effect["vendor"]) < 0.03
    assert found.p["vendor"] > 0.05


def test_the_spacing_of_one_scan_may_be_missing(tmp_path: Path) -> None:
    cases, subjects = made_up(tmp_path, noise=0.02)
    frame = pd.read_csv(cases)
    pd.concat([frame, frame.assign(phase="ES")]).to_csv(cases, index=False)
    for number, path in enumerate(subjects.values()):
        own = pd.read_csv(path).assign(spacing_x=np.linspace(1, 2, 6) + number / 10)
        both = pd.concat([own, own.assign(phase="ES")], ignore_index=True)
        both.loc[6 + number, "spacing_x"] = np.nan
        both.to_csv(path, index=False)
    assert np.isfinite(measured(tmp_path, cases, subjects).share["in-plane spacing (per mm)"])


def test_nominal_millimetres_explain_nothing(tmp_path: Path) -> None:
    assert "slice spacing (per mm)" in with_pathologies(tmp_path).index
    assert "slice spacing (per mm)" not in with_pathologies(tmp_path, nominal=["away"]).index


def test_a_target_without_the_hard_places_does_not_look_easy(tmp_path: Path) -> None:
    """The share of a vendor is measured where both have scores: without the other's apexes it stays what it was."""
    whole = factors(tmp_path, noise=0.02).share["vendor"]
    cases, subjects = made_up(tmp_path, noise=0.02)
    frame = pd.read_csv(cases)
    frame[(frame.region == "mid") | (frame.target == "home")].to_csv(cases, index=False)
    found = measured(tmp_path, cases, subjects).share["vendor"]
    mid = pd.read_csv(cases).query("region == 'mid'")
    between = mid.groupby("target").value.mean().var(ddof=0) / mid.value.var(ddof=0)
    assert found == pytest.approx(between, abs=0.02)
    assert found > 2 * whole  # without apexes the vendor is most of what is left


def test_values_dealt_by_lot_explain_nothing_on_average(tmp_path: Path) -> None:
    """Half of the deals less than that, which the share tells as 0: neither too little is taken off nor too much."""
    cases, subjects = made_up(tmp_path, noise=0.05, count=12)
    table = observations(FactorSettings("classic"), cases, subjects).query("target == 'home'")
    random = np.random.default_rng(0)
    people = table.group.unique()
    explained = []
    for _ in range(400):
        dealt = dict(zip(people, random.permutation(["a", "b", "c", "d"] * 3)))
        explained.append(
            _explained(table.assign(pathology=table.group.map(dealt)), "pathology") / table.value.var(ddof=0)
        )
    assert np.mean(explained) == pytest.approx(0, abs=3 * np.std(explained) / 20)
    assert min(explained) < -0.01
    last = share_of_variance(table.assign(pathology=table.group.map(dealt)), "pathology")
    assert last == pytest.approx(max(0, explained[-1]))


def test_the_share_of_what_only_one_target_varies_is_not_known(tmp_path: Path) -> None:
    """Home has the apex and the middle, away the middle: of what both have, the level explains nothing, and not 0 %."""
    cases, subjects = made_up(tmp_path, noise=0.02)
    frame = pd.read_csv(cases)
    frame[(frame.region == "mid") | (frame.target == "home")].to_csv(cases, index=False)
    found = measured(tmp_path, cases, subjects).loc["level"]
    assert found.p < 1e-6
    assert np.isnan(found.share)


def test_a_table_that_does_not_fit_is_named(tmp_path: Path) -> None:
    cases, subjects = made_up(tmp_path, noise=0.02)
    with pytest.raises(InputError, match="no dice by level of arm 'none'"):
        measure_factors(
            settings=FactorSettings("none"), cases=cases, subjects=subjects, sources=["home"], factors=tmp_path / "f"
        )
    pd.read_csv(subjects["away"]).iloc[1:].to_csv(subjects["away"], index=False)
    with pytest.raises(InputError, match=r"away\.csv: no row for away0, ED"):
        measure_factors(
            settings=FactorSettings("classic"), cases=cases, subjects=subjects, sources=["home"], factors=tmp_path / "f"
        )
