"""The report as its reader opens it: a file in a real Chromium, on a desk and on a phone, and on paper."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from app.conftest import browser
from unit.paper.test_report import write

__all__ = ["browser"]

pytestmark = pytest.mark.whole

UNFOLD = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
ROWS = "#checklist + details tbody tr"
ITEMS = 42  # of the checklist, a row each
# Of the report's parts that are folded: [what a reader does not see, all that there are]. An element in a closed
# <details> has a height when asked for it, and `checkVisibility` alone tells that it is not painted.
HIDDEN = """(selector) => {
  const parts = [...document.querySelectorAll(selector)];
  return [parts.filter((one) => !one.checkVisibility() || one.offsetHeight === 0).length, parts.length];
}"""


@dataclass(frozen=True)
class Opened:
    """page: of the report at ``path``. requests: addresses that it asked for; complaints: what its console says."""

    path: Path
    page: Page
    requests: list[str]
    complaints: list[str]

    def hidden(self, selector: str) -> tuple[int, int]:
        """(How many of these elements nobody sees, how many there are)."""
        unseen, count = self.page.evaluate(HIDDEN, selector)
        return unseen, count

    def pages_on_paper(self) -> int:
        """Of the PDF that Chromium prints. Nothing here reads a PDF's text, but its pages are objects in the open."""
        return len(re.findall(rb"/Type\s*/Page\b", self.page.pdf(prefer_css_page_size=True)))


@pytest.fixture
def opened(browser: Browser, study: Path, pictures: dict) -> Iterator[Callable[[int], Opened]]:
    """opened(width of the window) → the report in it, by file://. The page asks for nothing but itself."""
    write(study, pictures)
    path, seen = study / "report.html", []

    def open_report(width: int) -> Opened:
        page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
        report = Opened(path, page, [], [])
        seen.append(report)
        page.on("request", lambda request: report.requests.append(request.url))
        page.on("console", lambda message: report.complaints.append(message.text))
        page.on("pageerror", lambda error: report.complaints.append(str(error)))
        page.goto(path.as_uri())
        return report

    yield open_report
    for one in seen:
        one.page.context.close()
        assert one.requests == [path.as_uri()]
        assert one.complaints == []


@pytest.mark.parametrize("width", [1280, 390])
def test_the_report_fits_its_window_with_everything_unfolded(opened: Callable[[int], Opened], width: int) -> None:
    """Wide tables scroll in their own boxes, never the page."""
    report = opened(width)
    report.page.evaluate(UNFOLD)
    assert report.hidden("details > *")[0] == 0
    assert report.page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_report_opens_without_waiting_for_anything(opened: Callable[[int], Opened]) -> None:
    """No clock is read, on a busy machine it would fail: what a page can wait for is what it fetches, and how much of
    it there is to read. This one is a tenth of the limit; fonts, a library of scripts or a table too many are not."""
    report = opened(1280)
    assert report.page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)") == []
    assert report.page.evaluate("[...document.images].every((one) => one.complete && one.naturalWidth > 0)")
    assert report.path.stat().st_size < 1 << 20


def test_the_print_unfolds_the_checklist_and_leaves_long_tables_out(opened: Callable[[int], Opened]) -> None:
    report = opened(1280)
    assert report.page.locator("details[open]").count() == 0
    assert report.hidden(ROWS) == (ITEMS, ITEMS), "on the screen it is folded"
    report.page.emulate_media(media="print")
    assert report.hidden(ROWS) == (0, ITEMS)
    assert report.hidden("details:not(.long) :is(p, tr, th, td)")[0] == 0
    long, count = report.hidden("details.long")
    assert long == count > 0


def test_the_pdf_holds_every_row_of_the_checklist(opened: Callable[[int], Opened]) -> None:
    """Each row after the first begins a page here, so that the paper counts them: one that is not printed adds none."""
    report, pages = opened(1280), []
    for style in ("display: none", "display: table-row; break-before: page"):
        report.page.add_style_tag(content=f"{ROWS} + tr {{ {style}; }}")
        pages.append(report.pages_on_paper())
    assert pages[1] - pages[0] == ITEMS - 1
