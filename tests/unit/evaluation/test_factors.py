"""Planted effects come back from the table of scores, and what cannot be told apart is said to be so."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cmrbridge.errors import InputError
from cmrbridge.evaluation.factors import FactorSettings, measure_factors
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


def factors(folder: Path, noise: float, **made: int) -> pd.DataFrame:
    cases, subjects = made_up(folder, noise, **made)
    path = folder / "factors.csv"
    measure_factors(settings=FactorSettings("classic"), cases=cases, subjects=subjects, sources=["home"], factors=path)
    return pd.read_csv(path).set_index("attribute")


def test_planted_effects_come_back(tmp_path: Path) -> None:
    """In a balanced design the effect is the plain difference of means, whatever the subjects do."""
    found = factors(tmp_path, noise=0.02)
    cases = pd.read_csv(tmp_path / "cases.csv")
    for name, column, level, first in (("arm", "arm", "real", "classic"), ("level", "region", "apex", "mid")):
        means = cases.groupby(column).value.mean()
        assert found.effect[name] == pytest.approx(means[level] - means[first], abs=1e-5)
        assert (found.level[name], found.reference[name]) == (level, first)
        assert found.ci_low[name] < found.effect[name] < found.ci_high[name]
    means = cases.groupby("target").value.mean()
    assert found.effect["vendor"] == pytest.approx(means["away"] - means["home"], abs=1e-5)
    assert found.p_attribute["level"] < 1e-6
    assert found.n_subjects.to_dict() == {"arm": 12, "level": 12, "vendor": 6, "centre": 6}


def test_differences_within_subjects_are_told_from_those_between(tmp_path: Path) -> None:
    """Subjects that differ much hide a vendor's effect, not an arm's: every subject has both arms."""
    found = factors(tmp_path, noise=0.2)
    width = found.ci_high - found.ci_low
    assert width["arm"] < width["vendor"] / 2


def test_what_is_the_same_thing_is_named(tmp_path: Path) -> None:
    found = factors(tmp_path, noise=0.02)
    assert found["without"]["vendor"] == "centre"
    assert found["without"]["centre"] == "vendor"
    assert found.effect["vendor"] == pytest.approx(found.effect["centre"])
    crossed = factors(tmp_path, noise=0.02, centres=2)
    assert crossed["without"].isna().all()
    assert crossed.effect["vendor"] == pytest.approx(VENDOR, abs=0.03)
    assert crossed.p_attribute["centre"] > 0.05


def test_subjects_that_do_not_differ_are_no_error(tmp_path: Path) -> None:
    """The subjects' variance is then on its bound of 0."""
    cases, subjects = made_up(tmp_path, noise=0.02)
    frame = pd.read_csv(cases)
    means = frame.groupby(["arm", "region", "target", "seed"]).value.transform("mean")
    scatter = 1e-3 * np.random.default_rng(1).normal(size=len(frame))
    frame.assign(value=means + scatter).to_csv(cases, index=False)
    path = tmp_path / "factors.csv"
    measure_factors(settings=FactorSettings("classic"), cases=cases, subjects=subjects, sources=["home"], factors=path)
    found = pd.read_csv(path).set_index("attribute")
    assert found.effect["level"] == pytest.approx(APEX, abs=5e-3)
    assert np.isfinite(found[["ci_low", "ci_high", "p_attribute", "share"]]).all(axis=None)


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
