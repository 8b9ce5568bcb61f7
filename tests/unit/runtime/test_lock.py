"""One process per folder, on this host and, where locks do not reach, on others."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cmrbridge.errors import InputError
from cmrbridge.runtime import lock
from cmrbridge.runtime.lock import Holder, hold, read_holder, seconds_silent

HOLD = """
import pathlib, sys, time
from cmrbridge.runtime.lock import hold
with hold(pathlib.Path(sys.argv[1])):
    print(".", end="", flush=True)
    time.sleep(0.3)
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a lock; hearts beat fast here."""
    monkeypatch.setattr(lock, "HEARTBEAT", 0.05)
    monkeypatch.setattr(lock, "SILENCE", 1.0)
    return tmp_path / ".lock"


def left_by(path: Path, host: str, pid: int, since: float = 0.0) -> None:
    """A lock file that nobody on this host holds."""
    path.write_text(json.dumps({"host": host, "pid": pid, "since": since, "job": "train"}))


@contextmanager
def touched(path: Path) -> Iterator[None]:
    """Another host's holder lives, as far as this host can see."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(0.05):
            os.utime(path)

    thread = threading.Thread(target=beat)
    thread.start()
    yield
    over.set()
    thread.join()


def test_it_names_its_holder_and_goes_with_it(path: Path) -> None:
    with hold(path, job="train arm=real"):
        assert read_holder(path).job == "train arm=real"
        assert read_holder(path).lives
        with pytest.raises(InputError, match=f"process {os.getpid()} on "), hold(path):
            pass
    assert list(path.parent.iterdir()) == []


def test_it_beats(path: Path) -> None:
    with hold(path):
        before = path.stat().st_mtime_ns
        time.sleep(0.5)
        assert path.stat().st_mtime_ns > before


def test_what_a_killed_process_of_this_host_left_is_taken_at_once(path: Path) -> None:
    left_by(path, os.uname().nodename, os.getpid(), since=time.time())
    before = time.monotonic()
    with hold(path):
        assert time.monotonic() - before < lock.SILENCE


def test_another_hosts_living_holder_is_respected(path: Path) -> None:
    left_by(path, "elsewhere", 7)
    with touched(path), pytest.raises(InputError, match="process 7 on elsewhere"), hold(path):
        pass


def test_another_hosts_silent_holder_is_outwaited(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    left_by(path, "elsewhere", 7)
    with hold(path):
        assert read_holder(path).pid == os.getpid()
    assert "waiting 1 s for a sign of life" in caplog.text


@pytest.fixture
def no_flock(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", refused)


def test_a_file_system_without_locks_has_the_names(path: Path, no_flock: None) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        left_by(path, os.uname().nodename, other.pid, since=time.time())
        with pytest.raises(InputError, match=f"process {other.pid} on "), hold(path):
            pass
        other.kill()
    with hold(path):
        assert read_holder(path).pid == os.getpid()


def test_who_slept_while_it_was_taken_over_ends_and_leaves_it(path: Path) -> None:
    """Two would work in the folder; and the first to end would open it to a third, under the other's hands."""
    asked: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    try:
        with hold(path):
            left_by(path, "elsewhere", 7)
            end = time.monotonic() + 30
            while not asked and time.monotonic() < end:
                time.sleep(0.02)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert asked == [signal.SIGTERM]
    assert read_holder(path).host == "elsewhere"


def test_silence_is_told_by_the_clock_of_the_files(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login node whose clock is ahead of the file server's takes every job of the cluster for killed otherwise."""
    left_by(path, "elsewhere", 7)
    now = time.time()
    monkeypatch.setattr(lock.time, "time", lambda: now + 1000)
    assert abs(seconds_silent(path)) < 100
    os.utime(path, (now - 500,) * 2)
    assert 400 < seconds_silent(path) < 900
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_later_process_of_the_same_number_is_another() -> None:
    assert not Holder(os.uname().nodename, os.getpid(), since=1.0, job="").lives


def test_patience_waits_for_the_holder(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE) as other:
        assert other.stdout.read(1) == b"."
        with hold(path, patience=60):
            assert other.wait(60) == 0
