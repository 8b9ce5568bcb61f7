"""GPUs of a shared workstation: Snakemake counts them but gives none out, so that each job takes free ones itself."""

import fcntl
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cmrbridge.errors import InputError
from cmrbridge.runtime.ranks import rank

VISIBLE = "CUDA_VISIBLE_DEVICES"
PAUSE = 1.0  # seconds between two looks at GPUs that are all taken


@contextmanager
def gpus(count: int) -> Iterator[None]:
    """Hold ``count`` of this machine's GPUs, and let torch see no others; waits until so many are free.

    Of several, those that CUDA_VISIBLE_DEVICES names. Under Slurm, which has given them out already, and without any
    GPU nothing happens, nor in a further process of a job that holds its GPUs. InputError where the machine has fewer.
    A slot is a file lock of this user's: it dies with its holder.
    """
    devices = [] if count == 0 or "SLURM_JOB_ID" in os.environ or rank() else visible_gpus()
    if not devices:
        yield
        return
    if len(devices) < count:
        raise InputError(
            f"this job asks for {count} GPUs and sees {len(devices)} ({', '.join(devices)}): lower processes in the "
            "config"
        )
    with ExitStack() as held:
        taken = _take(devices, count, held)
        before = os.environ.get(VISIBLE)
        os.environ[VISIBLE] = ",".join(taken)
        try:
            yield
        finally:
            _restore(before)


def visible_gpus() -> list[str]:
    """Numbers or names of the GPUs that this process may use."""
    told = os.environ.get(VISIBLE)
    if told is not None:
        return [name.strip() for name in told.split(",") if name.strip()]
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"], capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return listed.stdout.split() if listed.returncode == 0 else []


def _take(devices: list[str], count: int, held: ExitStack) -> list[str]:
    """The first ``count`` that are free, locked until ``held`` closes: all or none, so that no two jobs wait for each
    other's."""
    while True:
        with ExitStack() as tried:
            taken: list[str] = []
            for name in devices:
                if len(taken) < count and _lock(name, tried):
                    taken.append(name)
            if len(taken) == count:
                held.enter_context(tried.pop_all())
                return taken
        time.sleep(PAUSE)


def _lock(name: str, tried: ExitStack) -> bool:
    """Whether the GPU was free; its lock closes with ``tried``."""
    folder = Path(tempfile.gettempdir()) / f"cmrbridge-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder / f"gpu-{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    tried.callback(os.close, descriptor)
    return True


def _restore(before: str | None) -> None:
    if before is None:
        os.environ.pop(VISIBLE)
    else:
        os.environ[VISIBLE] = before
