"""What a file says in words, wherever it keeps them: text, headers, containers, embedded and compressed parts.

Pictures and volumes are not read as pictures: letters drawn into pixels are not found.
"""

import base64
import binascii
import bz2
import gzip
import html
import io
import json
import lzma
import re
import sqlite3
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import unquote

import numpy as np

from cmrbridge.custody.streams import Seekable, gzip_words

WINDOW, OVERLAP = 1 << 20, 1 << 12  # bytes of a text that are looked at together, and of the last ones once more
LARGEST = 1 << 28  # bytes of a compressed or embedded part, unpacked
HEADER = 1 << 20  # bytes of a volume's header with its extensions
DEEPEST = 4  # containers within containers
TAR_MARK = slice(257, 262)  # where in a tar's first block its kind is written
EMBEDDED = re.compile(rb"data:[\w/+.-]*;base64,([A-Za-z0-9+/=]+)")
STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
SHOWN = re.compile(rb"\[((?:[^\]\\]|\\.)*)\]\s*TJ", re.DOTALL)  # a line of a PDF, in pieces between which it is kerned
PIECE = re.compile(rb"\(((?:[^()\\]|\\.)*)\)", re.DOTALL)
COMPRESSED_TEXT = {b"zTXt", b"iTXt", b"iCCP"}  # chunks of a PNG

Damage = (
    *(OSError, EOFError, ValueError, OverflowError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, struct.error),
    *(
        sqlite3.Error,
        tarfile.TarError,
        RuntimeError,
    ),  # the last: an encrypted member of a zip, or one of an unknown compression
)


class Part(NamedTuple):
    """A text of a file. place: within the file, "" for all of it; line: of the file in which the text begins, from 1,
    or 0 where it has none."""

    place: str
    text: str
    line: int = 0


class Unread(Exception):
    """A part that could not be opened; what is wrong with it."""


def parts_of(path: Path) -> Iterator[Part]:
    """All texts of a file in pieces of bounded size. Raises Unread where the file, or a part, cannot be opened."""
    try:
        with path.open("rb") as stream:
            if stream.read(16) == b"SQLite format 3\0":
                yield from _cells(path)
            stream.seek(0)
            yield from _parts(path.name, stream, "", 0)
    except Damage as error:
        raise Unread(f"{type(error).__name__}: {error}") from error


def _parts(name: str, stream: BinaryIO, place: str, depth: int) -> Iterator[Part]:
    """The texts of one file or part by what its first bytes, or its name, say that it is."""
    if depth > DEEPEST:
        raise Unread(f"{place}: more than {DEEPEST} containers, one in the other")
    start = stream.read(tarfile.BLOCKSIZE)
    stream.seek(0)
    for mark, unpacked in UNPACKED.items():
        if start.startswith(mark):
            if unpacked is gzip.open:
                yield from _text(io.BytesIO(gzip_words(stream)), f"{place} gzip header".strip(), depth)
            inner = io.BufferedReader(Seekable(unpacked(stream)))
            yield from _parts(Path(name).stem, inner, place, depth + 1)
            return
    for mark, reader in READERS.items():
        if start.startswith(mark):
            yield from reader(stream, place, depth)
            return
    if start[TAR_MARK] == b"ustar":
        yield from _tar(stream, place, depth)
        return
    for ending, reader in BY_NAME.items():
        if name.lower().endswith(ending):
            yield from reader(stream, place, depth)
            return
    yield from _text(stream, place, depth)


def _text(stream: BinaryIO, place: str, depth: int) -> Iterator[Part]:
    """Windows of the stream in every reading, and what is embedded in it as base64."""
    kept, line = b"", 0 if place else 1
    while block := stream.read(WINDOW):
        window = kept + block
        for reading in readings(window):
            yield Part(place, reading, line)
        for number, found in enumerate(_embedded(window), 1):
            inside = f"{place} embedded file {number}".strip()
            yield from _parts("", io.BytesIO(found), inside, depth + 1)
        kept = _kept(window)
        line += 0 if place else window.count(b"\n", 0, len(window) - len(kept))


