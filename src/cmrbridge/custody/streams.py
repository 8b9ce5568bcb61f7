"""Compressed files as streams: what stands before the content, and a beginning that can be read twice."""

import io
from typing import IO, BinaryIO

KEPT = 1 << 20  # bytes of a decompressed stream that can be read again
GZIP_HEADER = 1 << 17  # bytes; its extra fields have 64 KiB at most


def gzip_words(stream: BinaryIO) -> bytes:
    """What a gzip file says before its content: the name that the file had, a comment, extra fields."""
    start = stream.read(GZIP_HEADER)
    stream.seek(0)
    flags, rest, extra = int.from_bytes(start[3:4]), start[10:], b""
    if flags & 4:
        end = 2 + int.from_bytes(rest[:2], "little")
        extra, rest = rest[2:end], rest[end:]
    told = rest.split(b"\0")[: bool(flags & 8) + bool(flags & 16)]
    return b"\n".join([extra, *told])


class Seekable(io.RawIOBase):
    """A decompressed stream of which the first bytes can be read twice; memory stays bounded."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._start, self._at = stream.read(KEPT), 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence != 0 or offset or self._at > len(self._start):
            raise ValueError("only its beginning can be read again")
        self._at = 0
        return 0

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._at < len(self._start):
            block = self._start[self._at : self._at + len(buffer)]
        else:
            block = self._stream.read(len(buffer))
        buffer[: len(block)] = block
        self._at += len(block)
        return len(block)
