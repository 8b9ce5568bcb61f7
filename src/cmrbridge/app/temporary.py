"""One folder for all that the server writes, gone when it ends; what a killed server left goes at the next start."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "cmrbridge-app-"
LOCK = "lock"


@contextmanager
def private_folder() -> Iterator[Path]:
    """A folder (0700) that is locked while it is in use and removed afterwards; older ones nobody locks go first."""
    _remove_abandoned()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    descriptor = os.open(folder / f".{LOCK}", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.replace(folder / f".{LOCK}", folder / LOCK)  # under this name it is locked from the start
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _remove_abandoned() -> None:
    """Folders of servers that were killed: the kernel has let go of their locks."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        lock = folder / LOCK
        if folder.is_symlink() or not lock.is_file() or folder.stat().st_uid != os.getuid():
            continue
        descriptor = os.open(lock, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            continue  # its server is alive
        finally:
            os.close(descriptor)
