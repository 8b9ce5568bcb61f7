"""LaTeX that compiles, told from its text; names of macros that read back."""

import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmrbridge.paper.latex import escape, longtable, macro_name, macros

HOSTILE = r"#$%&_{}~^\<>"
CODES = re.compile(r"X|U[a-z]|Z[a-p]+Z|[a-z]|[A-J]|[LMP]")


def bare(text: str) -> str:
    """LaTeX without its comments and escaped characters: what is left has meaning for TeX."""
    return re.sub(r"\\[#$%&_{}]", "", re.sub(r"(?<!\\)%.*", "", text))


def read_back(name: str) -> tuple[str, ...]:
    """The path of a macro's name; any name that the rule makes has one reading."""
    text = ""
    for code in CODES.findall(name):
        if code == "X":
            text += "\n"
        elif code[0] == "Z":
            text += chr(int("".join("0123456789abcdef"["abcdefghijklmnop".index(letter)] for letter in code[1:-1]), 16))
        elif code[0] == "U":
            text += code[1].upper()
        else:
            text += {"L": "_", "M": "-", "P": "."}.get(code) or (code if code.islower() else str(ord(code) - ord("A")))
    return tuple(text.split("\n")[1:])


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=8), min_size=1, max_size=5))
def test_a_macros_name_is_letters_and_reads_back_so_none_stands_for_two(path: list[str]) -> None:
    name = macro_name(tuple(path))
    assert re.fullmatch("[A-Za-z]+", name)
    assert read_back(name) == tuple(path)


def test_names_that_look_alike_stay_apart() -> None:
    paths = [
        ("ab", "c"),
        ("a", "bc"),
        ("abc",),
        ("a_b", "c"),
        ("A", "bc"),
        ("a1",),
        ("ab",),
        ("aB",),
        ("a", "b", ""),
        ("a", "b"),
    ]
    assert len({macro_name(path) for path in paths}) == len(paths)
    assert macro_name(("dice", "b2", "LV")) == "cmrXdiceXbCXUlUv"


def test_the_example_of_the_documentation_is_the_rules() -> None:
    name = macro_name(("dice", "acdc", "sunnybrook", "unet2d", "classic", "mean"))
    assert rf"`\{name}`" in (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()


def test_a_macro_says_what_it_stands_for() -> None:
    text = macros({("dice", "50 % & more"): "0.873", ("p",): "< 0.001", ("d",): "-1.35"})
    assert r"}{0.873} % dice / 50 % & more" in text
    assert r"{\cmrXp}{\ensuremath{<} 0.001} % p" in text
    assert r"{\cmrXd}{\ensuremath{-}1.35} % d" in text


@pytest.mark.parametrize(
    ("plain", "latex"),
    [
        ("da_ensemble", r"da\_ensemble"),
        ("U-Net 3-D", "U-Net 3-D"),
        ("-0.5 [-1.0, +2]", r"\ensuremath{-}0.5 [\ensuremath{-}1.0, +2]"),
        ("3.0 ± 1.0", r"3.0 \ensuremath{\pm} 1.0"),
        ("95 %", r"95 \%"),
    ],
)
def test_text_is_set_as_it_was_meant(plain: str, latex: str) -> None:
    assert escape(plain) == latex


def test_a_table_is_balanced_whatever_its_cells_hold() -> None:
    frame = pd.DataFrame({"Source": ["a", "a"], HOSTILE: [HOSTILE, "x"], "n": [3, 4], "Long": ["word " * 20, "-"]})
    text = longtable(frame, f"Caption {HOSTILE}", "tab:x")
    left = bare(text)
    assert left.count("{") == left.count("}")
    assert re.findall(r"\\begin\{(\w+)\}", left) == re.findall(r"\\end\{(\w+)\}", left)[::-1]
    assert left.count(r"\begingroup") == left.count(r"\endgroup")
    rows = [line for line in left.splitlines() if line.endswith(r"\\") and "&" in line]
    assert len(rows) == 4  # the head, the head of later pages, two rows
    assert {row.count("&") for row in rows} == {2}
    assert r"\begin{longtable}{lr>{\raggedright\arraybackslash}p{35mm}}" in text
    assert "Source: a." in text


def test_a_heading_does_not_make_its_column_wider_than_its_cells() -> None:
    text = longtable(pd.DataFrame({"Share of gap": ["100 %"], "Mixed p": ["< 0.001"]}), "c", "l")
    assert r"\shortstack[r]{Share\\of\\gap} & Mixed p \\" in text


def test_a_table_wider_than_the_page_lies_on_its_side() -> None:
    wide = pd.DataFrame({f"column {index}": ["1.000 ± 0.100"] * 2 for index in range(9)})
    assert r"\begin{landscape}" in longtable(wide, "c", "l")
    assert r"\begin{landscape}" not in longtable(wide.iloc[:, :4], "c", "l")
