"""docs/reference/outputs.md names what every rule makes, and nothing that none does."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
RULES = ROOT / "workflow" / "rules"
FILES = [RULES / "common.smk", *sorted(RULES.glob("*.smk"))]  # folders are named first
PAGE = (ROOT / "docs" / "reference" / "outputs.md").read_text(encoding="utf-8")
TOLD_ONCE = re.compile(r"(^|[/.])(record\.json|metrics\.jsonl)$|\.pdf$")  # in the page's first table and beside figures


def filled(text: str, folders: dict[str, str]) -> str:
    """The f-string's text with folders put in and its wildcards in single braces."""
    whole = re.sub(r"(?<!\{)\{([A-Z_]+)\}", lambda name: folders[name[1]], text)
    return whole.replace("{{", "{").replace("}}", "}")


def folders() -> dict[str, str]:
    """What the rule files' constants stand for, below results/{study}/."""
    known = {"RESULTS": ".", "DOWNLOADS": "{downloads}"}
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        for name, value in re.findall(r'^([A-Z_]+) = \(?\s*f"([^"]*)"', text, flags=re.MULTILINE):
            known.setdefault(name, filled(value, known))
    return known


def made() -> set[tuple[str, str]]:
    """(rule, file or folder below results/{study}/) of every declared output."""
    known, found = folders(), set()
    for path in FILES:
        for rule, body in re.findall(
            r"^rule (\w+):\n((?:    .*\n|\n)+)", path.read_text(encoding="utf-8"), re.MULTILINE
        ):
            block = re.search(r"^    output:\n((?:        .*\n)+)", body, re.MULTILINE)
            assert block, rule
            named = [f"{{{name}}}" for name in re.findall(r"(?:=|^ +)([A-Z]+),$", block[1], re.MULTILINE)]
            for output in [*re.findall(r'f"([^"]*)"', block[1]), *named]:
                found.add((rule, filled(output, known).removeprefix("./")))
    return {(rule, output) for rule, output in found if not TOLD_ONCE.search(output)}


def listed() -> set[tuple[str, str]]:
    rows = re.findall(r"^\| `([^`]+)` \| (`\w+`(?:, `\w+`)*) \|", PAGE, re.MULTILINE)
    return {(rule, path) for path, rules in rows for rule in re.findall(r"`(\w+)`", rules)}


def test_the_page_lists_what_the_rules_make() -> None:
    rules = re.findall(r"^rule (\w+):", "".join(path.read_text(encoding="utf-8") for path in FILES), re.MULTILINE)
    assert {rule for rule, _ in made()} == set(rules)
    assert made() - listed() == set(), "not on the page"
    assert listed() - made() == set(), "made by no rule"
