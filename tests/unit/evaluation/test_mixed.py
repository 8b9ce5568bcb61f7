"""Mixed models against the analysis of variance and MixedLM of statsmodels, and against closed forms."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.regression.mixed_linear_model import MixedLM

from cmrbridge.evaluation.mixed import UNDEFINED, complete, mixed_model, mixed_slope, run_means
from cmrbridge.evaluation.variance import Components, Design, components, run_variance, standard_error

RUNS, SUBJECTS = (3, 4), 12


def scores(seed: int = 0, slope: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Points of Dice, (run, subject), of arms with 3 and 4 runs; the arm gains 1 point."""
    rng = np.random.default_rng(seed)
    people = rng.normal(85, 5, SUBJECTS)
    gains = (1 + rng.normal(0, slope, SUBJECTS), np.zeros(SUBJECTS))
    return tuple(
        people + gain + rng.normal(0, 1, (runs, 1)) + rng.normal(0, 1.4, (runs, SUBJECTS))
        for gain, runs in zip(gains, RUNS)
    )


def table(arm: np.ndarray, baseline: np.ndarray) -> pd.DataFrame:
    everything = np.concatenate([arm, baseline])
    run, subject = np.nonzero(~np.isnan(everything))
    return pd.DataFrame({"y": everything[run, subject], "run": run, "subject": subject, "arm": (run < len(arm)) * 1})


def test_mixed_model_is_students_test_of_the_runs_means() -> None:
    arm, baseline = scores()
    ours, theirs = mixed_model(arm, baseline), stats.ttest_ind(arm.mean(1), baseline.mean(1))
    interval = theirs.confidence_interval(0.95)
    expected = (theirs.df, theirs.pvalue, interval.low, interval.high)
    assert ours[2:] == pytest.approx(expected, rel=1e-10)


def unexplained(long: pd.DataFrame, model: str) -> float:
    """Sum of squares that a linear model of statsmodels leaves."""
    return float(ols(f"y ~ {model}", long).fit().ssr)


def test_mixed_model_is_statsmodels_analysis_of_variance() -> None:
    """F of the arm against the runs within arms, both beside the subjects."""
    arm, baseline = scores()
    long = table(arm, baseline)
    alike, arms, runs = (unexplained(long, f"C(subject){more}") for more in ("", " + C(arm)", " + C(run)"))
    between_runs = (arms - runs) / 5
    f = (alike - arms) / between_runs
    ours = mixed_model(arm, baseline)
    assert SUBJECTS * run_variance(arm, baseline) == pytest.approx(between_runs, rel=1e-10)
    assert (ours.difference / ours.se) ** 2 == pytest.approx(f, rel=1e-10)
    assert ours.p == pytest.approx(stats.f.sf(f, 1, 5), rel=1e-10)


def test_mixed_model_is_statsmodels_reml() -> None:
    """The difference has a closed form; the standard error is iterated there."""
    arm, baseline = scores()
    model = MixedLM.from_formula(
        "y ~ arm", table(arm, baseline), groups=np.ones(7 * SUBJECTS),
        vc_formula={"subject": "0 + C(subject)", "run": "0 + C(run)"},
    )  # fmt: skip
    theirs, ours = model.fit(reml=True), mixed_model(arm, baseline)
    assert ours.difference == pytest.approx(theirs.fe_params["arm"], abs=1e-10)
    assert ours.se == pytest.approx(theirs.bse_fe["arm"], rel=1e-4)


def test_where_scores_are_missing_runs_have_statsmodels_least_squares_means() -> None:
    """And so p is that of complete arrays, in which a hole holds what its run and its subject lead one to expect."""
    arm, baseline = scores()
    arm[0, :3] = np.nan
    baseline[2, 7] = np.nan
    holes = np.concatenate([arm, baseline])
    fitted = ols("y ~ C(run) + C(subject)", table(arm, baseline)).fit()
    run, subject = (places.ravel() for places in np.indices(holes.shape))
    expected = fitted.predict(pd.DataFrame({"run": run, "subject": subject})).to_numpy().reshape(holes.shape)
    assert run_means(holes) == pytest.approx(expected.mean(1), rel=1e-10)
    filled = np.where(np.isnan(holes), expected, holes)
    assert mixed_model(arm, baseline) == pytest.approx(mixed_model(filled[:3], filled[3:]), rel=1e-8)


