"""The figure and the table of the shift: the strongest reader has the say, over all seeds."""

from itertools import product
from pathlib import Path

import pandas as pd
import pytest
from scipy import stats

from cmrbridge.errors import InputError
from cmrbridge.paper.shift import draw_shift, hidden, read_tables, shift_table, strongest

COLUMNS = ["task", "look", "source", "arm", "architecture", "seed", "shown", "reader"]


def tables(folder: Path) -> tuple[list[Path], list[Path]]:
    scores, matrix = [], []
    told = {
        ("classic", "linear"): 0.9,
        ("classic", "convolution"): 0.8,
        ("dann", "linear"): 0.5,
        ("dann", "convolution"): 0.6,
    }
    for (arm, reader), seed in product(told, range(2)):
        row = ["probe", None, "aurora", arm, "unet2d", seed, "all", reader]
        accuracy = told[arm, reader] + 0.05 * seed
        scores.append([*row, accuracy, accuracy - 0.1, accuracy + 0.1, 0.5, 1.0, 80, 12])
        matrix += [[*row, a, b, accuracy if a == b else 1 - accuracy, None] for a, b in product("ab", repeat=2)]
    row = ["domain", "before", "aurora", None, None, None, "slices", "resnet"]
    scores.append([*row, 0.7, 0.6, 0.8, 0.5, 0.8, 80, 12])
    matrix += [[*row, a, b, 0.7 if a == b else 0.3, None] for a, b in product("ab", repeat=2)]
    heads = (
        ["accuracy", "accuracy_low", "accuracy_high", "chance", "distance", "samples", "subjects"],
        ["truth", "answer", "share", "distance"],
    )
    for name, rows, head in (("scores", scores, heads[0]), ("confusion", matrix, heads[1])):
        pd.DataFrame(rows, columns=[*COLUMNS, *head]).to_csv(folder / f"{name}.csv", index=False)
        pd.DataFrame([], columns=[*COLUMNS, *head]).to_csv(folder / f"empty_{name}.csv", index=False)
    scores_of, confusion_of = (
        [folder / f"{name}.csv", folder / f"empty_{name}.csv"] for name in ("scores", "confusion")
    )
    return scores_of, confusion_of


def test_each_arm_is_told_by_its_strongest_reader_over_all_seeds(tmp_path: Path) -> None:
    told = strongest(read_tables(tables(tmp_path)[0]))
    chosen = told[told.task == "probe"].groupby("arm").reader.agg(list)
    assert chosen["classic"] == ["linear"] * 2
    assert chosen["dann"] == ["convolution"] * 2
    assert len(told) == 5


def test_what_an_arm_hides_is_told_over_its_runs(tmp_path: Path) -> None:
    scores = tables(tmp_path)[0]
    (line,) = hidden(scores, "classic")
    oracle = stats.ttest_ind([0.6, 0.65], [0.9, 0.95], equal_var=False).confidence_interval()
    assert "all features (unet2d)" in line
    assert "told the domain of 0.62 with dann and of 0.93 with classic: -0.30" in line
    assert f"(95 % interval {oracle.low:+.2f} to {oracle.high:+.2f} over training runs, uncorrected), 2 and" in line
    assert hidden(scores, "real") == []


def test_two_sources_are_told_apart_though_they_are_called_by_numbers(tmp_path: Path) -> None:
    """As those that `cmrbridge init` makes of field strengths: 1.5 and 3, never 3.0."""
    scores = tables(tmp_path)[0]
    for name in ("1.5", "3"):
        pd.read_csv(scores[0]).assign(source=name).to_csv(tmp_path / f"{name}.csv", index=False)
    both = [tmp_path / "1.5.csv", tmp_path / "3.csv"]
    lines = hidden(both, "classic")
    assert ["(unet2d, trained on 1.5)" in lines[0], "(unet2d, trained on 3)" in lines[1]] == [True, True]
    assert set(shift_table(both).Of.str.split(",").str[0]) == {"1.5", "3"}


def test_the_table_has_a_row_per_reader_and_seed(tmp_path: Path) -> None:
    shown = shift_table(tables(tmp_path)[0])
    assert len(shown) == 9
    assert shown.iloc[0].to_dict() == {
        "What": "probe", "Of": "aurora, unet2d, classic, all", "Seed": "0", "Reader": "linear",
        "Accuracy [95 % CI]": "0.90 [0.80 to 1.00]", "Chance": "0.50", "Proxy A-distance": "1.00", "Subjects": 12,
    }  # fmt: skip
    assert shown.iloc[-1].Seed == ""


def test_the_figure_is_the_same_bytes_twice(tmp_path: Path) -> None:
    scores, confusion = tables(tmp_path)
    drawn = []
    for name in ("one", "two"):
        png = tmp_path / f"{name}.png"
        draw_shift(scores=scores, confusion=confusion, png=png, pdf=png.with_suffix(".pdf"))
        drawn.append(png.read_bytes())
    assert drawn[0] == drawn[1]


def test_another_table_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "scores.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"scores\.csv: no tables of shift"):
        read_tables([tmp_path / "scores.csv"])
