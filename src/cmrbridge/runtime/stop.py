"""How a job ends early: asked to by a signal or the clock, or by an error that the user can mend."""

import errno
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cmrbridge.errors import InputError
from cmrbridge.runtime.snakelock import snakemake_above, works

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP)  # the last: the connection broke


class Stop:
    """A polite request to stop, by signal, by the clock, or because the Snakemake that started the job is gone: the
    next one will have the job done again, whatever an orphan delivers. A job that cannot pause ends at once."""

    def __init__(self, minutes: float | None) -> None:
        self.asked = False
        self.pausable = False
        self._master: Any = None
        self.deadline = None if minutes is None else time.monotonic() + 60 * minutes

    def __call__(self) -> bool:
        late = self.deadline is not None and time.monotonic() >= self.deadline
        return self.asked or late or (self._master is not None and not works(self._master))

    def allow_pause(self) -> None:
        """From now on the job asks, at the end of each step, whether it shall stop, and saves its state if so."""
        if not self.pausable:
            self.pausable, self._master = True, snakemake_above()

    def handle(self, number: int, _frame: object) -> None:
        impatient = self.asked and number == signal.SIGINT
        if self.pausable and not impatient:
            self.asked = True
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            raise SystemExit(128 + number)

    @contextmanager
    def listening(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        nohup = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        numbers = [number for number in SIGNALS if not (nohup and number == signal.SIGHUP)]
        before = {number: signal.signal(number, self.handle) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def explanation(error: BaseException) -> str | None:
    """One line for an error that the user can mend, None for any other."""
    if is_pause(error):
        return str(error)
    if isinstance(error, InputError):
        return f"error: {error}"
    if type(error).__name__ == "OutOfMemoryError":
        return "error: the GPU's memory is full: lower batch_size (or the network's channels) in the config"
    if isinstance(error, MemoryError):
        return "error: the machine's memory is full: lower batch_size, or run fewer jobs at once"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"error: {error.filename or 'the output folder'}: the disk is full; free some space and run again"
    return None


def is_pause(error: BaseException) -> bool:
    """Whether a training stopped because it was asked to. (Without torch loaded, nothing can have paused.)"""
    checkpoint = sys.modules.get("cmrbridge.core.checkpoint")
    return checkpoint is not None and isinstance(error, checkpoint.Paused)


def status_of(error: BaseException) -> str:
    """The word under which the journal keeps this end."""
    if is_pause(error):
        return "paused"
    return "failed" if isinstance(error, Exception) else "interrupted"
