"""Which jobs are under way, paused, killed or failed, and where each would go on: told from the files they left.

A job that is done leaves none of these files, so a study of thousands of jobs is told in a few lines.
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cmrbridge.runtime.journal import read_journal
from cmrbridge.runtime.lock import SILENCE, Holder, read_holder, seconds_silent

JOURNAL = "journal.jsonl"
LOCK = "lock"
CHECKPOINT = "checkpoint.partial.safetensors"
LARGEST_HEADER = 100_000_000  # bytes, as safetensors itself has it
ENDS = ("failed", "paused", "interrupted")


@dataclass(frozen=True)
class Unfinished:
    """A job that is not done. state: "running", one of `ENDS`, or "killed", which leaves no word; step: steps that its
    resume state holds, saved: when (seconds since the epoch); both None where it would begin anew."""

    folder: Path
    job: str
    state: str
    holder: Holder | None = None
    step: int | None = None
    total: int | None = None
    saved: float | None = None
    error: str = ""

    @property
    def runs(self) -> bool:
        return self.state == "running"


def unfinished(results: Path) -> list[Unfinished]:
    """Every job below ``results`` that left a journal or a lock, by state and folder."""
    found = [_told(folder, prefix) for folder, prefix in sorted(_left(results))]
    order = ("running", *ENDS, "killed")
    return sorted(found, key=lambda job: (order.index(job.state), job.folder))


def table(jobs: list[Unfinished]) -> str:
    """Columns of plain text: state, job, where it would go on, who holds it or why it ended."""
    rows = [("STATE", "JOB", "GOES ON FROM", "WHO, OR WHY"), *(_row(job) for job in jobs)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[3]]) for row in rows)


def ago(moment: float) -> str:
    """ "3 min ago"."""
    seconds = max(0.0, time.time() - moment)
    for unit, name in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name} ago"
    return f"{seconds:.0f} s ago"


def _left(results: Path) -> Iterator[tuple[Path, str]]:
    """(folder, prefix of the hidden files' names) of every job; see `runtime.task.Task.beside`."""
    for folder, _, names in os.walk(results):
        prefixes = {name.removesuffix(JOURNAL) for name in names if name.endswith(f".{JOURNAL}")}
        locks = (name for name in names if name.endswith(f".{LOCK}"))
        prefixes |= {name.removesuffix(LOCK) for name in locks if _of_a_job(Path(folder, name))}
        yield from ((Path(folder), prefix) for prefix in prefixes if prefix.startswith("."))


def _of_a_job(lock: Path) -> bool:
    """Whether a lock is not that of MLflow's database, whose holder names no job."""
    holder = read_holder(lock)
    return holder is None or bool(holder.job)


def _told(folder: Path, prefix: str) -> Unfinished:
    lock = folder / f"{prefix}{LOCK}"
    lines = read_journal(folder / f"{prefix}{JOURNAL}")
    holder = read_holder(lock)
    last = next((line for line in reversed(lines) if "event" in line), {})
    name = next((str(line["job"]) for line in lines if "job" in line), holder.job if holder else "")
    name = name or prefix.strip(".")
    state = last.get("event") if last.get("event") in ENDS else "killed"
    if holder and (holder.lives if holder.here else seconds_silent(lock) < SILENCE):
        return Unfinished(folder, name, "running", holder, *_progress(folder, prefix, lines))
    return Unfinished(folder, name, str(state), None, *_progress(folder, prefix, lines), str(last.get("error", "")))


def _progress(folder: Path, prefix: str, lines: list[dict]) -> tuple[int | None, int | None, float | None]:
    """(step of the resume state, of how many, saved when)."""
    total = next((line["total"] for line in reversed(lines) if "step" in line), None)
    newest = folder / f"{prefix.removeprefix('.')}{CHECKPOINT}"
    for path in (newest, newest.with_name(f"{newest.name}.previous")):
        state = _state_in(path)
        if state is not None:
            return state[0], total, state[1]
    return None, total, None


def _state_in(path: Path) -> tuple[int, float] | None:
    """(step, time) of a resume state, of which the header alone is read; None where it is absent or damaged."""
    try:
        with path.open("rb") as stream:
            saved = os.fstat(stream.fileno()).st_mtime  # of this file: by its name there is another, or none, soon
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(length)) if length < LARGEST_HEADER else {}
        return int(json.loads(header["__metadata__"]["about"])["step"]), saved
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _row(job: Unfinished) -> tuple[str, str, str, str]:
    where = "the beginning" if job.step is None else f"step {job.step}{f' of {job.total}' if job.total else ''}"
    if job.saved is not None:
        where += f", saved {ago(job.saved)}"
    since = datetime.fromtimestamp(job.holder.since).strftime("%d %b %H:%M") if job.holder else ""
    why = f"{job.holder} since {since}" if job.holder else job.error.splitlines()[0] if job.error else ""
    return job.state, job.job, where, why
