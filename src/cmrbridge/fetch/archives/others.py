"""7z and rar, by libarchive; what it does not tell of a rar (its end, volumes, links, checksums) says rarfile."""

import importlib.metadata
import os
import stat
import zlib
from collections.abc import Iterator
from ctypes import create_string_buffer
from dataclasses import replace
from pathlib import Path
from typing import Any

from cmrbridge.fetch.archives.member import CHUNK, Member, Unsafe, told

FORMATS = {b"7z\xbc\xaf\x27\x1c": "7zip", b"Rar!\x1a\x07\x00": "rar", b"Rar!\x1a\x07\x01": "rar5"}
WHAT = "the archive, if it is not encrypted,"
KINDS = {0: "file", stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "a symbolic link"}


def members(path: Path) -> Iterator[Member]:
    """No parser is woken but that of the format which the file's first bytes name."""
    libarchive = _libarchive()
    with path.open("rb") as stream:
        start = stream.read(8)
    form = next(name for magic, name in FORMATS.items() if start.startswith(magic))
    with (
        told(WHAT, libarchive.ArchiveError),
        libarchive.file_reader(str(path), format_name=form, filter_name="none") as archive,
    ):
        for entry in archive:
            yield Member(_name(entry), _kind(entry), _content(entry, libarchive))


def rar_members(path: Path) -> Iterator[Member]:
    """The same for a rar, once its headers say that all of it is here."""
    import rarfile

    kinds: list[int] = []
    with (
        told("the rar", rarfile.Error),
        rarfile.RarFile(path, info_callback=lambda header: kinds.append(header.type)) as archive,
    ):
        entries, volumes, locked = archive.infolist(), archive.volumelist(), archive.needs_password()
    if locked or len(volumes) > 1:
        raise Unsafe("the rar is encrypted" if locked else f"the rar comes in {len(volumes)} volumes")
    if rarfile.RAR_BLOCK_ENDARC not in kinds:
        raise Unsafe("the rar is cut: its end is missing")
    links = [one.filename for one in entries if one.is_symlink() or getattr(one, "file_redir", None)]
    if links:
        raise Unsafe(f"member {links[0]!r} is a link or a copy of another")
    with told("the rar", ValueError):
        for entry, member in zip(entries, members(path), strict=True):
            yield replace(member, content=_verified(member, entry.CRC))


def _verified(member: Member, wanted: int | None) -> Iterator[bytes]:
    """libarchive lets stored members pass, whatever their checksum. wanted: None where the rar has another kind."""
    found = 0
    for chunk in member.content:
        found = zlib.crc32(chunk, found)
        yield chunk
    if wanted is not None and member.kind == "file" and found != wanted:
        raise Unsafe(f"member {member.name!r} is damaged: its checksum does not fit")


def _libarchive() -> Any:
    """The binding, told of the library that the package archi brings along: no machine needs one of its own."""
    files = importlib.metadata.files("archi") or []
    brought = [str(file.locate()) for file in files if file.name.startswith("libarchive")]
    if brought:
        os.environ.setdefault("LIBARCHIVE", brought[0])
    import libarchive

    return libarchive


def _name(entry: Any) -> str:
    if not isinstance(entry.pathname, str):
        raise Unsafe(f"member {entry.pathname!r} has a name of no known encoding")
    return entry.pathname


def _kind(entry: Any) -> str:
    return "a hard link" if entry.islnk else KINDS.get(stat.S_IFMT(entry.mode), "a device or a pipe")


def _content(entry: Any, libarchive: Any) -> Iterator[bytes]:
    """The binding's own loop takes a warning, such as that of a checksum, for bytes."""
    buffer = create_string_buffer(CHUNK)
    with told(WHAT, libarchive.ArchiveError):
        while count := libarchive.ffi.read_data(entry._archive_p, buffer, CHUNK):
            if count < 0:
                raise Unsafe(f"member {entry.pathname!r} is damaged: its checksum does not fit")
            yield buffer.raw[:count]