def test_runs_that_share_no_subject_can_not_be_compared() -> None:
    """The arm saw the first half of the subjects, the baseline the other."""
    arm, baseline = scores()
    arm[:, 6:] = baseline[:, :6] = np.nan
    assert np.isnan(mixed_model(arm, baseline)).all()


def test_a_run_that_scored_nobody_is_no_run() -> None:
    arm, baseline = scores()
    empty = np.vstack([arm, np.full(SUBJECTS, np.nan)])
    assert mixed_model(empty, baseline) == mixed_model(arm, baseline)


def test_a_subject_whom_neither_arm_scored_is_no_subject() -> None:
    """A third arm's, say: the exact answer stays."""
    arm, baseline = scores()
    more = [np.hstack([one, np.full((len(one), 1), np.nan)]) for one in (arm, baseline)]
    assert mixed_model(*more) == mixed_model(arm, baseline)


@pytest.mark.filterwarnings("ignore:The design matrix is rank-deficient")  # runs make up their arms
def test_components_are_statsmodels_mean_squares() -> None:
    arm, baseline = scores(slope=6)
    long = table(arm, baseline)
    slopes, both = (unexplained(long, f"C(arm) * C(subject){more}") for more in ("", " + C(run)"))
    runs = unexplained(long, "C(subject) + C(run)")
    residual = both / (5 * (SUBJECTS - 1))
    found = components(arm, baseline)
    assert found.residual == pytest.approx(residual, rel=1e-10)
    assert found.run == pytest.approx(((slopes - both) / 5 - residual) / SUBJECTS, rel=1e-10)
    gains = (runs - both) / (SUBJECTS - 1)
    assert found.slope == pytest.approx((gains - residual) * (1 / 3 + 1 / 4), rel=1e-10)


def test_a_component_is_never_negative() -> None:
    """Runs with equal means, and subjects that gain alike, spread less than the residual would have them."""
    wobble = np.array([[1.0, -1, 0, 0], [-1, 1, 0, 0], [0, 0, 1, -1], [0, 0, -1, 1]])
    found = components(wobble, wobble)
    assert (found.run, found.slope) == (0, 0)
    assert found.residual > 0


@pytest.mark.parametrize(
    ("parts", "design", "expected"),
    [
        (Components(1, 0, 0), Design(10, (3, 3)), (math.sqrt(2 / 3), 4)),  # two samples of three runs
        (Components(0, 4, 0), Design(16, (2, 2)), (0.5, 15)),  # one sample of sixteen gains
        (Components(0, 4, 0), Design(16, (2, 2), targets=4), (0.5, 12)),  # about the means of four targets
        (Components(3, 0, 0), Design(10, (1, 3)), (2, 2)),
        (Components(2, 8, 0), Design(8, (2, 2)), (math.sqrt(3), 9 / (4 / 2 + 1 / 7))),  # Satterthwaite of both
        (Components(3, 0, 0), Design(10, (3,)), (1, 2)),  # one sample of three networks
    ],
)
def test_standard_error_by_hand(parts: Components, design: Design, expected: tuple[float, float]) -> None:
    assert standard_error(parts, design) == pytest.approx(expected)


def test_mixed_slope_is_the_paired_test_where_runs_agree() -> None:
    rng = np.random.default_rng(3)
    arm, baseline = (np.repeat(rng.normal(0.8, 0.05, (1, 14)), 3, axis=0) for _ in range(2))
    ours, theirs = mixed_slope(arm, baseline), stats.ttest_rel(arm[0], baseline[0])
    interval = theirs.confidence_interval(0.95)
    assert ours[2:] == pytest.approx((13, theirs.pvalue, interval.low, interval.high), rel=1e-10)


