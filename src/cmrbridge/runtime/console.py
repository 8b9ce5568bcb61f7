"""What a job says: all of it into its log, and to a human one moving bar or a plain line now and then."""

import io
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, TextIO

SECONDS = 10.0  # between two plain lines, at least
SHARE = 0.1  # of the way between two plain lines …
PATIENCE = 60.0  # … unless so many seconds have gone


class _Onlooker(io.FileIO):
    """Where a human reads, who may leave: a closed terminal, or a pipe without a reader, stops no job."""

    def write(self, content: Any, /) -> int:
        with suppress(OSError):
            super().write(content)
        return memoryview(content).nbytes


def _onlooker() -> TextIO:
    buffered = io.BufferedWriter(_Onlooker(os.dup(2), "w"))
    return io.TextIOWrapper(buffered, errors="backslashreplace", line_buffering=True)


@contextmanager
def logged(log: Path | None, append: bool) -> Iterator[TextIO]:
    """Send stdout and stderr, those of C libraries and children too, into ``log``; gives the human's stream."""
    if log is None:
        yield sys.stderr
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = {number: os.dup(number) for number in (1, 2)}
    mode = "a" if append else "w"
    with log.open(mode, buffering=1, encoding="utf-8") as stream, _onlooker() as terminal:
        try:
            for number in kept:
                os.dup2(stream.fileno(), number)
            with redirect_stdout(stream), redirect_stderr(stream):
                yield terminal
        finally:
            for number, copy in kept.items():
                os.dup2(copy, number)
                os.close(copy)


class Progress:
    """Shows the steps of a job: a bar at a terminal, sparse plain lines elsewhere and in the log."""

    def __init__(self, name: str, terminal: TextIO) -> None:
        self.name = name
        self.terminal = terminal
        self.bar: Any = _bar(terminal) if terminal.isatty() else None
        self.task: Any = None
        self.said = (-SECONDS, -1.0)  # when, and at which share of the way

    def show(self, step: int, total: int | None, values: dict[str, float]) -> None:
        text = " ".join(f"{name} {value:.4g}" for name, value in values.items())
        if self.bar is not None:
            self._move(step, total, text)
        if self._due(step, total):
            self._say(f"{self.name}: step {step}{f' of {total}' if total else ''} {text}".rstrip())

    def close(self) -> None:
        if self.bar is not None and self.task is not None:
            self.bar.stop()

    def _due(self, step: int, total: int | None) -> bool:
        now, share = time.monotonic(), step / total if total else 0.0
        waited = now - self.said[0]
        due = share == 1 or (waited >= SECONDS and (share - self.said[1] >= SHARE or waited >= PATIENCE))
        if due:
            self.said = (now, share)
        return due

    def _say(self, line: str) -> None:
        streams = [self.terminal] if self.bar is None else []
        if sys.stderr is not self.terminal:  # it is the log
            streams.append(sys.stderr)
        for stream in streams:
            with suppress(OSError):  # nobody looks on any more
                print(line, file=stream, flush=True)

    def _move(self, step: int, total: int | None, text: str) -> None:
        if self.task is None:
            self.bar.start()
            self.task = self.bar.add_task(self.name, total=total, values="")
        self.bar.update(self.task, completed=step, total=total, values=text)


def _bar(terminal: TextIO) -> Any:
    """rich's bar, or None on a machine that has no rich."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    except ImportError:
        return None
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[values]}", style="dim"),
    )
    return Progress(*columns, console=Console(file=terminal), transient=True, refresh_per_second=4)
