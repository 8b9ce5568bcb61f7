"""One browser and one server for all tests of the page, and what must hold of every visit."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from browsing import PATIENCE_MS, Visit
from served import package, served, started
from serving import Served, write_package

__all__ = ["package", "served"]

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]  # WebGL 2 without a GPU


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = os.environ.get("CMRBRIDGE_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("install Chromium, or set CMRBRIDGE_CHROMIUM to its path, to try the page in a browser")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=path, args=FLAGS) as browser:
        yield browser


@pytest.fixture(scope="module")
def adapting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose model has a translator."""
    folder = write_package(tmp_path_factory.mktemp("packages") / "fast", adapt=True)
    with started(folder) as server:
        yield server


@pytest.fixture(scope="module")
def small(package: Path) -> Iterator[Served]:
    """A server that takes two MiB and no more."""
    with started(package, upload=2 << 20) as server:
        yield server


@pytest.fixture
def visiting(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """visiting(server) → Visit. expected: what the console may say, where a test provokes it."""
    visits: list[tuple[Visit, str | None]] = []

    def visit(server: Any, expected: str | None = None, **window: Any) -> Visit:
        visits.append((Visit(browser, server, **window), expected))
        return visits[-1][0]

    yield visit
    for one, expected in visits:
        one.page.context.close()
        assert [text for text in one.complaints if expected is None or expected not in text] == []
        foreign = [
            url
            for url in one.requests
            if not url.startswith((f"http://127.0.0.1:{one.server.port}/", "blob:http://127"))
        ]
        assert foreign == []
        assert all(one.server.token not in url for url in one.requests[1:])
