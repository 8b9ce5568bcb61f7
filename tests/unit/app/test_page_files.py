"""What must hold of the page's files before any browser sees them."""

import gzip
import hashlib
import re
from pathlib import Path

import pytest

import cmrbridge.app
from cmrbridge.app.pages import read_pages

PAGE = Path(cmrbridge.app.__file__).parent / "page"
MODULES = sorted(PAGE.glob("*.js"))
OWN = [*MODULES, *PAGE.glob("*.html")]
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|\beval\(|new Function"
)
IMPORT = re.compile(r"""(?:from|import\()\s*["']\./([^"']+)["']""")


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_nothing_becomes_markup_and_nothing_is_inline(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not MARKUP.findall(text)
    if path.suffix == ".html":
        assert not re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_imports_are_files_that_are_served_and_the_viewer_alone_knows_niivue(path: Path) -> None:
    names = IMPORT.findall(path.read_text(encoding="utf-8"))
    assert set(names) <= set(read_pages())
    assert ("vendor/niivue.js.gz" in names) == (path.name == "viewer.js")


def test_what_is_vendored_is_what_was_published() -> None:
    vendored = PAGE / "vendor" / "niivue.js.gz"
    stated = re.findall(r"`sha256 (\w+)`", (PAGE / "vendor" / "README.md").read_text(encoding="utf-8"))
    assert stated == [hashlib.sha256(gzip.decompress(vendored.read_bytes())).hexdigest()]
    assert vendored.stat().st_size < 1 << 20
