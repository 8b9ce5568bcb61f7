"""The scan finds an identifier wherever a file of results can hold it, in the spellings that people use."""

import base64
import gzip
import io
import json
import lzma
import sqlite3
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import nibabel
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from cmrbridge.cli import main
from cmrbridge.core.checkpoint import write_tensors
from cmrbridge.custody import contents
from cmrbridge.custody.scan import scan
from cmrbridge.custody.words import Words
from cmrbridge.errors import InputError

NAME, PATIENT, BIRTH = "Planted^Jané", "MRN4711007", "1961-02-03"
LINES = [NAME, PATIENT, BIRTH]
SAID = "Jané Planted"


def hits(folder: Path, *lines: str) -> list[tuple[str, str, int]]:
    found = scan(folder, Words(list(lines or LINES), "words"), lambda *_, **__: None)
    return [(one.file.name, one.place, one.word) for one in found]


def png(path: Path, said: str = SAID, compressed: bool = False) -> Path:
    text = PngInfo()
    text.add_itxt("Comment", said, zip=compressed)
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(path, pnginfo=text)
    return path


def write_nifti(path: Path, kind: type = nibabel.Nifti1Image, extension: bool = False) -> None:
    image = kind(np.zeros((4, 4, 3), np.int16), np.eye(4))
    if extension:
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", SAID.encode()))
    else:
        image.header["aux_file"] = "PLANTED JANE"
    nibabel.save(image, path)


def write_pdf(path: Path) -> None:
    figure = plt.figure()
    figure.text(0.1, 0.5, "AV PlAnTeD jAnE WA")  # letters between which a PDF is kerned
    with plt.rc_context({"pdf.fonttype": 42}):
        figure.savefig(path)
    plt.close(figure)


def write_database(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE params (value TEXT)")
        database.execute("INSERT INTO params VALUES (?)", ["…" * 2000 + SAID + "…" * 3000])  # spans pages
    database.close()


def write_cases(path: Path) -> None:
    told = json.dumps([{"subject": SAID}])  # \u00e9
    np.savez_compressed(path, images=np.zeros(9, np.float32), cases=np.frombuffer(told.encode(), np.uint8))


def embedded(path: Path, kind: str = "png") -> bytes:
    return f'<img src="data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}">'.encode()


def write_page(path: Path) -> None:
    """A picture whose text is compressed, in a page, behind more than one window of it."""
    inside = embedded(png(path.with_suffix(".png"), compressed=True))
    path.with_suffix(".png").unlink()
    path.write_bytes(b"x" * (contents.WINDOW - 90) + inside + b"</html>")


def write_webp(path: Path) -> None:
    picture = Image.fromarray(np.zeros((4, 4), np.uint8))
    exif = Image.Exif()
    exif[0x010E] = "Planted Jane"
    picture.save(path, exif=exif)


def write_gzip(path: Path, name: str) -> None:
    """As the program gzip does: its header keeps the name of the file."""
    with path.open("wb") as stream, gzip.GzipFile(name, "wb", fileobj=stream) as packed:
        packed.write(b"nobody")


def write_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cases.csv", "nobody")
        archive.comment = SAID.encode()


def write_tar(path: Path) -> None:
    """A compressed member, whose own bytes say nothing; the tar itself is compressed where its name says so."""
    inside = gzip.compress(SAID.encode(), mtime=0)
    with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as archive:
        member = tarfile.TarInfo("log.gz")
        member.size = len(inside)
        archive.addfile(member, io.BytesIO(inside))


PLANTS: dict[str, Callable[[Path], object]] = {
    "cases.csv": lambda path: path.write_text(f"subject\n{SAID}\n"),
    "record.json": lambda path: path.write_text(json.dumps({"subject": SAID})),
    "metrics.jsonl": lambda path: path.write_text("{}\n" * 9 + json.dumps({"error": f"/data/{SAID}/x.nii"}) + "\n"),
    "log.txt": lambda path: path.write_text("planted_jane"),
    "report.html": lambda path: path.write_text("<td>Planted&nbsp;Jan&eacute;</td>"),
    "table.tex": lambda path: path.write_text(r"planted\_jane & 0.8"),
    "figure.svg": lambda path: path.write_text("<text>Planted, Jan&#233;</text>"),
    "crate.json": lambda path: path.write_text('{"@id": "Planted%20Jan%C3%A9"}'),
    "page.html": write_page,
    "overlay.pdf": write_pdf,
    "cases.npz": write_cases,
    "names.npy": lambda path: np.save(path, np.array([SAID])),
    "model.safetensors": lambda path: write_tensors(path, {}, {"subjects": [SAID]}),
    "image.nii.gz": write_nifti,
    "image.nii": lambda path: write_nifti(path, nibabel.Nifti2Image),
    "extended.nii.gz": lambda path: write_nifti(path, extension=True),
    "plain.png": png,
    "compressed.png": lambda path: png(path, compressed=True),
    "picture.webp": write_webp,
    "mlflow.db": write_database,
    "cases.csv.xz": lambda path: path.write_bytes(lzma.compress(SAID.encode())),
    "log.txt.gz": lambda path: path.write_bytes(gzip.compress(b"." * 3_000_000 + SAID.encode())),
    "renamed.csv.gz": lambda path: write_gzip(path, "planted_jane.csv"),
    "objects.npy": lambda path: np.save(path, np.array([SAID, None], dtype=object)),
    "records.npy": lambda path: np.save(path, np.array([(SAID, 1)], dtype=[("name", "U20"), ("n", "i4")])),
    "crate.zip": write_zip,
    "logs.tar": write_tar,
    "logs.tgz": write_tar,
    "utf16.txt": lambda path: path.write_bytes("Planted Jane".encode("utf-16")),
    "latin1.txt": lambda path: path.write_bytes(SAID.encode("latin-1")),
}


@pytest.mark.parametrize("name", PLANTS)
def test_each_kind_of_file_gives_its_identifier_away(tmp_path: Path, name: str) -> None:
    PLANTS[name](tmp_path / name)
    found = hits(tmp_path)
    assert {word for _, _, word in found} == {1}
    assert {file for file, _, _ in found} == {name}


def test_files_without_identifiers_give_nothing(tmp_path: Path) -> None:
    for name, plant in PLANTS.items():
        plant(tmp_path / name)
    assert hits(tmp_path, "Somebody Else", "MRN99999999", "1971-02-03") == []


@pytest.mark.parametrize(
    ("said", "line"),
    [("DOE^JANE", "Jane Doe"), ("doe_jane_02", "Doe, Jane"), ("DoeJane", "Doe^Jane"), ("mueller", "Müller"),
     ("Muller", "Müller"), ("id-0042.", "0042"), ("19610203", BIRTH), ("03.02.1961", BIRTH), ("3/2/1961", BIRTH),
     ("02/03/1961", BIRTH), ("3 Feb 1961", BIRTH), ("February 3rd, 1961", BIRTH), ("03-FEB-1961", BIRTH)],
)  # fmt: skip
def test_usual_spellings(tmp_path: Path, said: str, line: str) -> None:
    (tmp_path / "log.txt").write_text(f"one\ntwo {said}\n")
    assert hits(tmp_path, line) == [("log.txt", "line 2", 1)]


@pytest.mark.parametrize(("said", "line"), [("a10042b", "10042"), ("1004200", "10042"), ("model", "Ode"),
                                            ("1961-02-031", BIRTH), ("feed0042beef", "0042")])  # fmt: skip
def test_no_part_of_a_digest_or_a_longer_number(tmp_path: Path, said: str, line: str) -> None:
    (tmp_path / "log.txt").write_text(said)
    assert hits(tmp_path, line) == []


def test_names_of_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "Planted_Jane").mkdir()
    (tmp_path / "Planted_Jane" / "x_ED.nii.gz").write_bytes(b"")
    assert hits(tmp_path) == [("x_ED.nii.gz", "its name", 1)]


