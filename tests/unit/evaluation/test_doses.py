"""Made-up studies whose gains, and what they depend on, are known."""

import math
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cmrbridge.errors import InputError
from cmrbridge.evaluation.dependence import strata
from cmrbridge.evaluation.doses import ALL_TARGETS, COLUMNS, CORRELATIONS, DoseSettings, measure_doses, read_doses
from cmrbridge.evaluation.frames import COLUMNS as CASES
from cmrbridge.evaluation.gains import Gain, Gains
from cmrbridge.evaluation.mixed import mixed_slope

RATIOS = {"classic": 0.0, "quarter": 0.25, "half": 0.5, "one": 1.0, "double": 2.0}
STEPS = {"s100": 100, "s200": 200, "s400": 400}
SOURCES = {"a": 40, "a_5": 5, "a_10": 10, "a_20": 20}
TARGETS = {"b": 6, "c": 4}  # number of test subjects
SETTINGS = DoseSettings(baseline="classic", repeats=200)

Response = Callable[[str, str], float]


def dose_gain(source: str, arm: str) -> float:
    """Half a point per doubling of the pairs; less with more subjects; more from a longer training."""
    if arm == "classic":
        return 0.0
    late = {"s100": -0.01, "s200": -0.005, "s400": -0.001}.get(arm, 0.0)
    return 0.03 + 0.005 * math.log2(RATIOS.get(arm, 1.0)) - 0.01 * math.log2(SOURCES[source] / 5) / 3 + late


def cases(gain: Response, noise: float = 0.0, sources: tuple[str, ...] = ("a",)) -> pd.DataFrame:
    """Dice = 0.7 + the subject's own + the gain (doubled on target c, none at home) + noise."""
    draw = np.random.default_rng(0)
    rows = []
    for source in sources:
        arms = [*RATIOS, *STEPS] if source == "a" else ["classic", "one"]
        for arm, seed in product(arms, range(2)):
            for target, count in {source: 3, **TARGETS}.items():
                for subject in range(count):
                    share = {"b": 1.0, "c": 2.0}.get(target, 0.0)
                    value = 0.7 + 0.02 * subject + share * gain(source, arm) + draw.normal(0, noise)
                    for phase, (structure, shift) in product(("ED", "ES"), {"LV": 0.05, "RV": -0.05}.items()):
                        keys = ("s", source, target, arm, "unet2d", seed, f"{subject:03}", phase, structure, "whole")
                        rows.append((*keys, "dice", value + shift))
    return pd.DataFrame(rows, columns=list(CASES))


