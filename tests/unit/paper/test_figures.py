from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cmrbridge.errors import InputError
from cmrbridge.paper.figures import draw_curves, draw_distributions, draw_gap
from cmrbridge.paper.overlays import choose, draw_overlays
from cmrbridge.paper.style import arm_colours, in_order


def runs(study: Path) -> list[dict[str, Any]]:
    paths = sorted((study / "runs").iterdir())
    names = [path.stem.split("-") for path in paths]
    return [{"scenario": "s", "arm": arm, "seed": seed, "path": path} for (arm, seed), path in zip(names, paths)]


@pytest.mark.parametrize("figure", ["distributions", "gap", "curves"])
def test_figures_are_drawn_twice_to_equal_bytes(study: Path, figure: str) -> None:
    draw, source = {
        "distributions": (draw_distributions, {"cases": study / "cases.csv"}),
        "gap": (draw_gap, {"cases": study / "cases.csv"}),
        "curves": (draw_curves, {"runs": runs(study)}),
    }[figure]
    files = [[study / f"{name}.{suffix}" for suffix in ("png", "pdf")] for name in ("one", "two")]
    for png, pdf in files:
        draw(**source, png=png, pdf=pdf)
    assert files[0][0].read_bytes() == files[1][0].read_bytes()
    assert files[0][1].read_bytes() == files[1][1].read_bytes()


def test_overlays_are_drawn(study: Path, pictures: dict) -> None:
    files = {"png": study / "overlays.png", "pdf": study / "overlays.pdf"}
    run = {"source": "aurora", "architecture": "unet2d", "seed": 0}
    draw_overlays(cases=study / "cases.csv", run=run, baseline="classic", **pictures, **files)
    assert all(path.stat().st_size > 10_000 for path in files.values())


def test_best_median_and_worst_are_the_baselines() -> None:
    scores = pd.DataFrame({"subject": list("abcd"), "value": [0.7, 0.9, 0.8, 0.6]})
    scores = scores.assign(arm="classic", target="dusk", phase="ED")
    assert [(one.rank, one.subject) for one in choose(scores, "classic", "dusk")] == [
        ("best", "b"),
        ("median", "a"),
        ("worst", "d"),
    ]
    with pytest.raises(InputError, match="mild"):
        choose(scores, "mild", "dusk")


def test_a_broken_journal_is_named(study: Path) -> None:
    (study / "runs" / "real-0.jsonl").write_text('{"step": 1')
    with pytest.raises(InputError, match=r"real-0\.jsonl"):
        draw_curves(runs=runs(study), png=study / "c.png", pdf=study / "c.pdf")


def test_an_arm_keeps_its_colour_and_its_place() -> None:
    assert arm_colours(["oracle", "real"])["real"] == arm_colours(["real", "extra"])["real"]
    assert in_order(["oracle", "extra", "synthetic", "real"]) == ["real", "synthetic", "extra", "oracle"]
