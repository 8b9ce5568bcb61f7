"""7z and rar by libarchive, in a wheel that brings it along; a rar's links, which it does not tell, by rarfile."""

import stat
from collections.abc import Iterator
from pathlib import Path

from cmrbridge.fetch.archives.member import CHUNK, Member, Unsafe


def members(path: Path) -> Iterator[Member]:
    import archi

    try:
        with path.open("rb") as stream:
            for entry in archi.Archive(stream):
                yield Member(entry.filename, _kind(entry.mode), _content(entry))
    except (archi.Error, UnicodeDecodeError, MemoryError) as error:
        raise Unsafe(f"the archive is damaged, cut or encrypted ({error})") from error


def rar_members(path: Path) -> Iterator[Member]:
    """The same, once its headers say that it is whole, in one volume, not encrypted and without links or copies."""
    import rarfile

    kinds: list[int] = []
    try:
        with rarfile.RarFile(path, info_callback=lambda header: kinds.append(header.type)) as archive:
            entries, volumes, locked = archive.infolist(), archive.volumelist(), archive.needs_password()
    except rarfile.Error as error:
        raise Unsafe(f"the rar is damaged or cut ({error})") from error
    if locked or len(volumes) > 1:
        raise Unsafe("the rar is encrypted" if locked else f"the rar comes in {len(volumes)} volumes")
    if rarfile.RAR_BLOCK_ENDARC not in kinds:
        raise Unsafe("the rar is cut: its end is missing")
    links = [one.filename for one in entries if one.is_symlink() or getattr(one, "file_redir", None)]
    if links:
        raise Unsafe(f"member {links[0]!r} is a link")
    yield from members(path)


def _kind(mode: int) -> str:
    kinds = {0: "file", stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "a symbolic link"}
    return kinds.get(stat.S_IFMT(mode), "a device or a pipe")


def _content(entry: "archi.Entry") -> Iterator[bytes]:  # type: ignore[name-defined]  # noqa: F821
    while chunk := entry.read(CHUNK):
        yield chunk