def measure(folder: Path, frame: pd.DataFrame, **changes: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables, of a study in which the generator's Fréchet ratio halves as its training doubles."""
    frame.to_csv(folder / "cases.csv", index=False)
    sources = sorted(set(frame.source))
    for source in sources:
        splits = ["train"] * SOURCES[source] + ["unused"] * 7 + ["val", "test"]
        subjects = [f"p{number}" for number in range(len(splits))]
        pd.DataFrame({"subject": subjects, "split": splits}).to_csv(folder / f"{source}.csv", index=False)
    for step in (100, 200, 400, 800):
        lines = {("images", "frechet"): 1600 / step, ("images", "kernel"): math.nan, ("masks", "frechet"): 2.0,
                 ("mask fidelity", "dice"): 0.5 + step / 2000}  # fmt: skip
        table = pd.DataFrame([(*key, ratio) for key, ratio in lines.items()], columns=["what", "measure", "ratio"])
        table.to_csv(folder / f"fidelity-{step}.csv", index=False)
    runs = frame[["source", "arm"]].drop_duplicates().itertuples(index=False)
    given: dict[str, Any] = {
        "settings": SETTINGS,
        "cases": folder / "cases.csv",
        "arms": [
            {"source": s, "cohort": "all", "arm": a, "ratio": RATIOS.get(a, 1.0), "step": STEPS.get(a)} for s, a in runs
        ],
        "splits": {source: folder / f"{source}.csv" for source in sources},
        "fidelity": [
            {"source": "a", "step": None if step == 800 else step, "path": folder / f"fidelity-{step}.csv"}
            for step in (100, 200, 400, 800)
        ],
    }
    tables = folder / "doses.csv", folder / "correlations.csv"
    measure_doses(**{**given, **changes}, doses=tables[0], correlations=tables[1])
    return read_doses(tables[0]), read_doses(tables[1], CORRELATIONS)


def test_a_known_gain_is_found_exactly(tmp_path: Path) -> None:
    doses, _ = measure(tmp_path, cases(dose_gain))
    assert tuple(doses.columns) == COLUMNS
    assert len(doses) == 8 * 4  # arms × (home, b, c, all targets)
    for row in doses.itertuples():
        share = {"a": 0.0, "b": 1.0, "c": 2.0, ALL_TARGETS: (6 * 1.0 + 4 * 2.0) / 10}[row.target]
        assert row.gain == pytest.approx(share * dose_gain("a", row.arm), abs=2e-6)
        assert row.n_subjects == {"a": 3, "b": 6, "c": 4, ALL_TARGETS: 10}[row.target]
        assert (row.n_seeds, row.subjects, row.metric, row.baseline) == (2, 40, "dice", "classic")
        if row.target != ALL_TARGETS:  # every subject gains the same: nothing to be uncertain about
            assert (row.gain_low, row.gain_high) == pytest.approx((row.gain, row.gain), abs=2e-6)
    one = doses[(doses.arm == "one") & (doses.target == "b")].iloc[0]
    assert one.value == pytest.approx(0.7 + 0.02 * 2.5 + dose_gain("a", "one"), abs=2e-6)
    assert (one.images_frechet, one.masks_frechet, one.mask_fidelity) == (2.0, 2.0, 0.9)
    early = doses[doses.arm == "s100"].iloc[0]
    assert (early.step, early.images_frechet, early.mask_fidelity) == (100, 16.0, 0.55)
    baseline = doses[doses.arm == "classic"]
    assert baseline[["images_frechet", "masks_frechet", "mask_fidelity"]].isna().all(axis=None)
    assert (baseline.ratio == 0).all()
    assert (baseline.gain == 0).all()


def test_correlations_are_one_where_the_gain_follows(tmp_path: Path) -> None:
    _, table = measure(tmp_path, cases(dose_gain, sources=tuple(SOURCES)))
    assert tuple(table.columns) == CORRELATIONS
    found = table.set_index("variable")
    assert found.index.tolist() == ["ratio", "subjects", "images_frechet", "mask_fidelity"]
    assert found.n_points.tolist() == [4, 4, 4, 4]
    for variable, sign in {"ratio": 1, "subjects": -1, "images_frechet": -1, "mask_fidelity": 1}.items():
        row = found.loc[variable]
        assert row[["spearman", "spearman_low", "spearman_high"]].tolist() == [sign] * 3
        assert row.reason == ""
        assert row.n_subjects == 10
        assert sign * row.pearson > 0.8
    for name in ("pearson", "pearson_low", "pearson_high"):  # straight on the scale of the logarithm
        assert found.loc["ratio", name] == pytest.approx(1)
        assert found.loc["subjects", name] == pytest.approx(-1)
    assert found.loc["ratio", "held"] == "source a, generator fully trained"
    assert found.loc["subjects", "held"] == "cohort all, ratio 1, generator fully trained"
    assert found.loc["images_frechet", "held"] == "source a, ratio 1"


def test_a_noisy_correlation_is_scipys_and_lies_in_a_wide_interval(tmp_path: Path) -> None:
    doses, table = measure(tmp_path, cases(dose_gain, noise=0.03))
    points = doses[(doses.target == ALL_TARGETS) & doses.step.isna() & (doses.ratio > 0)]
    row = table.set_index("variable").loc["ratio"]
    assert row.spearman == pytest.approx(stats.spearmanr(points.ratio, points.gain).statistic, abs=1e-4)
    assert row.pearson == pytest.approx(stats.pearsonr(np.log(points.ratio), points.gain).statistic, abs=1e-4)
    assert row.pearson_low < row.pearson < row.pearson_high
    assert row.pearson_high - row.pearson_low > 0.1
    assert row.spearman_low < 1


def test_too_few_points_equal_gains_and_other_targets_have_a_reason(tmp_path: Path) -> None:
    frame = cases(dose_gain)
    _, table = measure(tmp_path, frame[~frame.arm.isin(["half", *STEPS])])
    row = table.set_index("variable").loc["ratio"]
    assert (row.n_points, row.reason) == (3, "3 points; 4 are needed")
    assert math.isnan(row.spearman)
    _, table = measure(tmp_path, cases(lambda source, arm: 0.01 * (arm != "classic")))
    assert table.set_index("variable").loc["ratio", "reason"] == "all gains are equal"
    _, table = measure(tmp_path, frame[(frame.arm != "one") | (frame.target != "c")])
    assert table.set_index("variable").loc["ratio", "reason"] == "the points were not tested on the same targets"


def test_lower_is_better_for_distances(tmp_path: Path) -> None:
    frame = cases(dose_gain).assign(metric="hd95")
    doses, _ = measure(tmp_path, frame, settings=DoseSettings("classic", "hd95", repeats=20))
    row = doses[(doses.arm == "one") & (doses.target == "b")].iloc[0]
    assert row[["gain", "gain_low", "gain_high"]].tolist() == pytest.approx([-dose_gain("a", "one")] * 3)


def test_strata_hold_the_other_variables(tmp_path: Path) -> None:
    doses, _ = measure(tmp_path, cases(dose_gain, sources=tuple(SOURCES)))
    points = doses[doses.target == ALL_TARGETS]
    (_, by_ratio), = strata(points, "ratio")  # fmt: skip
    assert by_ratio.arm.tolist() == ["quarter", "half", "one", "double"]
    (_, by_subjects), = strata(points, "subjects")  # fmt: skip
    assert by_subjects.source.tolist() == ["a_5", "a_10", "a_20", "a"]
    (_, by_quality), = strata(points, "images_frechet")  # fmt: skip
    assert by_quality.arm.tolist() == ["one", "s400", "s200", "s100"]


Arms = dict[str, np.ndarray]  # arm → (run, subject)


def made_up(runs: int, slope: float, run: float, seed: int, count: int = 40) -> Arms:
    """Two arms in points: subjects gain 2 ± ``slope``, trainings of an arm differ by ``run``, noise of 1.4."""
    draw = np.random.default_rng(seed)
    base, gain = draw.normal(80, 5, count), draw.normal(2, slope, count)
    noise = draw.normal(0, run, (2, runs, 1)) + draw.normal(0, 1.4, (2, runs, count))
    return {"classic": base + noise[0], "one": base + gain + noise[1]}


def gain_of(arms: Arms, targets: tuple[str, ...] = ("b",), repeats: int = 400, seed: int = 0) -> Gain:
    """Over all of ``targets``, whose subjects take turns."""
    rows = [("a", "unet2d", arm, run, targets[i % len(targets)], f"{i}", value) for arm, scores in arms.items()
            for (run, i), value in np.ndenumerate(scores)]  # fmt: skip
    scores = pd.DataFrame(rows, columns=["source", "architecture", "arm", "seed", "target", "subject", "value"])
    return Gains(scores, "classic", True, repeats, seed).measure("a", "unet2d", "one", targets)


def test_an_interval_is_that_of_the_mixed_model_with_slopes() -> None:
    arms = made_up(runs=3, slope=1.0, run=1.0, seed=4)
    found, oracle = gain_of(arms, repeats=20000), mixed_slope(arms["one"], arms["classic"])
    assert found.gain == pytest.approx(oracle.difference)
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), abs=0.15)


