"""An archive into a folder that is there whole or not at all."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cmrbridge.errors import InputError
from cmrbridge.fetch.archives import others, tars, zips
from cmrbridge.fetch.archives.member import Member, Unsafe
from cmrbridge.fetch.archives.names import Taken, is_junk, safe

Report = Callable[[int], None]  # bytes written so far
SIGNATURES: tuple[tuple[int, bytes, Callable[[Path], Iterator[Member]]], ...] = (
    (0, b"PK\x03\x04", zips.members),
    (0, b"PK\x05\x06", zips.members),
    (0, b"7z\xbc\xaf\x27\x1c", others.members),
    (0, b"Rar!\x1a\x07", others.rar_members),
    *((0, magic, tars.members) for magic in tars.OPENERS),
    (257, b"ustar", tars.members),
)


@dataclass(frozen=True)
class Limits:
    """What an archive may make, judged by what is written and not by what its headers say.

    members: files and folders; ratio: bytes written for each byte of the archive, beyond ``free`` bytes, since a small
    archive of nothing but zeros is no bomb; size: bytes of it all; spare: bytes of the disk that are left free.
    """

    members: int = 1_000_000
    ratio: float = 100.0
    free: int = 256 << 20
    size: int = 1 << 40
    spare: int = 256 << 20


def unpack(archive: Path, folder: Path, limits: Limits, report: Report) -> None:
    """Unpack ``archive`` into the new folder ``folder``, by way of a hidden one beside it.

    Format by content. Contents and folders alone are taken: no modes, owners or times. InputError, and no folder, where
    anything is wrong with it: then nothing of it can be trusted.
    """
    unfinished = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
        _write(archive, unfinished, limits, report)
        os.replace(unfinished, folder)
    except Unsafe as reason:
        raise InputError(f"{archive}: not unpacked: {reason}; get the file again from where it is published") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def reader_of(archive: Path) -> Callable[[Path], Iterator[Member]]:
    """The reader of its format; Unsafe where it is none."""
    with archive.open("rb") as stream:
        start = stream.read(512)
    for offset, magic, reader in SIGNATURES:
        if start[offset:].startswith(magic):
            return reader
    raise Unsafe("it is no zip, tar, 7z or rar")


def _write(archive: Path, folder: Path, limits: Limits, report: Report) -> None:
    taken, own = Taken(), archive.stat().st_size
    written, allowed = 0, min(limits.size, limits.free + int(limits.ratio * own))
    for count, member in enumerate(reader_of(archive)(archive), 1):
        if count > limits.members:
            raise Unsafe(f"it has more than {limits.members} members")
        place = _place(member, taken)
        for size in _copy(member, folder / place if place else None):
            written += size
            if written > allowed:
                raise Unsafe(f"it grows beyond {allowed} bytes, {written / own:.0f} times its own size")
            if shutil.disk_usage(folder).free < limits.spare:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(archive))
            report(written)


def _place(member: Member, taken: Taken) -> PurePosixPath | None:
    """Where it goes; None for what nobody needs."""
    place = safe(member.name)
    if member.kind not in ("file", "folder"):
        raise Unsafe(f"member {member.name!r} is {member.kind}")
    if member.kind == "file" and not place.parts:
        raise Unsafe(f"member {member.name!r} has no name")
    if is_junk(member.name):
        return None
    taken.take(place, folder=member.kind == "folder")
    return place


def _copy(member: Member, target: Path | None) -> Iterator[int]:
    """Write one member where nothing was, or nowhere; yields the bytes of each piece before it is written."""
    if member.kind == "folder":
        if target:
            target.mkdir(parents=True, exist_ok=True)
        return
    if target:
        target.parent.mkdir(parents=True, exist_ok=True)
    with (target or Path(os.devnull)).open("xb" if target else "wb") as stream:
        for chunk in member.content:
            yield len(chunk)
            stream.write(chunk)
