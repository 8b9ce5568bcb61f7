"""A data set's folder is made whole from its files, wherever they come from, and only when all of them fit."""

import hashlib
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from cmrbridge.errors import InputError
from cmrbridge.fetch.dataset import fetch_dataset
from cmrbridge.fetch.download import Patience
from cmrbridge.fetch.source import Source
from hosts import Host, cut, running, status

QUICK = Patience(timeout=1.0, wait=0.01, attempts=2, total=10.0)


def zipped(**members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


ARCHIVE = zipped(
    ACDC__database__training__patient001__Info="ED: 1", ACDC__database__testing__x="2", ACDC__README="hello"
)
ROW = Source(
    dataset="acdc", file="ACDC.zip", form="archive", urls=(), size=None, sha256="", place=".",
    holds="training/patient001", licence="CC BY", registration="https://example.org/form", note="", citation="somebody",
)  # fmt: skip


def fetch(folder: Path, *sources: Source) -> Path:
    return fetch_dataset(sources, folder, {}, lambda step, total: None, QUICK)


def put(folder: Path, content: bytes, name: str = "ACDC.zip") -> Path:
    files = folder / "acdc.files"
    files.mkdir(parents=True, exist_ok=True)
    (files / name).write_bytes(content)
    return files / name


def contents(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_what_is_put_there_by_hand_is_taken_and_its_digest_recorded(tmp_path: Path) -> None:
    put(tmp_path, ARCHIVE)
    home = fetch(tmp_path, ROW)
    assert contents(home) == ["testing/x", "training/patient001/Info"]
    (row,) = json.loads((tmp_path / "acdc.files" / "sources.json").read_text())
    assert row["sha256"] == hashlib.sha256(ARCHIVE).hexdigest()
    assert (row["known"], row["from"]) == (False, "put there by hand")


def test_a_file_of_another_digest_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path, ARCHIVE)
    with pytest.raises(
        InputError, match=r"sha256 is .*remove it, then get ACDC\.zip .*https://example\.org/form"
    ) as error:
        fetch(tmp_path, replace(ROW, sha256="0" * 64))
    assert str(error.value).startswith(str(path))
    assert not (tmp_path / "acdc").exists()
    assert path.exists(), "a person's file is theirs to remove"


@pytest.mark.parametrize(("content", "reason"), [(b"", "empty"), (b"<html>Log in</html>", "a page for a browser")])
def test_an_empty_file_or_a_saved_page_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    put(tmp_path, content)
    with pytest.raises(InputError, match=reason):
        fetch(tmp_path, ROW)


def test_what_no_program_may_fetch_is_asked_of_the_person_before_any_server(tmp_path: Path) -> None:
    with running(ARCHIVE) as host:
        rows = [replace(ROW, urls=(host.url(),)), replace(ROW, file="labels.zip")]
        with pytest.raises(InputError, match=r"labels\.zip: no program may fetch it .*put it there"):
            fetch(tmp_path, *rows)
        assert not host.asked


def test_a_study_that_has_its_data_downloads_nothing(tmp_path: Path) -> None:
    (tmp_path / "acdc" / "training").mkdir(parents=True)
    assert fetch(tmp_path, replace(ROW, urls=("https://example.invalid/",))) == tmp_path / "acdc"
    assert [path.name for path in tmp_path.iterdir()] == ["acdc"]


def test_downloads_and_files_by_hand_make_one_data_set(tmp_path: Path) -> None:
    """One archive by hand, one from a host that breaks off, one plain file in a folder of its own."""
    put(tmp_path, ARCHIVE)
    second, table = zipped(SCD__a="3"), b"PatientID;a\n"
    with running(second) as host, running(table) as other:
        host.answers = [cut(20)]
        rows = [
            ROW,
            replace(ROW, file="more.zip", urls=(host.url(),), place="images", holds="SCD"),
            replace(ROW, file="table.csv", form="file", urls=(other.url(),), holds=""),
        ]
        home = fetch(tmp_path, *rows)
    assert contents(home) == ["images/SCD/a", "table.csv", "testing/x", "training/patient001/Info"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["acdc", "acdc.files"]


@pytest.mark.parametrize(
    "content", [zipped(a="1"), zipped(a__training__patient001__x="1", b__training__patient001__x="1")]
)
def test_an_archive_of_something_else_leaves_nothing(tmp_path: Path, content: bytes) -> None:
    put(tmp_path, content)
    with pytest.raises(InputError, match=r"times, not once: is it ACDC\.zip of acdc"):
        fetch(tmp_path, ROW)
    assert [path.name for path in tmp_path.iterdir()] == ["acdc.files"]


def test_two_archives_that_bring_the_same_file_are_refused(tmp_path: Path) -> None:
    put(tmp_path, ARCHIVE)
    put(tmp_path, ARCHIVE, "again.zip")
    with pytest.raises(InputError, match=r"again\.zip: holds \w+, which another file of acdc brought"):
        fetch(tmp_path, ROW, replace(ROW, file="again.zip"))


def test_a_failed_download_leaves_the_others_for_the_next_run(tmp_path: Path) -> None:
    def rows(host: Host) -> list[Source]:
        more = replace(ROW, file="b.csv", form="file", holds="", urls=(host.url() + "/b",))
        return [replace(ROW, urls=(host.url(),)), more]

    with running(ARCHIVE) as host:
        host.answers = [cut(len(ARCHIVE)), status(404)]
        with pytest.raises(InputError, match=r"b\.csv: not to be had: .*status 404"):
            fetch(tmp_path, *rows(host))
        fetch(tmp_path, *rows(host))
        assert len(host.asked) == 3


def test_no_secret_is_written_down(tmp_path: Path) -> None:
    with running(ARCHIVE) as host:
        rows = [replace(ROW, urls=(f"{host.url()}?key=hunter2",))]
        fetch_dataset(rows, tmp_path, {"CMRBRIDGE_ACDC_LOGIN": "me:hunter2"}, lambda step, total: None, QUICK)
        assert host.asked[0]["Authorization"].startswith("Basic ")
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]
