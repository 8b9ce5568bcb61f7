"""A download ends with the very file, or with one line that says why not, whatever the server does."""

import hashlib
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest

from cmrbridge.errors import InputError
from cmrbridge.fetch.answers import is_page, retry_after
from cmrbridge.fetch.credentials import secret_of
from cmrbridge.fetch.download import Patience, download
from cmrbridge.fetch.source import Source
from hosts import Answer, Host, body, cut, running, status, trickle, well

CONTENT = random.Random(0).randbytes(300_000)
OTHER = random.Random(1).randbytes(300_000)
QUICK = Patience(timeout=1.0, wait=0.01, longest_wait=0.02, attempts=3, total=20.0, window=0.2)
ROW = Source(
    dataset="demo", file="demo.zip", form="archive", urls=(), size=None, sha256="", place=".", holds="", licence="CC0",
    registration="https://example.org/form", note="", citation="nobody",
)  # fmt: skip
PAGE = b"\n<!DOCTYPE html><html><title>Log in</title></html>"


@pytest.fixture
def host() -> Iterator[Host]:
    with running(CONTENT) as one:
        yield one


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "demo.zip"


def known(*urls: str) -> Source:
    return replace(ROW, urls=urls, size=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())


def fetch(source: Source, path: Path, patience: Patience = QUICK, environment: dict[str, str] | None = None) -> str:
    secret = secret_of("demo", source.urls[0], environment or {})
    return download(source, path, secret, patience, lambda here, total: None)


def refused(source: Source, path: Path, patience: Patience = QUICK) -> str:
    """The one line that it ends with; neither the file nor anything by its name is there."""
    with pytest.raises(InputError) as error:
        fetch(source, path, patience)
    assert not path.exists()
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)
    assert "put it there" in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize("at", [0, 1, 5, 65_536, 65_537, 150_000, 299_999])
def test_a_cut_download_goes_on_where_it_was(host: Host, path: Path, at: int, checksum: bool) -> None:
    host.answers = [cut(at)]
    fetch(known(host.url()) if checksum else replace(ROW, urls=(host.url(),)), path)
    assert path.read_bytes() == CONTENT
    assert host.asked[1].get("Range") == (f"bytes={at}-" if at else None)
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_later_run_goes_on_too(host: Host, path: Path) -> None:
    host.answers = [cut(100_000), *[status(503)] * 3]
    refused(known(host.url()), path)
    fetch(known(host.url()), path)
    assert path.read_bytes() == CONTENT
    assert host.asked[-1]["Range"] == "bytes=100000-"


@pytest.mark.parametrize("seed", range(12))
def test_a_host_that_is_never_good_twice_the_same_way(host: Host, path: Path, seed: int) -> None:
    """Any order of cuts, ignored ranges, errors and missing lengths ends with the very file."""
    rolled = random.Random(seed)
    some = [rolled.randrange(300_000) for _ in range(2)]
    bad = [cut(some[0]), body(CONTENT[: some[1]]), body(CONTENT, Content_Length=len(CONTENT)), status(500), status(416),
           status(429, Retry_After="0"), lambda asked: asked.connection.close()]  # fmt: skip
    host.answers = [rolled.choice(bad) for _ in range(rolled.randrange(1, 8))]
    fetch(known(host.url()), path, replace(QUICK, attempts=20))
    assert path.read_bytes() == CONTENT


def test_a_server_that_ignores_the_range_is_taken_from_the_start(host: Host, path: Path) -> None:
    host.answers = [cut(100_000), body(CONTENT, Content_Length=len(CONTENT))]
    fetch(known(host.url()), path)
    assert path.read_bytes() == CONTENT


def test_a_file_that_changed_between_two_ranges_is_taken_anew(host: Host, path: Path) -> None:
    """By If-Range where the server heeds it, by the tag where it does not, by the digest where there is no tag."""

    def changed(asked: object) -> None:
        host.content, host.tag = OTHER, '"2"'
        well(asked)  # type: ignore[arg-type]

    def changed_without_heed(asked: object) -> None:
        host.content, host.tag = OTHER, '"2"'
        asked.headers.replace_header("If-Range", '"2"')  # type: ignore[attr-defined]
        well(asked)  # type: ignore[arg-type]

    for change in (changed, changed_without_heed):
        host.content, host.tag, host.answers = CONTENT, '"1"', [cut(100_000), change]
        fetch(replace(ROW, urls=(host.url(),)), path)
        assert path.read_bytes() == OTHER


