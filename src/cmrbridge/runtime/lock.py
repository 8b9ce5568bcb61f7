"""One process per folder: a lock that dies with its holder, and names it."""

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cmrbridge.errors import InputError


@contextmanager
def hold(path: Path, patience: float = 0.0) -> Iterator[None]:
    """Hold the lock file ``path``; InputError with host and pid of the holder where another process keeps it.

    patience: seconds to wait for it.
    """
    descriptor = _take(path, time.monotonic() + patience)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # before it is released: whoever opened this file meanwhile sees that it is gone
        os.close(descriptor)


def _take(path: Path, deadline: float) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 1000)
            os.close(descriptor)
            if time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            raise InputError(f"{path}: {_named(holder)}; wait for it or end it, then run again") from None
        if _still_there(path, descriptor):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, json.dumps({"host": socket.gethostname(), "pid": os.getpid()}).encode())
            return descriptor
        os.close(descriptor)


def _still_there(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _named(holder: bytes) -> str:
    try:
        about = json.loads(holder)
        return f"this job already runs as process {about['pid']} on {about['host']}"
    except (ValueError, KeyError, TypeError):
        return "this job already runs in another process"
