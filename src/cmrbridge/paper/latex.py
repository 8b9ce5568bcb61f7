"""LaTeX: tables over pages with booktabs, and numbers as macros."""

import re
import textwrap
from collections.abc import Mapping, Sequence

import pandas as pd

PACKAGES = "% needs \\usepackage{array,booktabs,longtable,pdflscape} and \\usepackage[a4paper,margin=2cm]{geometry}\n"
PARAGRAPH, PORTRAIT = 26, 112  # characters in footnote size: about 35 mm, and 170 mm
PREFIX = "cmr"
FORMULAS = {"<": "<", ">": ">", "±": r"\pm", "★": r"\star", "→": r"\to", "−": "-"}
SPECIAL = {
    **{character: f"\\{character}" for character in "#$%&_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--"},
    **{character: rf"\ensuremath{{{command}}}" for character, command in FORMULAS.items()},
}
MINUS = re.compile(r"(?<![\w.)])-(?=\d)")  # of a number, not the hyphen of a name
NUMBER = re.compile(r"^(–|[<≤+−-]?\s*\d)")
FOLDED = ("Source", "Target", "Architecture", "Against")  # told once, in the caption, where all rows say the same


def escape(text: str) -> str:
    """Plain text as LaTeX prints it, within a formula or outside; a number's hyphen becomes a minus."""
    return "".join(SPECIAL.get(character, character) for character in MINUS.sub("−", text))


def longtable(frame: pd.DataFrame, caption: str, label: str) -> str:
    """A table of text that may run over pages, with booktabs' rules, caption and label; numbers end flush right.

    Long text is set in paragraphs, headings wider than their cells in lines. A table wider than a page of A4 lies on
    its side.
    """
    text = frame.astype(str)
    same = [name for name in FOLDED if len(text) > 1 and name in text and text[name].nunique() == 1]
    heading = escape(caption + "".join(f" {name}: {text[name].iloc[0]}." for name in same))
    shown = text.drop(columns=same)
    heads = [_lines(name, shown[name]) for name in shown]
    widths = [max(map(len, [*head, *shown[name]])) for name, head in zip(shown, heads)]
    columns = [_column(shown[name], width) for name, width in zip(shown, widths)]
    titles = [_stacked(head, column) for head, column in zip(heads, columns)]
    table = shown.map(escape).set_axis(titles, axis=1).to_latex(
        index=False, escape=False, longtable=True, caption=heading, label=label, column_format="".join(columns)
    )  # fmt: skip
    table = table.replace(f"\\caption[]{{{heading}}}", r"\caption[]{(continued)}")
    lies = sum(min(width, PARAGRAPH) + 2 for width in widths) > PORTRAIT
    opening, closing = (r"\begin{landscape}", r"\end{landscape}") if lies else (r"\begingroup", r"\endgroup")
    space = 2 if lies else 3  # points: fifteen columns of comparisons then fit an A4 page with margins of 2 cm
    return f"{PACKAGES}{opening}\\footnotesize\\setlength{{\\tabcolsep}}{{{space}pt}}\n{table}{closing}\n"


def _lines(name: str, cells: pd.Series) -> list[str]:
    """A heading in lines no longer than the column's cells where its words allow it."""
    widest = max(map(len, [*name.split(), *cells]), default=1)
    return textwrap.wrap(name, max(widest, 1), break_long_words=False, break_on_hyphens=False) or [name]


def _stacked(lines: Sequence[str], column: str) -> str:
    """The lines of a heading above one another, flush as its column is."""
    text = r"\\".join(map(escape, lines))
    return rf"\shortstack[{'r' if column == 'r' else 'l'}]{{{text}}}" if len(lines) > 1 else text


def _column(cells: pd.Series, width: int) -> str:
    if width > PARAGRAPH:
        return r">{\raggedright\arraybackslash}p{35mm}"
    return "r" if len(cells) and cells.map(lambda cell: bool(NUMBER.match(cell))).all() else "l"


def macro_name(path: tuple[str, ...]) -> str:
    r"""The name of a number, letters only, as TeX asks; no two paths share one.

    Every character has a code, none of which begins another (a name reads back in one way): a–z stand for themselves,
    0–9 are A–J, "_" is L, "-" is M, "." is P, a capital is U and its small letter, anything else Z, its code point
    with the hexadecimal digits a–p, Z. X ends a part: ("dice", "b2", "LV") is \cmrXdiceXbCXUlUv.
    """
    return "X".join([PREFIX, *("".join(map(_code, part)) for part in path)])


def _code(character: str) -> str:
    if "a" <= character <= "z":
        return character
    if "0" <= character <= "9":
        return "ABCDEFGHIJ"[int(character)]
    if "A" <= character <= "Z":
        return "U" + character.lower()
    single = {"_": "L", "-": "M", ".": "P"}
    return single.get(character) or "Z" + "".join("abcdefghijklmnop"[int(d, 16)] for d in f"{ord(character):x}") + "Z"


def macros(texts: Mapping[tuple[str, ...], str]) -> str:
    r"""One \newcommand a line, in the order given, each with its path in words."""
    lines = [
        f"\\newcommand{{\\{macro_name(path)}}}{{{escape(text)}}} % {' / '.join(path)}\n" for path, text in texts.items()
    ]
    return "% Numbers of this study, made from numbers.json; docs/metrics.md tells the rule of the names.\n" + "".join(
        lines
    )
