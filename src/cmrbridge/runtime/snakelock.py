"""Snakemakes among the processes of this host, and the lock of a working directory, which does not name its holder."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cmrbridge.errors import InputError
from cmrbridge.runtime.status import unfinished

SCRIPTS = f"{os.sep}.snakemake{os.sep}scripts{os.sep}"


@dataclass(frozen=True)
class Worker:
    """A process of this host that is Snakemake, or a job of it, in the folder."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command})"


def lock_files(folder: Path) -> list[Path]:
    return sorted((folder / ".snakemake" / "locks").glob("*.lock"))


def workers(folder: Path) -> list[Worker]:
    """Snakemakes, and jobs that outlived theirs, that work in ``folder`` on this host."""
    return sorted(_workers(folder.resolve()), key=lambda worker: worker.pid)


def _workers(folder: Path) -> Iterator[Worker]:
    import psutil

    for process in psutil.process_iter(["pid", "cmdline", "cwd"]):
        words = process.info["cmdline"] or []
        if process.info["cwd"] == str(folder) and (_is_snakemake(words) or any(SCRIPTS in word for word in words)):
            yield Worker(process.info["pid"], " ".join(words)[:60])


def snakemake_above() -> Any:
    """The Snakemake that started this process, as psutil has it; None without one, or on a machine without psutil."""
    try:
        import psutil
    except ImportError:
        return None
    for process in psutil.Process().parents():
        with suppress(psutil.Error):  # it has just ended, or is hidden from us
            if _is_snakemake(process.cmdline()):
                return process
    return None


def works(process: Any) -> bool:
    """Whether psutil's ``process`` is there, and no zombie: ended, but its parent has not asked how."""
    import psutil

    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _is_snakemake(words: list[str]) -> bool:
    return any(Path(word).name == "snakemake" for word in words)


def told(folder: Path) -> str:
    """One line: whether Snakemake's lock is held, and by whom."""
    working = ", ".join(map(str, workers(folder)))
    if not lock_files(folder):
        return f"not locked{f'; at work here: {working}' if working else ''}"
    return f"locked by {working}" if working else "locked, but nobody works here on this host: `make unlock` opens it"


def unlock(folder: Path, results: Path) -> str:
    """Remove Snakemake's lock of ``folder`` and say so. InputError where somebody still works: a Snakemake or a job of
    this host there, or a job below ``results`` whose lock is alive, on whatever host."""
    locks = lock_files(folder)
    if not locks:
        return "nothing to do: Snakemake's lock is not there"
    working = [
        *map(str, workers(folder)),
        *(f"{job.job} as {job.holder}" for job in unfinished(results) if job.runs),
    ]
    if working:
        raise InputError(f"{folder}: not unlocked, {', '.join(working)} at work; wait for it or end it, then try again")
    for path in locks:
        path.unlink()
    return f"unlocked: removed {', '.join(map(str, locks))}; run the same command again"
