"""Further processes of one job: copies of its own command, each told its number, that begin and end with it."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cmrbridge.errors import InputError
from cmrbridge.runtime.stop import SIGNALS

RANK, STORE, LEADER = "CMRBRIDGE_RANK", "CMRBRIDGE_STORE", "CMRBRIDGE_LEADER"
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux's prctl
GRACE = 30.0  # seconds between the job's end and that of processes that hang
LOOK = 0.1  # seconds between two looks for processes that start


def rank() -> int:
    """The number of this process in its job: 0 keeps the journal and writes, the others compute."""
    return int(os.environ.get(RANK, "0"))


@contextmanager
def company(processes: int, device: str) -> Iterator[None]:
    """Within, this process and copies of its own command are one group (`core.parallel`).

    They run on this machine, on one GPU each where ``device`` is "cuda". RuntimeError where one of them ends early.
    """
    if processes == 1:
        yield
    elif rank():
        with _member(rank(), processes, Path(os.environ[STORE]), device):
            yield
    else:
        with _leader(processes, device):
            yield


@contextmanager
def _leader(processes: int, device: str) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="cmrbridge-") as folder:
        store = Path(folder) / "store"
        others = [_copy(number, store) for number in range(1, processes)]
        try:
            _await(others, store)
            with _joined(0, processes, store, device):
                yield
        except RuntimeError as error:
            raise _told(error, others) from error
        finally:
            _end(others)


@contextmanager
def _member(number: int, processes: int, store: Path, device: str) -> Iterator[None]:
    """Process 0 hears signals and stops all of them between two steps; its death is everybody's."""
    for one in SIGNALS:
        signal.signal(one, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != int(os.environ[LEADER]):
        raise SystemExit("process 0 was gone before this one could join it")
    _ready(store, number).touch()
    from cmrbridge.core.parallel import Helped

    with contextlib.suppress(Helped), _joined(number, processes, store, device):
        yield


@contextmanager
def _joined(number: int, processes: int, store: Path, device: str) -> Iterator[None]:
    from cmrbridge.core import parallel

    if device == "cuda":
        _enough_gpus(processes)
    parallel.join(number, processes, store, device)
    try:
        yield
    finally:
        parallel.leave()


def _enough_gpus(processes: int) -> None:
    import torch

    if torch.cuda.device_count() < processes:
        raise InputError(
            f"processes: {processes} need a GPU each, and this job sees {torch.cuda.device_count()}: lower it in the "
            "config, or give the job more (resource gpu)"
        )


def _copy(number: int, store: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, RANK: str(number), STORE: str(store), LEADER: str(os.getpid())}
    return subprocess.Popen([sys.executable, *sys.orig_argv[1:]], env=environment, stdin=subprocess.DEVNULL)


def _ready(store: Path, number: int) -> Path:
    """The file by which a further process says that it is about to join."""
    return store.with_name(f"ready-{number}")


def _await(others: list[subprocess.Popen[bytes]], store: Path) -> None:
    """Until all are about to join: torch would wait for hours for one that has died, deaf to every signal."""
    while not all(_ready(store, number).exists() for number in range(1, len(others) + 1)):
        if any(other.poll() is not None for other in others):
            raise RuntimeError("a further process of this job ended before it joined")
        time.sleep(LOOK)


def _told(error: RuntimeError, others: list[subprocess.Popen[bytes]]) -> RuntimeError:
    """The error with the cause that stands behind a broken connection."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        for other in others:
            other.wait(1.0)
    codes = {number: other.poll() for number, other in enumerate(others, start=1)}
    ended = ", ".join(f"process {number} with exit code {code}" for number, code in codes.items() if code)
    return RuntimeError(f"{ended} ended before its job was done (its words stand above)") if ended else error


def _end(others: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + GRACE
    for other in others:
        try:
            other.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            other.kill()
            other.wait()
