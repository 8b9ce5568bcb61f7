"""A file on its way: what has arrived of it, and by what the server will know whether the rest still belongs to it."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from cmrbridge.files import write_atomically


@dataclass(frozen=True)
class Mark:
    """Which version of which address a part is of.

    address: digest of the URL (which may hold a token); validator: strong ETag or Last-Modified, "" for neither;
    total: bytes of the whole, None when untold; answers: from how many answers the part was put together.
    """

    address: str
    validator: str
    total: int | None
    answers: int


class Part:
    """``.NAME.part`` beside the file that it becomes, and its mark in ``.NAME.part.json``."""

    def __init__(self, path: Path) -> None:
        self.target = path
        self.path = path.with_name(f".{path.name}.part")
        self._mark = path.with_name(f".{path.name}.part.json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def mark(self) -> Mark | None:
        """None where there is none that can be read: then nothing is known of the part."""
        try:
            return Mark(**json.loads(self._mark.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def conditions(self, url: str, known: bool) -> dict[str, str]:
        """The headers that ask for the rest alone; {} where only the whole will do.

        known: whether the file's digest is known, which then settles whether the pieces belong together.
        """
        mark = self.mark
        validator = mark.validator if mark and mark.address == address_of(url) else ""
        if not self.size or not (validator or (known and mark)):
            return {}
        return {"Range": f"bytes={self.size}-"} | ({"If-Range": validator} if validator else {})

    def begin(self, url: str, validator: str, total: int | None, anew: bool) -> None:
        """An answer begins that goes on from the part's end, or ``anew`` from the file's start."""
        before = self.mark
        answers = 1 if anew or before is None else before.answers + 1
        if anew:
            self.path.write_bytes(b"")
        write_atomically(self._mark, json.dumps(asdict(Mark(address_of(url), validator, total, answers))))

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)
        self._mark.unlink(missing_ok=True)

    def finish(self) -> None:
        """The part becomes the file."""
        with self.path.open("rb") as stream:
            os.fsync(stream.fileno())
        os.replace(self.path, self.target)
        self._mark.unlink(missing_ok=True)


def address_of(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()
