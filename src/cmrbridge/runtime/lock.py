"""One process per folder: a lock that dies with its holder, and names it.

Between the processes of one host the kernel decides (flock), between hosts too where the file system carries that.
Where it does not (NFS or Lustre mounted without locks), the heartbeat does: the holder touches its file every
`HEARTBEAT` seconds, and who finds another host's name in it waits for `SILENCE` before taking over. What no lock file
can settle there is two hosts that start within the same instant.
"""

import errno
import fcntl
import json
import logging
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from cmrbridge.errors import InputError

HEARTBEAT = 20.0
SILENCE = 75.0  # more than three beats, and more than the minute for which an NFS client may keep a file's times
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)  # a file system without flock


@dataclass(frozen=True)
class Holder:
    """Who holds a lock. since: seconds since the epoch; job: what it does there."""

    host: str
    pid: int
    since: float
    job: str

    @property
    def here(self) -> bool:
        return self.host == socket.gethostname()

    @property
    def lives(self) -> bool:
        """Whether its process runs on this host, and is not a later one of the same number."""
        import psutil

        try:
            process = psutil.Process(self.pid)
            return bool(process.create_time() <= self.since + 1 and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


@contextmanager
def hold(path: Path, patience: float = 0.0, job: str = "") -> Iterator[None]:
    """Hold the lock file ``path``; InputError with host and pid of the holder where another process keeps it.

    patience: seconds to wait for it. job: told to whoever asks. A process that was silent for so long (its
    machine slept) that another host's took the lock over is asked to end, by SIGTERM, when it wakes.
    """
    descriptor = _take(path, time.monotonic() + patience)
    me = Holder(socket.gethostname(), os.getpid(), time.time(), job)
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps(asdict(me)).encode())
        with _heartbeat(path, descriptor, me):
            yield
    finally:
        if not _lost(path, me):  # gone before it is released: whoever opened it meanwhile sees that
            path.unlink(missing_ok=True)
        os.close(descriptor)


def read_holder(path: Path) -> Holder | None:
    """Who is named in a lock file; None where there is none, or nobody is named yet."""
    try:
        return Holder(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def seconds_silent(path: Path) -> float:
    """Since the last heartbeat in a lock file; infinite where the file is gone."""
    touched = _touched(path)
    return float("inf") if touched is None else _now_at(path.parent) - touched / 1e9


def _now_at(folder: Path) -> float:
    """By the clock that gives files there their times, a server's perhaps; by this host's where none may be made."""
    try:
        with tempfile.TemporaryFile(dir=folder) as made:
            os.utime(made.fileno())
            return os.fstat(made.fileno()).st_mtime
    except OSError:
        return time.time()


def _lost(path: Path, me: Holder) -> bool:
    """Whether another has taken the lock over."""
    return read_holder(path) not in (me, None)


def _take(path: Path, deadline: float) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            kept = _kept_by_another(path, descriptor)
            if not kept and _still_there(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if kept and time.monotonic() >= deadline:
            holder = read_holder(path) or "another process"
            raise InputError(f"{path}: this job already runs as {holder}; wait for it or end it, then run again")
        if kept:
            time.sleep(0.1)


def _kept_by_another(path: Path, descriptor: int) -> bool:
    carried = True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        carried = False
    holder = read_holder(path)
    if holder is None:
        return False
    return not carried and holder.lives if holder.here else _beats(path, holder)


def _beats(path: Path, holder: Holder) -> bool:
    """Whether another host's holder gives a sign of life: clocks are not compared, its file's time has to change."""
    logging.getLogger(__name__).warning("%s: held by %s; waiting %.0f s for a sign of life", path, holder, SILENCE)
    end, seen = time.monotonic() + SILENCE, _touched(path)
    while time.monotonic() < end and seen is not None:
        time.sleep(min(1.0, SILENCE / 10))
        if _touched(path) != seen:
            return True
    return False


def _touched(path: Path) -> int | None:
    """When a file was last touched; it is opened for that, which makes an NFS client ask the server."""
    try:
        with path.open("rb") as stream:
            return os.fstat(stream.fileno()).st_mtime_ns
    except FileNotFoundError:
        return None


def _still_there(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


@contextmanager
def _heartbeat(path: Path, descriptor: int, me: Holder) -> Iterator[None]:
    over = threading.Event()

    def beat() -> None:
        while not over.wait(HEARTBEAT):
            if _lost(path, me):
                logging.getLogger(__name__).error("%s: taken over by %s; this process ends", path, read_holder(path))
                os.kill(os.getpid(), signal.SIGTERM)
                return
            with suppress(OSError):  # a full or hanging disk may cost a beat, never the job
                os.utime(descriptor)

    thread = threading.Thread(target=beat, name="lock's heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
