"""The page's own files, read once: nothing that a request names is ever looked up on the disk."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("page")
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True)
class Page:
    """A file as it is sent."""

    content: bytes
    headers: dict[str, str]


def read_pages(folder: Path = FOLDER) -> dict[str, Page]:
    """Path below the folder → file, of the kinds in `TYPES`, also packed (.js.gz); other files are not served."""
    return {
        path.relative_to(folder).as_posix(): _page(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and _plain(path).suffix in TYPES
    }


def _plain(path: Path) -> Path:
    """The name without .gz."""
    return path.with_suffix("") if path.suffix == ".gz" else path


def _page(path: Path) -> Page:
    content = path.read_bytes()
    headers = {
        "Content-Type": TYPES[_plain(path).suffix],
        "ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        "Cache-Control": "no-cache",
    }
    return Page(content, headers | ({"Content-Encoding": "gzip"} if path.suffix == ".gz" else {}))