def _kept(window: bytes) -> bytes:
    """What the next window begins with: the last bytes, and all of an embedded file that has begun and not ended."""
    begun = window.rfind(b";base64,")
    open_end = begun >= 0 and len(window) < LARGEST and re.fullmatch(rb"[A-Za-z0-9+/=]*", window[begun + 8 :])
    return window[max(0, begun - 64) :] if open_end else window[-OVERLAP:]


def _embedded(window: bytes) -> Iterator[bytes]:
    """Embedded files that end within the window."""
    for match in EMBEDDED.finditer(window):
        if match.end() < len(window):
            try:
                yield base64.b64decode(match[1], validate=True)
            except binascii.Error:
                continue


def readings(window: bytes) -> Iterator[str]:
    """A window as it stands, and with the ways undone in which letters are written otherwise."""
    text = unicodedata.normalize("NFC", window.decode("utf-8", errors="replace"))
    yield text
    if "\N{REPLACEMENT CHARACTER}" in text:
        yield window.decode("latin-1")
    if "\0" in text:  # two or four bytes a letter
        yield window.replace(b"\0", b"").decode("latin-1")
    if "&" in text:
        yield html.unescape(text)
    if "%" in text:
        yield unquote(text)
    if "\\" in text:
        yield re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code[1], 16)), text)
        yield re.sub(r"\\([^\w\s])", r"\1", text)  # patient\_007


def _header_only(size: int) -> Callable[[BinaryIO, str, int], Iterator[Part]]:
    def read(stream: BinaryIO, place: str, depth: int) -> Iterator[Part]:
        yield from _text(io.BytesIO(stream.read(size)), f"{place} header".strip(), depth)

    return read


def _nifti(stream: BinaryIO, place: str, depth: int) -> Iterator[Part]:
    """All bytes before the voxels: the header's fields and the extensions."""
    start = stream.read(352)
    order = "<" if start[:2] in (b"\x5c\x01", b"\x1c\x02") else ">"
    is_second = struct.unpack(f"{order}i", start[:4])[0] == 540
    if is_second:
        start += stream.read(192)
        (offset,) = struct.unpack(f"{order}q", start[168:176])
    else:
        offset = int(struct.unpack(f"{order}f", start[108:112])[0])
    start += stream.read(max(0, min(offset, HEADER) - len(start)))
    yield from _text(io.BytesIO(start), f"{place} header".strip(), depth)


def _safetensors(stream: BinaryIO, place: str, depth: int) -> Iterator[Part]:
    """The JSON before the weights, in which ours holds more JSON."""
    (length,) = struct.unpack("<Q", stream.read(8))
    if length > LARGEST:
        raise Unread(f"{place}: its header announces {length} bytes")
    header = stream.read(length)
    yield from _text(io.BytesIO(header), f"{place} header".strip(), depth)
    told = json.loads(header)
    about = told.get("__metadata__") if isinstance(told, dict) else None
    if isinstance(about, dict):
        yield from _text(io.BytesIO("\n".join(map(str, about.values())).encode()), f"{place} header".strip(), depth)


def _zip(stream: BinaryIO, place: str, depth: int) -> Iterator[Part]:
    with zipfile.ZipFile(stream) as archive:
        yield Part(place, "\n".join(archive.namelist()))
        comments = [archive.comment, *(member.comment for member in archive.infolist())]
        yield from _text(io.BytesIO(b"\n".join(comments)), f"{place} comments".strip(), depth)
        for member in archive.infolist():
            inside = f"{place} member {member.filename}".strip()
            with archive.open(member) as content:
                yield from _parts(member.filename, io.BufferedReader(Seekable(content)), inside, depth + 1)


def _tar(stream: BinaryIO, place: str, depth: int) -> Iterator[Part]:
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            told = [member.name, member.linkname, member.uname, member.gname, *member.pax_headers.values()]
            yield Part(place, "\n".join(told))
            content = archive.extractfile(member) if member.isfile() else None
            if content:
                inside = f"{place} member {member.name}".strip()
                yield from _parts(member.name, io.BufferedReader(Seekable(content)), inside, depth + 1)


