"""The figure of factors: equal bytes, attributes that are one thing under one heading, a table that is none refused."""

from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from cmrbridge.errors import InputError
from cmrbridge.evaluation.factors import COLUMNS
from cmrbridge.paper import factors

TABLE = f"""{",".join(COLUMNS)}
vendor,GE,Siemens,6,-0.1,-0.2,0.0,0.06,0.12,centre; slice spacing (per mm)
centre,Toronto,Dijon,6,-0.1,-0.2,0.0,0.06,0.12,vendor; slice spacing (per mm)
phase,ES,ED,12,-0.02,-0.03,-0.01,0.0001,0.2,
level,base,mid,12,-0.01,-0.03,0.01,0.3,0.15,
level,apex,mid,12,-0.02,-0.03,-0.01,0.002,0.15,
structure,RV,LV,6,-0.3,-0.4,-0.2,0.001,,
arm,real,classic,12,-0.01,,,,0.01,
"""


def test_headings_say_what_is_the_same_and_what_is_not_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "factors.csv").write_text(TABLE)
    shown = []
    save = factors.save

    def look_and_save(figure: plt.Figure, png: Path, pdf: Path) -> None:
        shown.extend(label.get_text() for label in figure.axes[0].get_yticklabels())
        save(figure, png, pdf)

    monkeypatch.setattr(factors, "save", look_and_save)
    for name in ("first", "second"):
        factors.draw_factors(
            factors=tmp_path / "factors.csv", png=tmp_path / f"{name}.png", pdf=tmp_path / f"{name}.pdf"
        )
    assert shown[:12] == [
        "phase: 20.0 % of variance, p < .001",
        "ES – ED, n = 12",
        "level: 15.0 % of variance, p = 0.002",
        "apex – mid, n = 12",
        "base – mid, n = 12",
        "vendor = centre: 12.0 % of variance, p = 0.06",
        "(not told apart from slice spacing (per mm))",
        "GE – Siemens, n = 6",
        "arm: 1.0 % of variance, tested in the comparisons",
        "real – classic, n = 12",
        "structure: share of variance not known, p = 0.001",
        "RV – LV, n = 6",
    ]
    for kind in ("png", "pdf"):
        assert (tmp_path / f"first.{kind}").read_bytes() == (tmp_path / f"second.{kind}").read_bytes()


def test_another_table_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_text("arm,value\nreal,1\n")
    with pytest.raises(InputError, match=r"cases\.csv: not a table of factors"):
        factors.draw_factors(factors=tmp_path / "cases.csv", png=tmp_path / "a", pdf=tmp_path / "b")