def test_what_targets_gain_differently_is_no_chance() -> None:
    """One target's subjects gain 10 points, the other's 2: the mean over both is as certain as if all gained alike."""
    arms = made_up(runs=3, slope=1.0, run=1.0, seed=4)
    apart = arms | {"one": arms["one"] + 8.0 * (np.arange(40) % 2)}
    alike, unlike = (gain_of(one, ("b", "c")) for one in (arms, apart))
    np.testing.assert_allclose(unlike.replicates, alike.replicates + 4)


@pytest.mark.parametrize(("count", "doubt"), [(150, 0.045), pytest.param(4000, 0.015, marks=pytest.mark.long)])
@pytest.mark.parametrize("slope", [0.4, 4.6])
def test_intervals_contain_the_truth_as_often_as_they_say(slope: float, count: int, doubt: float) -> None:
    """Three trainings that differ by one point: they decide where subjects gain alike, else the subjects do.

    The promise is 95 % ± 1; percentiles of 400 replicates lose .3 of that, 4000 studies leave .35 to chance.
    """
    studies = (gain_of(made_up(3, slope, 1.0, seed), seed=seed) for seed in range(count))
    held = np.mean([found.low <= 2 <= found.high for found in studies])
    assert held == pytest.approx(0.95, abs=doubt)