def _array(stream: BinaryIO, place: str, depth: int) -> Iterator[Part]:
    """A NumPy array, if it may hold text: anything but numbers, or bytes in one dimension."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, kind = read(stream)
    if kind.kind not in "biufc" or (kind == np.uint8 and len(shape) == 1):
        yield from _text(stream, place, depth)


def _png(stream: BinaryIO, place: str, depth: int) -> Iterator[Part]:
    """Every chunk but the pixels, its text unpacked."""
    stream.read(8)
    while len(start := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", start)
        if length > LARGEST:
            raise Unread(f"{place}: a chunk of {length} bytes")
        content = stream.read(length)
        stream.read(4)
        if kind == b"IDAT":
            continue
        inside = f"{place} chunk {kind.decode('latin-1')}".strip()
        yield from _text(io.BytesIO(content), inside, depth)
        if kind in COMPRESSED_TEXT:
            yield from _text(io.BytesIO(_inflated_tail(content)), inside, depth)


def _inflated_tail(content: bytes) -> bytes:
    """What is compressed at the end of a chunk; nothing where nothing is."""
    for start in (at for at in range(min(len(content), 512)) if content[at : at + 1] == b"\x78"):
        try:
            return zlib.decompressobj().decompress(content[start:], LARGEST)
        except zlib.error:
            continue
    return b""


def _webp(stream: BinaryIO, place: str, depth: int) -> Iterator[Part]:
    """Every chunk but the pixels: EXIF, XMP, colour profile."""
    stream.read(12)
    while len(start := stream.read(8)) == 8:
        kind, length = struct.unpack("<4sI", start)
        content = stream.read(min(length + length % 2, LARGEST))
        if kind not in (b"VP8 ", b"VP8L", b"ALPH", b"ANMF"):
            yield from _text(io.BytesIO(content), f"{place} chunk {kind.decode('latin-1').strip()}".strip(), depth)


def _pdf(stream: BinaryIO, place: str, depth: int) -> Iterator[Part]:
    """The file as it stands, and the lines of its unpacked streams with their kerned pieces joined."""
    content = stream.read(LARGEST)
    yield from _text(io.BytesIO(content), place, depth)
    for number, match in enumerate(STREAM.finditer(content), 1):
        inside = f"{place} stream {number}".strip()
        try:
            unpacked = zlib.decompressobj().decompress(match[1], LARGEST)
        except zlib.error:  # stored as it is, and read above
            continue
        lines = [b"".join(PIECE.findall(line)) for line in SHOWN.findall(unpacked)]
        yield from _text(io.BytesIO(b"\n".join(line.replace(b"\0", b"") for line in lines)), inside, depth)
        yield from _text(io.BytesIO(unpacked), inside, depth)


def _cells(path: Path) -> Iterator[Part]:
    """Every cell of every table (values that span pages of the file are whole only here)."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
        database.text_factory = lambda raw: raw.decode("utf-8", errors="replace")
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            quoted = name.replace('"', '""')
            for row in database.execute(f'SELECT * FROM "{quoted}"'):
                yield Part(f"table {name}", "\n".join(str(cell) for cell in row if cell is not None))


UNPACKED: dict[bytes, Callable[[Any], Any]] = {b"\x1f\x8b": gzip.open, b"\xfd7zXZ\0": lzma.open, b"BZh": bz2.open}
READERS = {
    b"PK\x03\x04": _zip,
    b"\x93NUMPY": _array,
    b"\x89PNG": _png,
    b"RIFF": _webp,
    b"%PDF": _pdf,
    b"\x5c\x01\x00\x00": _nifti,
    b"\x00\x00\x01\x5c": _nifti,
    b"\x1c\x02\x00\x00": _nifti,
    b"\x00\x00\x02\x1c": _nifti,
}
BY_NAME = {".safetensors": _safetensors}
