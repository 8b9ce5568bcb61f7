"""7z and rar files, which no library of ours writes: whole and well-formed, their members stored and not compressed."""

import struct
import zlib
from dataclasses import dataclass

FILE, LINK = 0o100644, 0o120777
SYMBOLIC, HARD, COPY = 1, 4, 5  # what a member of a rar may be in the place of a file


@dataclass(frozen=True)
class Entry:
    """name: as it will stand in the archive; mode: of Unix; redirect: (kind, target) of a rar's link."""

    name: str
    content: bytes = b""
    mode: int = FILE
    redirect: tuple[int, str] | None = None


def sevenzip(*entries: Entry) -> bytes:
    """One folder of the codec Copy; every entry needs content."""
    contents = [entry.content for entry in entries]
    names = b"\0" + b"".join(f"{entry.name}\0".encode("utf-16-le") for entry in entries)
    modes = b"\1\0" + b"".join(struct.pack("<I", 0x8000 | entry.mode << 16) for entry in entries)
    total, count = _number(sum(map(len, contents))), _number(len(entries))
    sizes = b"".join(_number(len(content)) for content in contents[:-1])
    digests = b"".join(struct.pack("<I", zlib.crc32(content)) for content in contents)
    packed = b"\x06" + _number(0) + _number(1) + b"\x09" + total + b"\0"
    folder = b"\x07\x0b" + _number(1) + b"\0" + _number(1) + b"\x01\x00" + b"\x0c" + total + b"\0"
    streams = b"\x08\x0d" + count + (b"\x09" + sizes if sizes else b"") + b"\x0a\x01" + digests + b"\0"
    files = b"\x05" + count + b"\x11" + _number(len(names)) + names + b"\x15" + _number(len(modes)) + modes + b"\0"
    header = b"\x01\x04" + packed + folder + streams + b"\0" + files + b"\0"
    data = b"".join(contents)
    start = struct.pack("<QQI", len(data), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", zlib.crc32(start)) + start + data + header


def rar(*entries: Entry) -> bytes:
    """Version 5."""
    files = b"".join(_block(2, *_file(entry)) for entry in entries)
    return b"Rar!\x1a\x07\x01\x00" + _block(1, b"\0") + files + _block(5, b"\0")


def _file(entry: Entry) -> tuple[bytes, bytes, bytes]:
    name, size = entry.name.encode(), _vint(len(entry.content))
    crc = struct.pack("<I", zlib.crc32(entry.content))
    extra = b""
    if entry.redirect:
        target = entry.redirect[1].encode()
        record = _vint(5) + _vint(entry.redirect[0]) + _vint(0) + _vint(len(target)) + target
        extra = _vint(len(record)) + record
    return (
        _vint(4) + size + _vint(entry.mode) + crc + _vint(0) + _vint(1) + _vint(len(name)) + name,
        extra,
        entry.content,
    )


def _block(kind: int, body: bytes, extra: bytes = b"", data: bytes = b"") -> bytes:
    flags = (1 if extra else 0) | (2 if kind == 2 else 0)
    sizes = (_vint(len(extra)) if extra else b"") + (_vint(len(data)) if kind == 2 else b"")
    header = _vint(kind) + _vint(flags) + sizes + body + extra
    measured = _vint(len(header)) + header
    return struct.pack("<I", zlib.crc32(measured)) + measured + data


def _vint(value: int) -> bytes:
    """rar's numbers: seven bits a byte, the lowest first."""
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _vint(rest) if rest else bytes([low])


def _number(value: int) -> bytes:
    """7z's numbers: the first byte's leading ones count those that follow, lowest first: here eight or none."""
    return bytes([value]) if value < 0x80 else b"\xff" + struct.pack("<Q", value)
