"""How a job runs: ``with job(snakemake) as run:`` around the one library call of a workflow script."""

import contextlib
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from cmrbridge.errors import InputError
from cmrbridge.files import write_atomically
from cmrbridge.runtime import machine
from cmrbridge.runtime.console import Progress, logged
from cmrbridge.runtime.digests import input_digests, plain, stamp_of
from cmrbridge.runtime.journal import Journal, loads_of
from cmrbridge.runtime.lean import lean_imports
from cmrbridge.runtime.lock import hold
from cmrbridge.runtime.people import people_in
from cmrbridge.runtime.ranks import company, rank
from cmrbridge.runtime.slots import gpus
from cmrbridge.runtime.stop import Stop, explanation, status_of
from cmrbridge.runtime.task import Task, task_of

LOADS = 200  # points of the curves of processor and memory in a record

if TYPE_CHECKING:
    from cmrbridge.core.checkpoint import Resume


class Run:
    """What a script hands on to the library: ``report``, ``device``, ``precision(name)`` and ``resume``."""

    def __init__(self, task: Task, terminal: TextIO) -> None:
        self.task = task
        self.stop = Stop(task.minutes)
        self._begun = time.monotonic()
        self._precision: str | None = None
        self._load = machine.Load()
        self._progress = Progress(task.name, terminal)
        if task.torch:
            machine.prepare_torch(max(1, task.threads // task.processes), task.seed)
        if task.seed is not None:
            machine.seed_generators(task.seed)
        self._header = self._head()
        self._journal = self._opened()

    def _opened(self) -> Journal:
        recorded = {"record": self.task.record.name if self.task.record else None}  # which readers await
        return Journal.open(self.task.beside("journal.jsonl"), self._header | recorded, self.task.interrupted)

    @cached_property
    def device(self) -> str:
        """ "cuda" or "cpu"."""
        if not self.task.torch:
            raise RuntimeError("a job that asks for its device is opened with torch=True")
        return machine.choose_device()

    @property
    def stamp(self) -> str:
        return str(self._header["stamp"])

    @property
    def resume(self) -> "Resume":
        """Where the training keeps its state; from now on it pauses at a step's end where `Stop` says so."""
        from cmrbridge.core.checkpoint import Resume

        self.stop.allow_pause()
        return Resume(self.task.checkpoint, self.stamp, self.stop)

    @cached_property
    def done(self) -> bool:
        """Whether the record of this very job lies there already (Snakemake removes it before it starts one)."""
        try:
            return self.task.record is not None and json.loads(self.task.record.read_text())["stamp"] == self.stamp
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def resolved(self, settings: dict[str, Any]) -> dict[str, Any]:
        """The settings with every ``precision`` among them, at any depth, resolved for this device."""
        return {
            name: self.resolved(value)
            if isinstance(value, dict)
            else (self.precision(value) if name == "precision" else value)
            for name, value in settings.items()
        }

    def precision(self, name: str) -> str:
        """The dtype that "auto", "float32" or "bfloat16" stands for on this device."""
        self._precision = machine.resolve_precision(name, self.device)
        return self._precision

    def report(self, step: int, total: int | None = None, **values: float) -> None:
        """One line of metrics, into the journal at once and to whoever looks on."""
        self._journal.report(step, total, values)
        load = self._load.sample()
        if load:
            self._journal.event("load", at=step, **load)
        self._progress.show(step, total, values)

    def finish(self) -> None:
        """The journal becomes the declared outputs; the resume state has served."""
        self._progress.close()
        if not self.done:
            self._write_outputs()
        self._journal.path.unlink(missing_ok=True)
        if self.stop.pausable or self.task.interrupted:  # the latter: killed between its record and this line
            self.resume.clear()

    def _write_outputs(self) -> None:
        if self.task.metrics:
            write_atomically(self.task.metrics, self._journal.metrics_text())
        if self.task.record:
            write_atomically(self.task.record, json.dumps(self._record(), indent=2, ensure_ascii=False) + "\n")

    def fail(self, status: str, error: BaseException) -> None:
        self._progress.close()
        with contextlib.suppress(OSError):  # a full disk must not hide the error that it caused
            self._journal.event(status, error=f"{type(error).__name__}: {error}")

    def _head(self) -> dict[str, Any]:
        task = self.task
        params, inputs = plain(task.params), input_digests(task.inputs)
        meaning_of_auto = machine.resolve_precision("auto", self.device) if task.torch else None
        return {
            "job": task.name,
            "rule": task.rule,
            "wildcards": task.wildcards,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "git_commit": machine.git_commit(),
            "slurm_job_id": os.environ.get("SLURM_JOB_ID"),
            "threads": task.threads,
            "seed": task.seed,
            "params": params,
            "inputs": inputs,
            "people": people_in(task.inputs),
            "stamp": stamp_of(params, inputs, self.device if task.torch else None, meaning_of_auto),
        }

    def _record(self) -> dict[str, Any]:
        seconds = self._journal.seconds_before + time.monotonic() - self._begun
        device = self.device if self.task.torch else None
        return self._header | {
            "status": "done",
            "started": self._journal.started,
            "wall_seconds": round(seconds, 2),
            "sessions": self._journal.sessions,
            **machine.peak_memory(),
            "load": loads_of(self._journal.lines, LOADS),
            "device": device,
            "device_name": machine.device_name(device),
            "precision": self._precision,
            "versions": machine.versions(),
        }


class Helper(Run):
    """A further process of a run: it computes its share and says nothing."""

    def _opened(self) -> Journal:
        return Journal(self.task.beside("journal.jsonl"), str(self._header["started"]))

    def report(self, step: int, total: int | None = None, **values: float) -> None:
        """Process 0 tells."""


@contextmanager
def job(snakemake: Any, *, torch: bool = False) -> Iterator[Run]:
    """Run the body of a workflow script as a job: log, lock, seeds, journal, record; ``torch``: it computes with torch.

    An error that the user can mend ends it with one line and exit code 1; any other keeps its traceback.
    """
    task = task_of(snakemake, torch)
    if rank():
        with lean_imports(), helping(task) as run:
            yield run
        return
    with lean_imports(), logged(task.log, append=task.interrupted) as terminal:
        try:
            with running(task, terminal) as run:
                yield run
        except Exception as error:
            line = explanation(error)
            if task.log:
                traceback.print_exc()
            if line is None:
                raise
            print(line, file=terminal, flush=True)
            raise SystemExit(1) from None


@contextmanager
def standalone(
    folder: Path,
    params: dict[str, Any],
    inputs: Sequence[Path],
    name: str,
    *,
    minutes: float | None = None,
) -> Iterator[Run]:
    """The same for a training without Snakemake: everything lies in ``folder``; errors reach the caller."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"{folder}: a file, or a link that leads nowhere, where a folder is to be") from None
    record, metrics = folder / "record.json", folder / "metrics.jsonl"
    cores = machine.usable_cores()
    task = Task(name, {}, params, tuple(inputs), record, record, metrics, cores, torch=True, minutes=minutes)
    with helping(task) if rank() else running(task, sys.stderr) as run:
        yield run


@contextmanager
def running(task: Task, terminal: TextIO) -> Iterator[Run]:
    """Lock, journal and signals around the work; on success the record, on failure the reason."""
    with hold(task.beside("lock"), job=task.name), gpus(task.gpus):
        run = Run(task, terminal)
        with run.stop.listening():
            try:
                with company(task.processes, run.device if task.torch else "cpu"):
                    yield run
                run.finish()
            except BaseException as error:
                run.fail(status_of(error), error)
                raise


@contextmanager
def helping(task: Task) -> Iterator[Run]:
    """The same in a further process of the run, which leaves lock, journal and record to process 0."""
    run = Helper(task, sys.stderr)
    with company(task.processes, run.device):
        yield run
