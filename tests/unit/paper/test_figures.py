from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from cmrbridge.errors import InputError
from cmrbridge.paper import figures as module
from cmrbridge.paper.figures import draw_curves, draw_distributions, draw_gap
from cmrbridge.paper.forest import draw_forest
from cmrbridge.paper.intervals import common_axis
from cmrbridge.paper.overlays import choose, draw_overlays, window
from cmrbridge.paper.ranks import draw_ranks
from cmrbridge.paper.style import arm_colours, in_order


def runs(study: Path) -> list[dict[str, Any]]:
    paths = sorted((study / "runs").iterdir())
    names = [path.stem.split("-") for path in paths]
    return [{"scenario": "s", "arm": arm, "seed": seed, "path": path} for (arm, seed), path in zip(names, paths)]


@pytest.mark.parametrize("figure", ["gap", "curves", "forest", "ranks"])
def test_figures_are_drawn_twice_to_equal_bytes(study: Path, pictures: dict, figure: str) -> None:
    cases = study / "cases.csv"
    against = {"baseline": "classic", "metric": "dice", "table": study / "table.csv"}
    home = {"aurora": pictures["subjects"]["dusk"]}
    draw, source = {
        "gap": (draw_gap, {"cases": cases}),
        "curves": (draw_curves, {"runs": runs(study), "arms": []}),
        "forest": (draw_forest, {"cases": cases, "subjects": pictures["subjects"] | home, **against}),
        "ranks": (draw_ranks, {"cases": cases, **against}),
    }[figure]
    files = [[study / f"{name}.{suffix}" for suffix in ("png", "pdf")] for name in ("one", "two")]
    for png, pdf in files:
        draw(**source, png=png, pdf=pdf)
    assert files[0][0].read_bytes() == files[1][0].read_bytes()
    assert files[0][1].read_bytes() == files[1][1].read_bytes()


@pytest.mark.parametrize("figure", ["distributions", "overlays"])
def test_a_page_per_target_is_drawn_twice_to_equal_bytes(study: Path, pictures: dict, figure: str) -> None:
    run = {"source": "aurora", "architecture": "unet2d", "seed": 0}
    draw, source = {
        "distributions": (draw_distributions, {}),
        "overlays": (draw_overlays, {"run": run, "baseline": "classic", **pictures}),
    }[figure]
    files = {name: (study / f"{name}.png", study / f"{name}.pdf") for name in ("dusk", "eclipse")}
    first = {}
    for _ in range(2):
        draw(**source, cases=study / "cases.csv", pages=files)
        bytes_now = {path: path.read_bytes() for pair in files.values() for path in pair}
        assert first in ({}, bytes_now)
        first = bytes_now
    assert first[files["dusk"][0]] != first[files["eclipse"][0]]


def test_eighteen_arms_fit_the_page(study: Path) -> None:
    """How wide they are and what is cut off, `fits_a_page` asserts of every file that is saved."""
    frame = pd.read_csv(study / "cases.csv")
    frame = frame[frame.target == "dusk"]
    arms = [frame[frame.arm == "synthetic"].assign(arm=f"long_name_{index:02}") for index in range(14)]
    pd.concat([frame, *arms]).to_csv(study / "cases.csv", index=False)
    files = {"png": study / "wide.png", "pdf": study / "wide.pdf"}
    draw_distributions(cases=study / "cases.csv", pages={"dusk": tuple(files.values())})
    draw_ranks(cases=study / "cases.csv", baseline="classic", metric="dice", table=study / "t.csv", **files)
    draw_gap(cases=study / "cases.csv", **files)
    assert len(set(pd.read_csv(study / "t.csv").arm)) == 17  # the ceiling is not ranked


def test_a_forest_of_single_subjects_shows_their_differences(study: Path, pictures: dict) -> None:
    """No group has two subjects, so none has an interval to set the axis by."""
    frame = pd.read_csv(study / "cases.csv")
    frame = frame[(frame.target == "dusk") & (frame.subject == "d00")]
    frame.to_csv(study / "cases.csv", index=False)
    draw_forest(
        cases=study / "cases.csv", subjects=pictures["subjects"], baseline="classic", metric="dice",
        table=study / "t.csv", png=study / "f.png", pdf=study / "f.pdf",
    )  # fmt: skip
    assert pd.read_csv(study / "t.csv").ci_low.isna().all()
    assert (study / "f.pdf").read_bytes().startswith(b"%PDF")


def test_the_forests_axis_holds_every_mean_and_cuts_only_intervals() -> None:
    """Nine groups at 1 (0 to 2), one at -30 (-60 to 0): the middle of all ends spans 2, and -60 is left out."""
    rows = [(1.0, 0.0, 2.0)] * 9 + [(-30.0, -60.0, 0.0)]
    ends = common_axis(*(pd.Series(column) for column in zip(*rows)))
    assert ends == pytest.approx((-31.6, 3.6))  # -30 to 2 and a twentieth of it to either side


def test_two_arms_are_not_ranked_and_the_page_says_so(study: Path) -> None:
    frame = pd.read_csv(study / "cases.csv")
    frame[frame.arm.isin(["classic", "real", "oracle"])].to_csv(study / "cases.csv", index=False)
    table = study / "ranks.csv"
    draw_ranks(
        cases=study / "cases.csv", baseline="classic", metric="dice", table=table,
        png=study / "r.png", pdf=study / "r.pdf",
    )  # fmt: skip
    assert pd.read_csv(table).empty


def test_the_crop_is_a_square_in_mm_around_the_heart() -> None:
    heart = np.zeros((100, 100), bool)
    heart[40:61, 30:41] = True  # x 40 to 60, y 30 to 40; at 2 × 4 mm: 80 to 120 mm, 120 to 160 mm
    assert window(heart, (2.0, 4.0, 8.0)) == (slice(34, 67), slice(27, 44))  # centre ± (20 + 12) mm
    assert window(heart & False, (2.0, 4.0, 8.0)) == (slice(None), slice(None))


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
        draw_curves(runs=runs(study), arms=[], png=study / "c.png", pdf=study / "c.pdf")


def test_nnunets_journal_counts_epochs_and_an_arm_that_trains_nothing_keeps_its_colour(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Figure] = []
    monkeypatch.setattr(module, "save", lambda figure, png, pdf: kept.append(figure))
    (study / "runs" / "real-0.jsonl").write_text('{"step": 1, "loss": 1.0, "val_dice": 0.5}\n')
    own = [{"arm": "dg", "architecture": name, "seed": 0, "path": study / "runs" / "real-0.jsonl"}
           for name in ("unet2d", "nnunet3d")]  # fmt: skip
    draw_curves(runs=own, arms=["da", "dg"], png=study / "c.png", pdf=study / "c.pdf")
    assert [axes.get_xlabel() for axes in kept[0].axes] == ["step", "step", "epoch", "epoch"]
    assert {line.get_color() for axes in kept[0].axes for line in axes.lines} == {arm_colours(["da", "dg"])["dg"]}


def test_an_arm_keeps_its_colour_and_its_place() -> None:
    assert arm_colours(["oracle", "real"])["real"] == arm_colours(["real", "extra"])["real"]
    assert in_order(["oracle", "extra", "synthetic", "real"]) == ["real", "synthetic", "extra", "oracle"]