def test_pieces_of_two_files_are_known_by_the_digest(path: Path) -> None:
    with running(OTHER) as wrong, running(CONTENT) as right:
        wrong.answers = [cut(100_000), *[status(500)] * 3]
        right.tag = ""
        fetch(known(wrong.url(), right.url()), path)
    assert path.read_bytes() == CONTENT
    assert "Range" in right.asked[0]
    assert "Range" not in right.asked[1]


def test_all_that_is_left_may_be_nothing(host: Host, path: Path) -> None:
    """The process was killed after the last byte and before the rename: 416 then means that all is here."""
    host.answers = [body(CONTENT)]  # no length told
    path.with_name(".demo.zip.part").write_bytes(CONTENT)
    path.with_name(".demo.zip.part.json").write_text('{"address": "x", "validator": "", "total": null, "answers": 1}')
    host.answers = []
    fetch(known(host.url()), path)
    assert path.read_bytes() == CONTENT
    assert len(host.asked) == 1


@pytest.mark.parametrize("told", [100, 299_999])
def test_a_length_that_is_too_short_is_not_believed(host: Host, path: Path, told: int) -> None:
    host.answers = [body(CONTENT, Content_Length=told)] * 9
    assert f"offers {told} bytes, where the file has 300000" in refused(known(host.url()), path)


def test_a_length_that_is_too_long_is_a_cut(host: Host, path: Path) -> None:
    host.answers = [body(CONTENT, Content_Length=400_000)] * 9
    assert "broke off at byte 300000 of 400000" in refused(replace(ROW, urls=(host.url(),)), path)


def test_without_a_length_the_digest_tells_a_cut(host: Host, path: Path) -> None:
    host.answers = [body(CONTENT[:1000])]
    fetch(known(host.url()), path)
    assert path.read_bytes() == CONTENT


def test_an_endless_answer_is_left(host: Host, path: Path) -> None:
    host.answers = [body(CONTENT + b"more")] * 9
    assert "sends more than the file's 300000 bytes" in refused(known(host.url()), path)


@pytest.mark.parametrize("answer", [body(OTHER, Content_Length=len(OTHER)), body(OTHER)])
def test_another_file_is_refused_by_its_digest(host: Host, path: Path, answer: Answer) -> None:
    host.answers = [answer] * 99
    assert "sha256" in refused(known(host.url()), path)


def test_a_login_page_is_told_from_the_file(host: Host, path: Path) -> None:
    host.answers = [body(PAGE, Content_Length=len(PAGE), Content_Type="text/html")]
    message = refused(replace(ROW, urls=(host.url(),)), path)
    assert "a login or a form" in message
    assert "register at https://example.org/form" in message
    assert len(host.asked) == 1, "asking again would not help"


def test_the_next_address_is_asked_where_one_will_not_do(host: Host, path: Path) -> None:
    with running(CONTENT) as gone:
        gone.answers = [status(404)]
        assert fetch(known(gone.url(), host.url()), path) == host.url()


def test_every_address_says_why_not(host: Host, path: Path) -> None:
    host.answers = [status(404), status(401)]
    message = refused(known(host.url() + "?token=hunter2", host.url() + "/b"), path)
    assert "status 404" in message
    assert "asks for a login (status 401)" in message
    assert "CMRBRIDGE_DEMO_LOGIN" in message
    assert "hunter2" not in message


def test_retry_after_is_honoured(host: Host, path: Path) -> None:
    host.answers = [status(503, Retry_After="1")]
    before = time.monotonic()
    fetch(known(host.url()), path)
    assert time.monotonic() - before >= 1