def test_empty_folders_and_links_that_lead_elsewhere(tmp_path: Path) -> None:
    """A copy of the folder, or an archive of it, would hold what these say."""
    folder, elsewhere = tmp_path / "results", tmp_path / "elsewhere"
    (folder / "Planted_Jane").mkdir(parents=True)
    (elsewhere / "deep").mkdir(parents=True)
    (elsewhere / "log.txt").write_text(SAID)
    (folder / "own.txt").write_text("nobody")
    (folder / "inside").symlink_to(folder / "own.txt")
    (folder / "content").symlink_to(elsewhere / "log.txt")
    (folder / "gone").symlink_to("/data/planted_jane.nii")
    (folder / "deep").symlink_to(elsewhere / "deep")
    assert hits(folder) == [
        ("Planted_Jane", "its name", 1),
        ("content", "line 1", 1),
        ("deep", "a link to a folder elsewhere; scan that too", 0),
        ("gone", "the target of the link", 1),
    ]


def test_what_cannot_be_read_is_no_clean_result(tmp_path: Path) -> None:
    (tmp_path / "cut.gz").write_bytes(gzip.compress(SAID.encode() * 99)[:-9])
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "begun.gz").write_bytes(b"\x1f\x8b")
    header = json.dumps([1]).encode()
    (tmp_path / "odd.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    (tmp_path / "odd.nii").write_bytes(struct.pack("<i104xf240x", 348, float("inf")))
    write_zip(tmp_path / "locked.zip")
    locked = bytearray((tmp_path / "locked.zip").read_bytes())
    locked[6] |= 1  # the flag "encrypted", beside the member and in the directory
    locked[locked.find(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "locked.zip").write_bytes(locked)
    found = scan(tmp_path, Words(LINES, "words"), lambda *_, **__: None)
    assert {one.file.name for one in found if not one.word} == {
        *("begun.gz", "cut.gz", "cut.npz", "odd.nii", "locked.zip"),
    }


def test_a_bomb_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I4s", 0x7FFFFFFF, b"tEXt") + zlib.compress(b"0" * 1000)
    )
    assert "chunk of 2147483647 bytes" in str(scan(tmp_path, Words(LINES, "words"), lambda *_, **__: None)[0])


def test_the_command_tells_places_and_no_identifiers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words, results = tmp_path / "words.txt", tmp_path / "results"
    results.mkdir()
    words.write_text("\n".join(LINES))
    (results / "log.txt").write_text("nobody\n")
    assert main(["scan", str(results), "--words", str(words)]) == 0
    (results / "log.txt").write_text(f"{PATIENT}\nnobody\n{PATIENT}\n")
    assert main(["scan", str(results), "--words", str(words)]) == 1
    told = capsys.readouterr().out
    assert "log.txt: line 1: identifier of line 2" in told
    assert PATIENT not in told


def test_a_list_that_finds_everything_or_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="line 2 has fewer than 3 letters"):
        Words(["Doe", "J."], "words.txt")
    with pytest.raises(InputError, match="no identifier"):
        Words(["", " "], "words.txt")
