"""An archive is unpacked whole, into its folder and nowhere else, or not at all and with one line that says why."""

import bz2
import gzip
import io
import lzma
import random
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archives import COPY, FILE, HARD, LINK, SYMBOLIC, Entry, rar, sevenzip
from cmrbridge.errors import InputError
from cmrbridge.fetch.archives.member import Unsafe
from cmrbridge.fetch.archives.names import Taken, safe
from cmrbridge.fetch.archives.unpack import Limits, unpack

NOISE = random.Random(0).randbytes(70_000)


def zipped(*entries: Entry) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in entries:
            info = zipfile.ZipInfo("x")
            info.filename = info.orig_filename = entry.name
            info.external_attr = entry.mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, entry.content)
    return buffer.getvalue()


def tarred(*entries: Entry) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for entry in entries:
            info = tarfile.TarInfo(entry.name)
            info.size = len(entry.content)
            if stat.S_ISLNK(entry.mode):
                info.type, info.linkname, info.size = tarfile.SYMTYPE, entry.content.decode(), 0
            archive.addfile(info, io.BytesIO(entry.content))
    return buffer.getvalue()


WRITERS: dict[str, Callable[..., bytes]] = {
    "zip": zipped,
    "tar": tarred,
    "tar.gz": lambda *entries: gzip.compress(tarred(*entries)),
    "tar.bz2": lambda *entries: bz2.compress(tarred(*entries)),
    "tar.xz": lambda *entries: lzma.compress(tarred(*entries)),
    "7z": sevenzip,
    "rar": rar,
}
formats = pytest.mark.parametrize("form", WRITERS)


def unpacked(content: bytes, folder: Path, limits: Limits = Limits()) -> dict[str, bytes]:  # noqa: B008
    """Names and contents of all files; the archive is called after no format, as a download is."""
    archive = folder / "archive"
    archive.write_bytes(content)
    unpack(archive, folder / "out", limits, lambda written: None)
    out = folder / "out"
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def refused(content: bytes, folder: Path, limits: Limits = Limits()) -> str:  # noqa: B008
    """The line that it ends with: nothing is left, neither in its folder nor beside it nor above."""
    home = folder / "inner" / "home"
    home.mkdir(parents=True)
    before = sorted(folder.rglob("*"))
    with pytest.raises(InputError) as error:
        unpacked(content, home, limits)
    assert sorted(folder.rglob("*")) == sorted([*before, home / "archive"])
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(f"{home / 'archive'}: not unpacked: ")
    return str(error.value)


@formats
def test_contents_arrive(form: str, tmp_path: Path) -> None:
    entries = [Entry("a/b/one.bin", NOISE), Entry("a/zwei ü.txt", b"two"), Entry("__MACOSX/._one", b"x")]
    assert unpacked(WRITERS[form](*entries), tmp_path) == {"a/b/one.bin": NOISE, "a/zwei ü.txt": b"two"}


@formats
@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "a/../../x",
        "/x",
        "//x",
        "..\\x",
        "a\\..\\..\\x",
        "\\x",
        "C:/x",
        "c:x",
        "C:\\x",
        "..",
        "a/\x01b",
        "n" * 300,
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(form: str, name: str, tmp_path: Path) -> None:
    """Some readers mend such names; then the file lies within the folder, which is as good."""
    try:
        message = refused(WRITERS[form](Entry("good", b"1"), Entry(name, b"evil")), tmp_path)
    except pytest.fail.Exception:
        assert form in ("7z", "rar")
        inside = tmp_path / "inner" / "home"
        assert {path.name for path in tmp_path.iterdir()} == {"inner"}
        assert {path.name for path in inside.iterdir()} == {"archive", "out"}
    else:
        assert "member" in message


@formats
@pytest.mark.parametrize(
    "pair", [("a", "A"), ("x/é", "x/e\u0301"), ("a", "a"), ("a", "a/b"), ("a/b", "A/c"), ("ſ", "s")]
)
def test_two_members_of_one_place_are_refused(form: str, pair: tuple[str, str], tmp_path: Path) -> None:
    content = WRITERS[form](*(Entry(name, b"x") for name in pair))
    assert "go to one place" in refused(content, tmp_path)


@formats
@pytest.mark.parametrize("order", [1, -1])
def test_a_symbolic_link_is_refused(form: str, order: int, tmp_path: Path) -> None:
    """Through it the next member would be written where it points."""
    redirect = (SYMBOLIC, "../..")
    entries = [Entry("a", b"../..", LINK, redirect if form == "rar" else None), Entry("a/evil", b"x")]
    assert "link" in refused(WRITERS[form](*entries[::order]), tmp_path)


