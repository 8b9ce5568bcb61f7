"""tar, plain or in gzip, bzip2 or xz, by the standard library, read to its end so that every checksum is seen."""

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from cmrbridge.fetch.archives.member import CHUNK, Member, Unsafe, told

OPENERS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
BROKEN = (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError, ValueError, OverflowError)
LARGEST_HEADER = 1 << 20  # bytes of an extended header, which is read whole
LARGEST_TAIL = 64 << 20  # bytes of zeros after the end, to which writers fill up


class _Careful:
    """A stream for tarfile, which reads as much at once as a header asks for, however much that is."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.tell = stream.tell
        self.seek = stream.seek

    def read(self, count: int) -> bytes:
        if count > LARGEST_HEADER + tarfile.RECORDSIZE:
            raise Unsafe(f"a header of it claims {count} bytes")
        return self.stream.read(count)


def opened(path: Path) -> IO[bytes]:
    """The stream of the tar, whatever it is compressed with; by its first bytes."""
    with path.open("rb") as raw:
        start = raw.read(6)
    opener = next((one for magic, one in OPENERS.items() if start.startswith(magic)), open)
    stream: IO[bytes] = opener(path, "rb")
    return stream


def _careful(stream: IO[bytes]) -> IO[bytes]:
    return cast(IO[bytes], _Careful(stream))  # tarfile asks for no more of a stream


def members(path: Path) -> Iterator[Member]:
    with (
        told("the tar", *BROKEN),
        opened(path) as stream,
        tarfile.open(fileobj=_careful(stream), mode="r:") as archive,
    ):
        for entry in archive:
            yield Member(entry.name, _kind(entry), _content(archive, entry))
        _finish(stream, archive.offset)


def _finish(stream: IO[bytes], end: int) -> None:
    """tarfile stops where a header cannot be read, without a word: see that a block of zeros is there, and the checksum
    of what the tar is compressed with."""
    stream.seek(end)
    block = stream.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE or block.strip(b"\0"):
        raise Unsafe("the tar is damaged or cut: it does not end where it ought to")
    while stream.read(CHUNK):
        if stream.tell() > end + LARGEST_TAIL:
            raise Unsafe("the tar goes on after its end")


def _kind(entry: tarfile.TarInfo) -> str:
    if entry.isdir():
        return "folder"
    if entry.isreg():
        return "file"
    return "a symbolic link" if entry.issym() else "a hard link" if entry.islnk() else "a device or a pipe"


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> Iterator[bytes]:
    left = entry.size
    with told("the tar", *BROKEN):
        stream = archive.extractfile(entry)
        while stream is not None and (chunk := stream.read(CHUNK)):
            left -= len(chunk)
            yield chunk
    if left:
        raise Unsafe(f"the tar is cut within {entry.name!r}")
