"""What every format's reader yields: one member after the other, each with its bytes to be read at once."""

from collections.abc import Iterator
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
