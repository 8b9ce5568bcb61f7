"""The figure of dose and response, drawn from small made-up tables."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from cmrbridge.errors import InputError
from cmrbridge.evaluation.doses import ALL_TARGETS, COLUMNS, CORRELATIONS
from cmrbridge.paper import doses as module
from cmrbridge.paper.doses import draw_doses

BY_RATIO = "source a, generator fully trained"
BY_QUALITY = "source a, ratio 1"


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, Path]:
    """Gains of 0 to 4 points over ratios and over snapshots of one source's generator."""
    doses: list[tuple] = [("classic", 0.0, None, 0.0, None)]
    doses += [(f"r{ratio}", ratio, None, 0.01 * ratio, 2.0) for ratio in (0.25, 1, 4)]
    doses += [(f"s{step}", 1.0, step, step / 1e5, 800 / step) for step in (100, 200)]
    rows = [
        {"source": "a", "cohort": "all", "architecture": "unet2d", "arm": arm, "baseline": "classic",
         "target": target, "ratio": ratio, "subjects": 40, "step": step, "metric": "dice",
         "n_subjects": 12, "n_seeds": 2, "value": 0.8, "gain": gain,
         "gain_low": gain - 0.01, "gain_high": gain + 0.02, "images_frechet": quality, "masks_frechet": None,
         "mask_fidelity": None}
        for arm, ratio, step, gain, quality in doses for target in (ALL_TARGETS, "b")
    ]  # fmt: skip
    pd.DataFrame(rows, columns=list(COLUMNS)).astype({"step": "Int64"}).to_csv(tmp_path / "doses.csv", index=False)
    found = [
        {"variable": "ratio", "held": BY_RATIO, "n_points": 3, "reason": "3 points; 4 are needed"},
        {"variable": "images_frechet", "held": BY_QUALITY, "n_points": 5, "spearman": -0.9, "spearman_low": -1.0,
         "spearman_high": 0.25},
    ]  # fmt: skip
    pd.DataFrame(found, columns=list(CORRELATIONS)).to_csv(tmp_path / "correlations.csv", index=False)
    return {name: tmp_path / f"{name}.csv" for name in ("doses", "correlations")}


def drawn(tables: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Figure:
    kept: list[Figure] = []
    with monkeypatch.context() as patch:
        patch.setattr(module, "save", lambda figure, png, pdf: kept.append(figure))
        draw_doses(**tables, png=Path(), pdf=Path())
    return kept[0]


def test_panels_of_what_varies_with_points_bars_and_correlation(
    tables: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = drawn(tables, monkeypatch)
    by_ratio, by_quality = figure.axes  # every source has 40 subjects
    assert by_ratio.get_title() == f"{BY_RATIO}\nno correlation: 3 points; 4 are needed"
    assert by_quality.get_title() == f"{BY_QUALITY}\nSpearman -0.90 (-1.00 to +0.25), 5 points"
    assert "Dice over classic (points)" in by_ratio.get_ylabel()
    assert "12 test subjects, 2 training runs" in figure.get_suptitle()
    baseline, points = by_ratio.lines
    assert set(np.asarray(baseline.get_ydata())) == {0}
    np.testing.assert_allclose(np.asarray(points.get_xydata(), float), np.array([(0.25, 0.25), (1, 1), (4, 4)]))
    bars = [np.asarray(path.vertices)[:, 1] for path in by_ratio.collections[0].get_paths()]
    np.testing.assert_allclose(bars, np.array([(-0.75, 2.25), (0, 3), (3, 6)]))
    assert {text.get_text() for text in by_quality.texts} == {"end", "100", "200"}
    assert by_quality.get_xscale() == "log"


def test_several_sets_are_told_apart_in_a_legend(tables: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    frame, found = (pd.read_csv(path) for path in tables.values())
    pd.concat([frame, frame.assign(source="z")]).to_csv(tables["doses"], index=False)
    other = found.assign(held=found.held.str.replace("source a", "source z"))
    pd.concat([found, other]).to_csv(tables["correlations"], index=False)
    by_ratio = drawn(tables, monkeypatch).axes[0]
    legend = by_ratio.get_legend()
    assert legend is not None
    assert [text.get_text().splitlines()[0] for text in legend.get_texts()] == [
        BY_RATIO,
        "source z, generator fully trained",
    ]
    one, other_points = (np.asarray(line.get_xdata(), float) for line in by_ratio.lines[1:])
    np.testing.assert_allclose(one * other_points, np.square([0.25, 1, 4]))  # moved apart about the dose
    assert (one < other_points).all()


def test_equal_tables_give_equal_bytes(tables: dict[str, Path], tmp_path: Path) -> None:
    files = [[tmp_path / f"{name}.{suffix}" for suffix in ("png", "pdf")] for name in ("one", "two")]
    for png, pdf in files:
        draw_doses(**tables, png=png, pdf=pdf)
    assert files[0][0].read_bytes() == files[1][0].read_bytes()
    assert files[0][1].read_bytes() == files[1][1].read_bytes()
    assert files[0][0].stat().st_size > 10_000


def test_a_study_of_one_dose_is_refused(tables: dict[str, Path], tmp_path: Path) -> None:
    frame = pd.read_csv(tables["doses"])
    frame[frame.arm.isin(["classic", "r1"])].to_csv(tables["doses"], index=False)
    with pytest.raises(InputError, match="neither ratio, subjects nor quality takes two values"):
        draw_doses(**tables, png=tmp_path / "x.png", pdf=tmp_path / "x.pdf")
