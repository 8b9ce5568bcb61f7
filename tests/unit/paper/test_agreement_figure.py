"""The Bland–Altman page: its lines stand where the table says, equal bytes, and a study without volumes is told."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from cmrbridge.paper import agreement as module
from cmrbridge.paper.agreement import axis_ends, draw_agreement

RUN = {"source": "home", "architecture": "unet2d"}
OFF = {"real": (-12.0, -8.0, -10.0, -10.0), "classic": (1.0, -1.0, 2.0, -2.0)}  # mL, one per subject


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """End-diastolic LV volumes of four subjects by two arms."""
    keys = {"study": "s", "source": "home", "target": "far", "architecture": "unet2d", "seed": 0, "phase": "ED",
            "structure": "LV", "region": "whole"}  # fmt: skip
    rows = [
        {**keys, "arm": arm, "subject": f"p{index}", "metric": metric, "value": value}
        for arm, errors in OFF.items()
        for index, error in enumerate(errors)
        for metric, value in (("volume_ml", 100 + 20 * index + error), ("volume_error_ml", error))
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "cases.csv", index=False)
    return tmp_path / "cases.csv"


def draw(cases: Path, name: str = "far", target: str = "far") -> tuple[Path, Path]:
    files = (cases.with_name(f"{name}.png"), cases.with_name(f"{name}.pdf"))
    draw_agreement(
        cases=cases, run=RUN, arms=["real", "classic"], table=cases.with_name("t.csv"), pages={target: files}
    )
    return files


def test_lines_are_the_tables_and_points_the_subjects(cases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Figure] = []
    monkeypatch.setattr(module, "save", lambda figure, png, pdf: kept.append(figure))
    draw(cases)
    table = pd.read_csv(cases.with_name("t.csv")).set_index("arm")
    assert table.bias.to_dict() == {"classic": 0, "real": -10}
    for axes, arm in zip(kept[0].axes, ("real", "classic")):
        assert axes.get_title().startswith(arm)
        _, *lines = (line.get_ydata()[0] for line in axes.lines)
        np.testing.assert_allclose(lines, table.loc[arm, ["bias", "lower", "upper"]].astype(float), atol=1e-6)
        marks = axes.collections[-1].get_offsets()
        np.testing.assert_allclose(marks[:, 1], OFF[arm])
        np.testing.assert_allclose(marks[:, 0], 100 + 20 * np.arange(4) + np.array(OFF[arm]) / 2)
    assert kept[0].axes[0].get_ylim() == kept[0].axes[1].get_ylim(), "one scale a row, whose lines none cuts off"
    assert kept[0].axes[0].get_ylim()[0] < table.lower.min() < table.upper.max() < kept[0].axes[0].get_ylim()[1]
    assert [text.get_text().split(":")[0] for text in kept[0].axes[2].get_legend().get_texts()] == ["real", "classic"]


def test_one_far_mark_does_not_set_the_axis() -> None:
    """Quartiles 1 and 3: the fence stands at 3 - 3 × 2 below the lower one, and a twentieth of -5 to 4 beyond it."""
    assert axis_ends([-4600, 1, 2, 3, 4]) == pytest.approx((-5.45, 4.45))
    assert axis_ends([1, 1, 1, 9]) == pytest.approx((0.6, 9.4)), "within the fence, 3 + 3 × 2"
    assert axis_ends([2, 2, 2], [0.0, np.nan]) == pytest.approx((-0.1, 2.1)), "no spread, no fence"


def test_a_mark_beyond_the_axis_is_an_arrow_with_its_value(cases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Figure] = []
    monkeypatch.setattr(module, "save", lambda figure, png, pdf: kept.append(figure))
    rows = pd.read_csv(cases)
    far = (rows.arm == "real") & (rows.subject == "p3")
    rows.loc[far, "value"] -= 5000
    rows.to_csv(cases, index=False)
    draw(cases)
    real, classic, scatter = kept[0].axes
    assert "unet2d" in kept[0].get_suptitle()
    assert len(real.collections[-1].get_offsets()) == 3
    assert [text.get_text() for text in real.texts] == ["1 beyond, to -5010"]
    assert [text.get_text() for text in classic.texts] == []
    assert [text.get_text() for text in scatter.texts] == ["1 beyond, to -4850"]
    assert real.get_title().endswith("median -11")
    assert real.get_ylim()[0] > -1000


def test_an_arm_without_a_quantity_leaves_its_place_empty(cases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An arm that finds no right ventricle has volumes of 0 and no ejection fraction of it."""
    kept: list[Figure] = []
    monkeypatch.setattr(module, "save", lambda figure, png, pdf: kept.append(figure))
    rows = pd.read_csv(cases)
    found = rows[rows.arm == "classic"].replace({"ED": "ED-ES", "volume_ml": "ef_percent",
                                                 "volume_error_ml": "ef_error_points"})  # fmt: skip
    pd.concat([rows, found]).to_csv(cases, index=False)
    draw(cases)
    real, classic, scatter = kept[0].axes[:3]  # the row of the ejection fraction
    assert not real.axison
    assert classic.axison
    assert classic.get_ylabel().startswith("LV EF")
    assert [text.get_text().split(":")[0] for text in scatter.get_legend().get_texts()] == ["classic"]
    classics = [axes.lines[1].get_marker() for axes in (scatter, kept[0].axes[5])]
    assert classics[0] == kept[0].axes[5].lines[2].get_marker() != classics[1], "one mark an arm on the whole page"


def test_equal_tables_give_equal_bytes(cases: Path) -> None:
    first, second = draw(cases, "one"), draw(cases, "two")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_a_target_without_volumes_still_has_its_page(cases: Path) -> None:
    png, pdf = draw(cases, "none", target="unannotated")
    assert png.read_bytes()[:4] == b"\x89PNG"
    assert pdf.read_bytes().startswith(b"%PDF")
