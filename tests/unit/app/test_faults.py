"""What goes wrong while it runs: each time the server goes on, the case stays usable, and nothing is left behind."""

import asyncio
import contextlib
import errno
import gzip
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from starlette.requests import Request

from cmrbridge.app.engine import Engine, Failed
from cmrbridge.app.server import _system
from cmrbridge.app.settings import Allowed
from cmrbridge.app.worker import Bench, _answer
from serving import SIZE, Served, painted, running, write_package

Serving = Callable[..., contextlib.AbstractContextManager[Served]]


def study(frames: int = 2) -> bytes:
    x, y = np.meshgrid(np.arange(SIZE) - 30, np.arange(SIZE) - 34, indexing="ij")
    labels = np.zeros((SIZE, SIZE, 3, frames), np.uint8)
    labels[np.hypot(x + 19, y) < 7] = 3
    labels[np.hypot(x, y) < 14] = 2
    for number in range(frames):
        labels[np.hypot(x, y) < 11 - 4 * (number % 2), :, number] = 1
    return gzip.compress(bytes(nibabel.Nifti1Image(painted(labels), np.diag([2, 2, 8, 1])).to_bytes()))


def opened(server: Served, frames: int = 2) -> str:
    status, about = server.json("POST", "/api/cases", study(frames))
    assert status == 201, about
    return str(about["case"])


def works(server: Served, case: str) -> bool:
    return bool(server.segment(case)[-1].get("done"))


def raw(server: Served, head: str, body: bytes = b"", patience: float = 20) -> bytes:
    """What the server answers to a request that no library would send; b"" where it hangs up without a word."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=patience) as connection:
        own = f"Host: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {server.token}\r\n"
        connection.sendall((f"POST /api/cases HTTP/1.1\r\n{own}{head}\r\n").encode() + body)
        with contextlib.suppress(ConnectionResetError):
            return connection.recv(1 << 16)
    return b""


def settled(server: Served, wanted: Callable[[], bool]) -> None:
    """Wait until it is so."""
    for _ in range(200):
        if wanted():
            return
        time.sleep(0.05)
    raise AssertionError(f"still not so: {server.left()}, {server.workers()}")


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        ("Content-Length: 99999999\r\n", b"", 413),
        ("Content-Length: 1e3\r\n", b"", 400),
        ("Content-Length: -5\r\n", b"", 400),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", b"hello", 400),
        ("Content-Length: 5\r\n", b"hello and more than was said", 422),
        ("Transfer-Encoding: chunked\r\n", b"186a0\r\n" + b"x" * 100_000 + b"\r\n0\r\n\r\n", 413),
        ("", b"", 400),
    ],
)
def test_bodies_that_lie_about_their_length(serving: Serving, head: str, body: bytes, status: int) -> None:
    with serving(upload=50_000) as server:
        answer = raw(server, head, body)
        assert answer.startswith(f"HTTP/1.1 {status}".encode()), answer[:200]
        settled(server, lambda: server.left() == [])
        assert works(server, opened(server))


def test_a_slow_upload_and_one_that_is_too_short_are_given_up(serving: Serving) -> None:
    with serving(grace_s=0.5, floor=1 << 20) as server:
        started = time.monotonic()
        assert raw(server, "Content-Length: 1000\r\n", b"half").startswith(b"HTTP/1.1 408")
        assert time.monotonic() - started < 10
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(
                f"POST /api/cases HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
                f"Authorization: Bearer {server.token}\r\nContent-Length: 1000\r\n\r\nhalf".encode()
            )
        settled(server, lambda: server.left() == [])


def test_a_study_that_asks_for_more_memory_than_there_is(serving: Serving) -> None:
    voxels = np.zeros((1024, 1024, 120, 2), np.int16)
    voxels[0, 0, 0] = 1
    image = bytes(nibabel.Nifti1Image(voxels, np.diag([1, 1, 8, 1])).to_bytes())
    with serving(memory=1 << 30) as server:
        status, told = server.json("POST", "/api/cases", gzip.compress(image, 1))
        assert (status, "memory" in told["error"]) == (422, True), told
        assert server.left() == []
        assert works(server, opened(server))


def test_the_worker_is_killed_and_the_case_goes_on(serving: Serving) -> None:
    with serving() as server:
        case = opened(server)
        (worker,) = server.workers()
        os.kill(worker, signal.SIGKILL)
        first = server.segment(case)
        assert first[-1].get("done") or "try again" in first[-1]["error"]
        assert works(server, case)
        assert server.workers() != [worker]


def test_work_that_takes_too_long_is_stopped(serving: Serving) -> None:
    with serving(open_s=0.001) as server:
        status, told = server.json("POST", "/api/cases", study())
        assert (status, "took longer" in told["error"]) == (503, True)
        settled(server, lambda: server.left() == [])
    (server.temporary).mkdir(exist_ok=True)
    with serving(frame_s=0.001) as server:
        case = opened(server)
        lines = server.segment(case)
        assert "took longer" in lines[-1]["error"]
        assert server.ask("GET", f"/api/cases/{case}/frames/0.nii.gz")[0] == 200


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package whose network takes a while over every frame."""
    return write_package(tmp_path_factory.mktemp("slow") / "fast", rounds=400)


