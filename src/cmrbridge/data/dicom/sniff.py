"""Which files of a folder are DICOM, by their first bytes: names and extensions tell nothing."""

import os
import struct
from dataclasses import dataclass
from pathlib import Path

LOOK = 2**16  # bytes that hold the file's meta group
PREAMBLE = 128
DIRECTORY = "1.2.840.10008.1.3.10"  # the storage class of a DICOMDIR, which lists files and holds no image
DEFLATED = "1.2.840.10008.1.2.1.99"
LONG = {b"OB", b"OW", b"UN", b"UT", b"SQ", b"OF", b"OD", b"OL", b"UC", b"UR"}  # lengths of four bytes, after two empty
REPRESENTATIONS = {b"CS", b"UI", b"DA", b"TM", b"LO", b"SH", b"UL", b"IS", b"DT", b"OB"}  # how group 0008 can begin


@dataclass(frozen=True)
class DicomFile:
    """syntax: UID of the transfer syntax, "" where the file has no meta group; storage: UID of its class, likewise."""

    path: Path
    syntax: str
    storage: str


def dicom_files(folder: Path) -> tuple[list[DicomFile], int]:
    """The DICOM files below ``folder``, sorted, without DICOMDIRs; and how many other files there are.

    Links to folders are not followed: a loop of them would never end.
    """
    paths = sorted(Path(home) / name for home, _, names in os.walk(folder) for name in names)
    sniffed = [sniff(path) for path in paths]
    files = [file for file in sniffed if file is not None and file.storage != DIRECTORY]
    return files, len(paths) - len(files)


def sniff(path: Path) -> DicomFile | None:
    """What the file's first bytes say, None where it is no DICOM file."""
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        start = stream.read(LOOK)
    if start[PREAMBLE : PREAMBLE + 4] == b"DICM":
        meta = _meta(start, PREAMBLE + 4)
        return DicomFile(path, meta.get(0x10, ""), meta.get(0x02, ""))
    return DicomFile(path, "", "") if _bare(start) else None


def _meta(start: bytes, offset: int) -> dict[int, str]:
    """Element → text of group 0002, which is always explicit little endian; up to where it is cut."""
    found = {}
    while offset + 8 <= len(start):
        group, element, representation = struct.unpack_from("<HH2s", start, offset)
        if group != 2:
            break
        long = representation in LONG
        head, form = (12, "<I") if long else (8, "<H")
        if offset + head > len(start):
            break
        (length,) = struct.unpack_from(form, start, offset + (8 if long else 6))
        value = start[offset + head : offset + head + length]
        found[element] = value.decode("ascii", "replace").rstrip("\0 ")
        offset += head + length
    return found


def _bare(start: bytes) -> bool:
    """Whether these bytes open a data set without preamble: an early element of group 0008, of a possible length."""
    if len(start) < 16:
        return False
    for order in "<>":
        group, element = struct.unpack_from(f"{order}HH", start)
        (length,) = struct.unpack_from(f"{order}I", start, 4)
        implicit = order == "<" and length <= 256 and length % 2 == 0
        if group == 8 and element <= 0x18 and (start[4:6] in REPRESENTATIONS or implicit):
            return True
    return False
