"""Whether a file is what the table says it is."""

import hashlib
from pathlib import Path

from cmrbridge.fetch.answers import is_page
from cmrbridge.fetch.source import Source


def digest_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def misfit(path: Path, source: Source) -> str:
    """Why the file at ``path`` cannot be ``source``, "" where nothing speaks against it."""
    with path.open("rb") as stream:
        start = stream.read(512)
    if is_page(start):
        return "it is a page for a browser (a login or a form), not the data"
    size = path.stat().st_size
    if not size:
        return "it is empty"
    if source.size is not None and size != source.size:
        return f"it has {size} bytes, not {source.size}"
    if source.sha256 and (found := digest_of(path)) != source.sha256:
        return f"its sha256 is {found[:12]}…, not {source.sha256[:12]}…"
    return ""
