"""docs/how-to/check.md lists every kind of problem with its severity, in the order of the code."""

import re
from pathlib import Path

from cmrbridge.data.check.problem import KINDS

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "check.md"


def test_the_page_lists_every_check() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (error|warning|note) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [(name, kind.severity) for name, kind in KINDS.items()]
