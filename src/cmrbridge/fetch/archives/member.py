"""What every format's reader yields: one member after the other, each with its bytes to be read at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

CHUNK = 1 << 18


class Unsafe(Exception):
    """An archive that must not, or cannot, be unpacked; the text says why."""


@dataclass(frozen=True)
class Member:
    """One entry of an archive.

    name: as it stands there; kind: "file", "folder" or what else it is ("a symbolic link"); content: the bytes of a
    file, to be read before the next member is asked for.
    """

    name: str
    kind: str
    content: Iterator[bytes]


@contextmanager
def told(what: str, *broken: type[Exception]) -> Iterator[None]:
    """Around all that reads an archive, contents too: a reader's own errors become Unsafe, those of the disk stay."""
    try:
        yield
    except broken as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise Unsafe(f"{what} is damaged or cut ({error})") from error