def test_one_run_and_one_subject_are_measured_without_what_they_cannot_tell(tmp_path: Path) -> None:
    frame = cases(dose_gain, noise=0.01)
    doses, _ = measure(tmp_path, frame[(frame.seed == 0) & ((frame.target != "c") | (frame.subject == "000"))])
    row = doses[(doses.arm == "one") & (doses.target == "c")].iloc[0]
    assert (row.n_subjects, row.n_seeds) == (1, 1)
    assert math.isfinite(row.gain)
    assert math.isnan(row.gain_low)
    _, table = measure(tmp_path, frame[frame.subject == "000"])
    found = table.set_index("variable").loc["images_frechet"]
    assert math.isfinite(found.pearson)
    assert math.isnan(found.pearson_low), "with one subject of a target nobody knows what others gain"


def test_an_arm_and_a_domain_may_be_called_like_a_missing_number(tmp_path: Path) -> None:
    names = {"arm": {"half": "None"}, "target": {"b": "NA"}}
    doses, _ = measure(tmp_path, cases(dose_gain).replace(names))
    assert {"None"} <= set(doses.arm)
    assert {"NA"} <= set(doses.target)


def test_an_architecture_may_skip_an_arm(tmp_path: Path) -> None:
    """As `run.skip` lets it: its other arms have their doses, and the arm has those of the other architectures."""
    frame = cases(dose_gain)
    caged = frame[frame.arm.isin(["classic", "one"])].assign(architecture="nnunet2d")
    doses, _ = measure(tmp_path, pd.concat([frame, caged]))
    assert set(doses[doses.architecture == "nnunet2d"].arm) == {"classic", "one"}
    assert set(doses[doses.architecture == "unet2d"].arm) == {*RATIOS, *STEPS}


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    frame = cases(dose_gain)
    with pytest.raises(InputError, match=r"from a .*'quarter' and 'classic' share no test subject"):
        measure(tmp_path, frame[frame.arm != "classic"])
    with pytest.raises(InputError, match="no hd95 of the arms"):
        measure(tmp_path, frame, settings=DoseSettings("classic", "hd95"))
    with pytest.raises(InputError, match=r"no split\.csv given for the source 'a', only for b"):
        measure(tmp_path, frame, splits={"b": tmp_path / "a.csv"})
    (tmp_path / "broken.csv").write_text("x\n1\n")
    with pytest.raises(InputError, match=r"broken\.csv: not a table of a domain's splits"):
        measure(tmp_path, frame, splits={"a": tmp_path / "broken.csv"})
    with pytest.raises(InputError, match=r"broken\.csv: not a table of fidelity"):
        measure(tmp_path, frame, fidelity=[{"source": "a", "step": None, "path": tmp_path / "broken.csv"}])
    with pytest.raises(InputError, match=r"broken\.csv: not a table of doses"):
        read_doses(tmp_path / "broken.csv")