def test_a_wait_beyond_all_patience_is_not_begun(host: Host, path: Path) -> None:
    host.answers = [status(429, Retry_After="3600")]
    before = time.monotonic()
    assert "waiting 3600 s more" in refused(known(host.url()), path)
    assert time.monotonic() - before < 5


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after("7") == 7
    assert 50 < (retry_after(formatdate(time.time() + 60, usegmt=True)) or 0) <= 60
    assert retry_after(formatdate(time.time() - 60, usegmt=True)) == 0
    assert retry_after("soon") is None
    assert retry_after(None) is None


def test_a_trickle_is_left_and_the_patience_is_total(host: Host, path: Path) -> None:
    host.answers = [trickle(CONTENT, 0.05)] * 99
    before = time.monotonic()
    message = refused(known(host.url()), path, replace(QUICK, total=2.0, slowest=1000))
    assert "bytes a second" in message or "too slow" in message
    assert time.monotonic() - before < 10


def test_a_server_that_says_nothing_is_left(host: Host, path: Path) -> None:
    host.answers = [lambda asked: time.sleep(0.5)] * 9
    assert "no answer" in refused(known(host.url()), path, replace(QUICK, timeout=0.1))


@pytest.mark.parametrize(
    ("name", "value"), [("CMRBRIDGE_DEMO_LOGIN", "me:hunter2"), ("CMRBRIDGE_DEMO_TOKEN", "hunter2")]
)
def test_credentials_go_to_the_first_address_s_host_alone(path: Path, name: str, value: str) -> None:
    with running(CONTENT) as official, running(CONTENT) as elsewhere:
        official.answers = [status(302, Location=elsewhere.url())]
        fetch(known(official.url()), path, environment={name: value})
        assert "Authorization" in official.asked[0]
        assert "Authorization" not in elsewhere.asked[0]
        path.unlink()
        official.answers = [status(404)]
        fetch(known(official.url(), elsewhere.url()), path, environment={name: value})
        assert "Authorization" not in elsewhere.asked[1]


def test_a_redirect_to_the_same_host_keeps_them(host: Host, path: Path) -> None:
    host.answers = [status(302, Location="/elsewhere")]
    fetch(known(host.url()), path, environment={"CMRBRIDGE_DEMO_TOKEN": "hunter2"})
    assert host.asked[1]["Authorization"] == "Bearer hunter2"


@pytest.mark.parametrize("where", ["http://example.org/file", "file:///etc/passwd", "ftp://example.org/file"])
def test_no_redirect_leads_off_the_encrypted_line_or_into_this_machine(host: Host, path: Path, where: str) -> None:
    host.answers = [status(302, Location=where)]
    refused(known(host.url()), path)


def test_redirects_in_a_ring_end(host: Host, path: Path) -> None:
    host.answers = [status(302, Location="/file")] * 99
    refused(known(host.url()), path)


def test_credentials_need_an_encrypted_line_and_are_never_shown() -> None:
    environment = {"CMRBRIDGE_DEMO_LOGIN": "me:hunter2"}
    with pytest.raises(InputError, match="not encrypted") as error:
        secret_of("demo", "http://example.org/file", environment)
    assert "hunter2" not in str(error.value)
    assert "hunter2" not in repr(secret_of("demo", "https://example.org/file", environment))
    for bad in ("hunter2", "me:hunter2\r\nX-Injected: 1"):
        with pytest.raises(InputError) as error:
            secret_of("demo", "https://example.org/file", {"CMRBRIDGE_DEMO_LOGIN": bad})
        assert "hunter2" not in str(error.value)


def test_a_full_disk_is_told_before_anything_arrives(host: Host, path: Path) -> None:
    host.answers = [body(b"", Content_Length=1 << 60)]
    with pytest.raises(InputError, match="the disk has"):
        fetch(replace(ROW, urls=(host.url(),)), path)


def test_pages_are_told_from_data() -> None:
    pages = (PAGE, b"\xef\xbb\xbf<html>", b"<?xml version='1.0'?>\n<html xmlns=''>", b"<!-- x --><html>")
    assert all(is_page(page) for page in pages)
    assert not any(is_page(data) for data in (b"PK\x03\x04<html>", b"", b"PatientID,html", b"\x1f\x8b<html"))
