"""zip, by the standard library: checksums of every member, names alike in the directory and beside the data."""

import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from cmrbridge.fetch.archives.member import CHUNK, Member, Unsafe, told

BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, RuntimeError)
ENCRYPTED = 0x1


def members(path: Path) -> Iterator[Member]:
    with told("the zip", *BROKEN), zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.flag_bits & ENCRYPTED:
                raise Unsafe(f"member {entry.filename!r} is encrypted")
            # what stood there, not what the library made of it: it cuts a name at a NUL
            yield Member(entry.orig_filename, _kind(entry), _content(archive, entry))


def _kind(entry: zipfile.ZipInfo) -> str:
    mode = stat.S_IFMT(entry.external_attr >> 16)
    if mode == stat.S_IFLNK:
        return "a symbolic link"
    if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "a device or a pipe"
    return "folder" if entry.orig_filename.endswith(("/", "\\")) or mode == stat.S_IFDIR else "file"


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    with told("the zip", *BROKEN), archive.open(entry) as stream:
        while chunk := stream.read(CHUNK):
            yield chunk