def test_a_client_that_leaves_in_mid_inference_ends_the_work(slow: Path, tmp_path: Path) -> None:
    with running([slow], tmp_path) as server:
        case = opened(server, frames=30)
        (worker,) = server.workers()
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(
                f"POST /api/cases/{case}/segment HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
                f"Authorization: Bearer {server.token}\r\nContent-Length: 0\r\n\r\n".encode()
            )
            connection.recv(1 << 16)
        settled(server, lambda: worker not in server.workers())
        assert server.ask("GET", f"/api/cases/{case}/frames/0.nii.gz")[0] == 200
        assert opened(server)
        assert server.json("DELETE", f"/api/cases/{case}")[0] == 204
        settled(server, lambda: not [path for path in server.left() if path.startswith(case)])


def test_two_tabs_work_at_once(served: Served) -> None:
    found: dict[int, bool] = {}

    def tab(number: int) -> None:
        found[number] = works(served, opened(served, frames=3 + number))

    tabs = [threading.Thread(target=tab, args=(number,)) for number in range(2)]
    for one in tabs:
        one.start()
    for one in tabs:
        one.join()
    assert found == {0: True, 1: True}
    assert len(served.workers()) == 1


def test_the_case_unused_longest_makes_room(serving: Serving) -> None:
    with serving(cases=2) as server:
        first, second, third = (opened(server) for _ in range(3))
        found = [server.ask("GET", f"/api/cases/{case}/image.nii.gz")[0] for case in (first, second, third)]
        assert found == [404, 200, 200]
        assert not [path for path in server.left() if path.startswith(first)]


def test_nothing_reports_to_anybody(serving: Serving) -> None:
    """The runtime has a reporter of its own, which leaves a file and starts a thread; `running` sees the file."""
    with serving() as server:
        assert works(server, opened(server))
        (worker,) = server.workers()
        sockets = [os.readlink(path) for path in Path(f"/proc/{worker}/fd").iterdir()]
        assert not [target for target in sockets if target.startswith("socket:")]
        assert not (server.temporary / ".ses").exists()


def test_a_worker_that_did_not_load_is_not_asked_again() -> None:
    async def asked() -> int | None:
        engine = Engine([], 1, Allowed(memory="much"))  # type: ignore[arg-type]
        with pytest.raises(Failed, match="TypeError"):
            await engine.call({"do": "sample", "folder": "nowhere"}, 60)
        return engine.pid

    assert asyncio.run(asked()) is None


def test_a_worker_is_gone_before_its_folder_is_deleted() -> None:
    async def closed() -> bool:
        engine = Engine([], 1, Allowed())
        with pytest.raises(Failed, match="KeyError"):
            await engine.call({"do": "unlike", "folder": "nowhere", "model": "none"}, 60)
        place = Path(f"/proc/{engine.pid}")
        assert place.exists()
        await engine.close()
        return not place.exists()

    assert asyncio.run(closed())


def test_ctrl_c_reaches_the_server_alone(served: Served) -> None:
    """The terminal sends it to the whole group; the worker would print where it was interrupted."""
    opened(served)
    (worker,) = served.workers()
    assert os.getpgid(worker) != os.getpgid(served.process.pid)


@pytest.mark.parametrize(
    ("error", "words"), [(OSError(errno.ENOSPC, "no"), "disk is full"), (OSError(errno.EIO, "no"), None)]
)
def test_a_full_disk_is_no_bug(error: OSError, words: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr("cmrbridge.app.upload.open_upload", full)
    told, _ = _answer(Bench(), ({"do": "open", "upload": "nowhere", "folder": "x"}, b""))
    assert told == {"fault": "OSError"} if words is None else words in told["error"]


@pytest.mark.parametrize(
    ("error", "case", "status"),
    [
        (OSError(errno.ENOSPC, "no"), {}, 507),
        (FileNotFoundError(errno.ENOENT, "no"), {"case": "a"}, 404),
        (FileNotFoundError(errno.ENOENT, "no"), {}, None),
        (OSError(errno.EMFILE, "no"), {"case": "a"}, None),
    ],
)
def test_an_error_of_the_system_is_told_as_what_it_is(error: OSError, case: dict[str, str], status: int | None) -> None:
    """None: a bug of ours, which must reach the terminal."""
    asked = Request({"type": "http", "path_params": case})
    if status is None:
        with pytest.raises(type(error)):
            asyncio.run(_system(asked, error))
    else:
        assert asyncio.run(_system(asked, error)).status_code == status


@contextmanager
def met(sign: signal.Signals, how: Any) -> Iterator[None]:
    """Inside, signals are ignored or not whatever started pytest; processes inherit it."""
    own = signal.signal(sign, how)
    try:
        yield
    finally:
        signal.signal(sign, own)


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_every_way_to_stop_it_leaves_nothing(package: Path, tmp_path: Path, sign: signal.Signals) -> None:
    with met(sign, signal.default_int_handler), running([package], tmp_path) as server:
        opened(server)
        workers = server.workers()
        server.process.send_signal(sign)
        assert server.process.wait(20) == 128 + sign
        assert [*tmp_path.iterdir()] == []
        settled(server, lambda: not [pid for pid in workers if Path(f"/proc/{pid}").exists()])


def test_under_nohup_it_outlives_its_terminal(package: Path, tmp_path: Path) -> None:
    with met(signal.SIGHUP, signal.SIG_IGN), running([package], tmp_path) as server:
        server.process.send_signal(signal.SIGHUP)
        opened(server)
        assert server.process.poll() is None