def test_mixed_slope_is_the_mixed_model_where_all_subjects_gain_alike() -> None:
    rng = np.random.default_rng(4)
    arm, baseline = (rng.normal(0, 1, (3, 1)) + np.linspace(0, 1, 9) for _ in range(2))
    assert mixed_slope(arm, baseline) == pytest.approx(mixed_model(arm, baseline), rel=1e-10)


def differences(runs: int = 4, subjects: int = SUBJECTS) -> np.ndarray:
    """Arm − baseline of networks that both use, (run, subject)."""
    rng = np.random.default_rng(5)
    gains = 1 + rng.normal(0, 2, subjects)
    return gains + rng.normal(0, 0.5, (runs, 1)) + rng.normal(0, 1, (runs, subjects))


def test_of_shared_networks_mixed_model_is_students_test_of_the_runs_differences() -> None:
    paired = differences()
    ours, theirs = mixed_model(paired), stats.ttest_1samp(paired.mean(1), 0)
    interval = theirs.confidence_interval(0.95)
    assert ours[2:] == pytest.approx((3, theirs.pvalue, interval.low, interval.high), rel=1e-10)
    assert ours.difference == pytest.approx(paired.mean(), rel=1e-10)


def test_of_shared_networks_mixed_slope_is_the_two_way_analysis_of_variance() -> None:
    """Runs × subjects, both random: the variance of the mean is (MS of runs + of subjects − of the residual) / cells.

    And the variances are those that MixedLM of statsmodels iterates to.
    """
    paired = differences()
    long = table(paired, np.empty((0, SUBJECTS)))
    fits = {left_out: unexplained(long, "+".join({"C(run)", "C(subject)"} - {left_out})) for left_out in
            ("C(run)", "C(subject)", "")}  # fmt: skip
    freedom = {"C(run)": 3, "C(subject)": SUBJECTS - 1, "": 3 * (SUBJECTS - 1)}
    squares = {name: (left - (fits[""] if name else 0)) / freedom[name] for name, left in fits.items()}
    parts = np.array([squares["C(run)"], squares["C(subject)"], -squares[""]])
    df = parts.sum() ** 2 / (parts**2 / list(freedom.values())).sum()
    se = math.sqrt(parts.sum() / paired.size)
    ours = mixed_slope(paired)
    assert ours[:3] == pytest.approx((paired.mean(), se, df), rel=1e-10)
    assert ours.p == pytest.approx(2 * stats.t.sf(abs(paired.mean()) / se, df), rel=1e-10)
    model = MixedLM.from_formula(
        "y ~ 1", long, groups=np.ones(len(long)), vc_formula={"run": "0 + C(run)", "subject": "0 + C(subject)"}
    )
    fitted = model.fit(reml=True)
    assert components(paired) == pytest.approx((*fitted.vcomp, fitted.scale), rel=1e-2)


def test_of_shared_networks_a_hole_is_what_its_run_and_subject_lead_one_to_expect() -> None:
    holes = differences()
    holes[1, :4] = np.nan
    expected = stats.ttest_1samp(run_means(holes), 0)
    assert mixed_model(holes).p == pytest.approx(expected.pvalue, rel=1e-10)


def test_complete_keeps_the_subjects_that_every_run_scored() -> None:
    arm, baseline = np.arange(6.0).reshape(2, 3), np.arange(3.0)[None]
    arm[1, 0] = np.nan
    kept = complete(arm, baseline)
    np.testing.assert_array_equal(kept[0], [[1, 2], [4, 5]])
    np.testing.assert_array_equal(kept[1], [[1, 2]])


@pytest.mark.parametrize("test", [mixed_model, mixed_slope])
def test_what_cannot_be_told_is_undefined_not_a_crash(test) -> None:
    one_run, none, one_subject = np.array([[0.7, 0.8, 0.9]]), np.empty((2, 0)), np.array([[0.7], [0.8], [1.0]])
    alike, no_run = np.ones((2, 4)), np.empty((0, 4))
    for side in (one_run, none, one_subject, alike, no_run):
        assert np.isnan(test(side, side)).all()
        assert np.isnan(test(side)).all()
    assert np.isnan(UNDEFINED).all()
