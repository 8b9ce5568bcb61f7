"""Every link of the project's pages leads somewhere: file, picture and heading, as a code host resolves them."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "benchmarks").glob("*.md")),
]
INDEX = ROOT / "docs" / "index.rst"
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|^\[[^\]]+\]:\s+(\S+)", re.MULTILINE)


def prose(text: str) -> str:
    """The page without its code, in which brackets are no links."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^ *(```|~~~).*?^ *\1", "", text, flags=re.MULTILINE | re.DOTALL))


def links(text: str) -> list[str]:
    return [first or second for first, second in LINK.findall(prose(text))]


def anchors(text: str) -> set[str]:
    """Of headings, as GitHub makes them: lower case, no punctuation, a number after the second of a name."""
    found: set[str] = set()
    for heading in re.findall(
        r"^#{1,6} +(.+?) *#*$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.MULTILINE
    ):
        slug = re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "", heading).lower()).replace(" ", "-")
        number = next(n for n in range(len(found) + 1) if (f"{slug}-{n}" if n else slug) not in found)
        found.add(f"{slug}-{number}" if number else slug)
    return found


def trouble(page: Path, link: str) -> str:
    """What is wrong with the link, or ""."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return "" if parts.scheme in ("https", "mailto") else "neither https nor a file"
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.exists() or not target.is_relative_to(ROOT):
        return "no such file"
    if parts.fragment and parts.fragment not in anchors(target.read_text(encoding="utf-8")):
        return "no such heading"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    found = {link: trouble(page, link) for link in links(page.read_text(encoding="utf-8"))}
    assert {link: what for link, what in found.items() if what} == {}


def test_every_page_is_in_the_index() -> None:
    named = set(re.findall(r"^   ([\w/-]+)$", INDEX.read_text(encoding="utf-8"), re.MULTILINE))
    pages = {path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert named == pages - {"README"}


@pytest.mark.parametrize(
    ("link", "what"),
    [
        ("there.md", ""),
        ("there.md#two-words-1", ""),
        ("#here", ""),
        ("gone.md", "no such file"),
        ("there.md#gone", "no such heading"),
        ("../../../etc", "no such file"),
        ("ftp://host/file", "neither https nor a file"),
    ],
)
def test_a_dead_link_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: str, what: str) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(f"# `Here`\n[text]({link})\n```\n[code](no-link.md)\n```\n")
    (tmp_path / "there.md").write_text("## Two words\n## Two words!\n")
    assert [trouble(page, each) for each in links(page.read_text())] == [what]