@pytest.mark.parametrize("kind", [HARD, COPY])
def test_a_rar_s_hard_link_or_copy_is_refused(kind: int, tmp_path: Path) -> None:
    content = rar(Entry("a", b"x"), Entry("b", redirect=(kind, "/etc/passwd")))
    assert "is a link" in refused(content, tmp_path)


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_a_tar_s_links_and_devices_are_refused(kind: bytes, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("a")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    assert "member 'a' is a" in refused(buffer.getvalue(), tmp_path)


@pytest.mark.parametrize("mode", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
@pytest.mark.parametrize("form", ["zip", "7z"])
def test_devices_are_refused(form: str, mode: int, tmp_path: Path) -> None:
    assert "device" in refused(WRITERS[form](Entry("a", b"x", mode | 0o644)), tmp_path)


SMALL = Limits(free=1 << 16)


@pytest.mark.parametrize("form", ["zip", "tar.gz", "tar.bz2", "tar.xz"])
def test_a_bomb_is_refused_by_what_it_writes(form: str, tmp_path: Path) -> None:
    content = WRITERS[form](Entry("zeros", bytes(30_000_000)))
    assert "times its own size" in refused(content, tmp_path, SMALL)


def test_a_bomb_whose_header_lies_is_refused(tmp_path: Path) -> None:
    """The zip says that the file has ten bytes: no more than that is ever written, and the checksum does not fit."""
    content = bytearray(zipped(Entry("zeros", bytes(30_000_000))))
    for signature, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", content, content.index(signature) + at, 10)
    assert "damaged" in refused(bytes(content), tmp_path, SMALL)


def test_many_small_members_make_a_bomb_too(tmp_path: Path) -> None:
    entries = [Entry(f"{number}", b"x") for number in range(50)]
    assert "more than 20 members" in refused(zipped(*entries), tmp_path, Limits(members=20))


def test_junk_counts_towards_the_limit(tmp_path: Path) -> None:
    content = zipped(Entry("__MACOSX/zeros", bytes(30_000_000)), Entry("a", b"x"))
    assert "times its own size" in refused(content, tmp_path, SMALL)


def test_a_tar_that_goes_on_after_its_end_is_refused(tmp_path: Path) -> None:
    content = gzip.compress(tarred(Entry("a", b"x")) + bytes(70 << 20), compresslevel=1)
    assert "goes on after its end" in refused(content, tmp_path)


def test_a_header_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    """An extended header is read whole, whatever size it claims."""
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 1 << 33
    assert "claims" in refused(gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(4096)), tmp_path)


def test_a_zip_of_gzip_files_such_as_acdc_s_passes(tmp_path: Path) -> None:
    """Of 150 patients: images, small texts, and labels of hardly anything but zeros."""
    entries = []
    for patient in range(150):
        folder = f"ACDC/database/training/patient{patient:03d}"
        entries += [Entry(f"{folder}/image.nii.gz", gzip.compress(NOISE[:2000])), Entry(f"{folder}/Info.cfg", b"ED: 1")]
        entries += [Entry(f"{folder}/label.nii.gz", gzip.compress(bytes(200_000)))]
    found = unpacked(zipped(*entries), tmp_path, SMALL)
    assert found == {entry.name: entry.content for entry in entries}


@formats
def test_an_archive_cut_anywhere_is_refused(form: str, tmp_path: Path) -> None:
    """Between two members too, where a careless reader would take the first for all."""
    content = WRITERS[form](*(Entry(name, NOISE[:700]) for name in "abc"))
    for at in [8, 40, *range(300, len(content) - 1, len(content) // 8), len(content) - 1]:
        if form.startswith("tar") and len(tarred(*(Entry(name, NOISE[:700]) for name in "abc"))) - at < 8700:
            continue  # only the zeros of its end are gone
        (tmp_path / str(at)).mkdir()
        refused(content[:at], tmp_path / str(at))


@formats
def test_a_flipped_bit_is_refused_or_changes_no_content(form: str, tmp_path: Path) -> None:
    """A tar by itself has checksums of its headers alone: what it is downloaded with must have the others."""
    entries = dict.fromkeys(("a", "b"), NOISE[:300])
    content = WRITERS[form](*(Entry(name, data) for name, data in entries.items()))
    rolled = random.Random(form)
    for number in range(25):
        broken = bytearray(content)
        broken[rolled.randrange(len(broken))] ^= 1 << rolled.randrange(8)
        home = tmp_path / str(number)
        home.mkdir()
        try:
            found = unpacked(bytes(broken), home)
        except InputError:
            continue
        assert form == "tar" or sorted(found.values()) == sorted(entries.values())


@pytest.mark.parametrize(
    "content", [b"", b"x", b"<html>", gzip.compress(b"no tar", mtime=0), b"PK\x03\x04", b"Rar!\x1a\x07\x01\x00"]
)
def test_what_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    refused(content, tmp_path)


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    content = bytearray(zipped(Entry("a", b"x")))
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + at] |= 1
    assert "encrypted" in refused(bytes(content), tmp_path)


def test_what_an_earlier_run_left_behind_is_no_obstacle(tmp_path: Path) -> None:
    left = tmp_path / ".out.unpacking" / "old"
    left.mkdir(parents=True)
    assert unpacked(zipped(Entry("a", b"x")), tmp_path) == {"a": b"x"}
    assert not left.exists()


def test_modes_are_not_taken(tmp_path: Path) -> None:
    unpacked(zipped(Entry("a", b"x", FILE | stat.S_ISUID | 0o777)), tmp_path)
    assert not (tmp_path / "out" / "a").stat().st_mode & (stat.S_ISUID | stat.S_IXUSR)


@given(st.text(min_size=1, max_size=40))
@settings(max_examples=300, deadline=None)
def test_a_safe_name_stays_below_its_folder(name: str) -> None:
    try:
        place = safe(name)
    except Unsafe:
        return
    folder = Path("/somewhere/below")
    assert (folder / place).resolve().is_relative_to(folder)
    assert not place.is_absolute()


@given(st.lists(st.text("aA/éE\u0301", min_size=1, max_size=6), max_size=8))
@settings(max_examples=300, deadline=None)
def test_names_that_are_taken_are_taken_once(names: list[str]) -> None:
    taken, files = Taken(), set()
    for name in names:
        try:
            place = safe(name)
            taken.take(place, folder=False)
        except Unsafe:
            continue
        if place.parts:
            assert str(place).casefold() not in files
            files.add(str(place).casefold())
