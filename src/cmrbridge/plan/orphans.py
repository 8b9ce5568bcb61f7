"""Slurm jobs that an earlier, killed Snakemake left working in this folder."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cmrbridge.errors import InputError


@dataclass(frozen=True)
class Job:
    """A job of Slurm's queue; run: the name that Snakemake's executor gives to all jobs of one run."""

    number: str
    run: str


def refuse_orphans(folder: Path) -> None:
    """InputError that names the jobs where Snakemake's jobs of an earlier run wait or work in ``folder``.

    Snakemake does not find them again after it was killed: it would submit the same work a second time. Where a second
    Snakemake works in ``folder`` (on another study), they may be that one's: then nothing is refused, and the lock of
    each job alone keeps a second copy from its files.
    """
    if len(list((folder / ".snakemake" / "locks").glob("*.output.lock"))) > 1:
        return
    orphans = parse(queue(), folder)
    if orphans:
        numbers = ", ".join(job.number for job in orphans)
        runs = " ".join(sorted({job.run for job in orphans}))
        raise InputError(
            f"{folder}: jobs of an earlier run still work here ({numbers}): wait until `squeue --me` no longer shows "
            f"them, or end them with `scancel --name {runs}` (trainings go on from their last state), then run again"
        )


def queue() -> str:
    """What squeue says of the user's own jobs, or nothing where there is no Slurm that answers."""
    if shutil.which("squeue") is None:
        return ""
    command = ["squeue", "--me", "--noheader", "--format", "%i|%j|%k|%Z"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    except subprocess.TimeoutExpired:
        return ""


def parse(text: str, folder: Path) -> list[Job]:
    """The jobs among lines of number|name|comment|folder that Snakemake submitted from ``folder``."""
    rows = [line.split("|", 3) for line in text.splitlines() if line.count("|") >= 3]
    return [
        Job(number, name)
        for number, name, comment, where in rows
        if comment.startswith("rule_") and Path(where) == folder
    ]
