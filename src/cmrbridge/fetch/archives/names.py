"""Names of members: where each may go, and that no two go to one place on any file system."""

import re
import unicodedata
from pathlib import PurePosixPath

from cmrbridge.fetch.archives.member import Unsafe

JUNK = re.compile(r"(^|/)(__MACOSX(/|$)|\.DS_Store$|\._[^/]*$|Thumbs\.db$)")  # what file managers add
LONGEST, DEEPEST = 255, 32  # bytes of a name; folders


def is_junk(name: str) -> bool:
    return bool(JUNK.search(name.replace("\\", "/")))


def safe(name: str) -> PurePosixPath:
    """The relative path that a member's name stands for; Unsafe where it leads elsewhere or is no name."""
    path = name.replace("\\", "/")  # what Windows wrote
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        raise Unsafe(f"member {name!r} has an absolute path")
    if ".." in parts:
        raise Unsafe(f"member {name!r} leads out of the folder")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in path):
        raise Unsafe(f"member {name!r} has a name with control characters or of no known encoding")
    if any(len(part.encode()) > LONGEST for part in parts) or len(parts) > DEEPEST:
        raise Unsafe(f"member {name[:60]!r}… has too long a name")
    return PurePosixPath(*parts)


class Taken:
    """The places that are taken, told apart as the least discerning file system does: not by case or Unicode form."""

    def __init__(self) -> None:
        self._spelt: dict[str, tuple[str, bool]] = {}

    def take(self, path: PurePosixPath, folder: bool) -> None:
        """Note the place of a file or ``folder``, and those of the folders above; Unsafe where another is there."""
        for above in [one for one in reversed(path.parents) if one.parts]:
            self._note(str(above), folder=True)
        if path.parts:
            self._note(str(path), folder)

    def _note(self, path: str, folder: bool) -> None:
        key = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", path).casefold())
        there = self._spelt.get(key)
        if there is not None and (there != (path, True) or not folder):
            raise Unsafe(f"members {there[0]!r} and {path!r} go to one place, on some file systems at least")
        self._spelt[key] = (path, folder)
