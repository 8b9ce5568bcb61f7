"""The app's page in a real Chromium, driven as a reader would drive it."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from serving import Served

PATIENCE_MS = 30_000


class Visit:
    """The page of a server in a window of its own."""

    def __init__(self, browser: Browser, server: Served, **window: Any) -> None:
        self.server = server
        context = browser.new_context(viewport={"width": 1280, "height": 900}, **window)
        self.page: Page = context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(f"http://127.0.0.1:{server.port}/#{server.token}")

    def at(self, selector: str) -> Locator:
        return self.page.locator(selector)

    def drop(self, *paths: Path) -> None:
        """As the hand does it: files or folders out of the file manager."""
        protocol = self.page.context.new_cdp_session(self.page)
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            protocol.send("Input.dispatchDragEvent", {"type": kind, "x": 640, "y": 300, "data": data})

    def segmented(self, frames: int) -> None:
        expect(self.at("#finished")).to_contain_text(f"{frames} frames in")

    def picture(self, index: int = 0) -> np.ndarray:
        """Pixels (y, x, 3) of a picture, the first by default, as they are on the screen."""
        self.page.wait_for_timeout(300)  # a repaint
        return np.asarray(Image.open(BytesIO(self.at("canvas").nth(index).screenshot())).convert("RGB")).astype(int)

    def outlined(self) -> dict[str, int]:
        """Voxels of each structure in the mask that the first picture holds, as it tells those who cannot see it."""
        said = (self.at("canvas").first.get_attribute("aria-label") or "").rpartition(": ")[2].rstrip(".")
        return {key: int(count) for key, count in (part.split(" ") for part in said.split(", "))}

    def download(self, button: str, folder: Path) -> Path:
        with self.page.expect_download() as waiting:
            self.at(button).click()
        path = folder / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path

    def tab_to(self, name: str) -> None:
        for _ in range(30):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("document.activeElement.id") == name:
                return
        raise AssertionError(f"{name} cannot be reached by the tab key")

    def measure(self, name: str) -> float:
        cell = self.at(f'[data-measure="{name}"]').first
        expect(cell).not_to_have_text("…")
        return float(cell.inner_text().split()[0])


def faint(page: Page) -> list[str]:
    """Texts whose contrast with what lies behind them is under 4.5 (WCAG AA)."""
    return page.evaluate(
        """() => {
          const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
          const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
            .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
            .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
          const behind = (element) => {
            for (let one = element; one; one = one.parentElement) {
              const colour = numbers(getComputedStyle(one).backgroundColor);
              if (colour[3] !== 0) return colour;
            }
            return [255, 255, 255];
          };
          const texts = [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility()
            && !one.closest("svg") && [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
          return texts.filter((one) => {
            const [a, b] = [light(numbers(getComputedStyle(one).color)), light(behind(one))].sort((x, y) => y - x);
            return (a + 0.05) / (b + 0.05) < 4.5;
          }).map((one) => one.outerHTML.slice(0, 90));
        }"""
    )
