"""Long generation in batches that a killed job does not lose."""

import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from cmrbridge.core.checkpoint import Paused, Resume, read_resume, write_resume
from cmrbridge.core.loop import Report
from cmrbridge.errors import InputError

Bytes = NDArray[np.uint8]
SECONDS = 60.0  # between two states on disk: what a kill can lose


def never(part: Bytes) -> bool:
    return False


def in_batches(
    draw: Callable[[int, int], Bytes],
    count: int,
    batch: int,
    *,
    resume: Resume | None,
    report: Report,
    enough: Callable[[Bytes], bool] = never,
) -> Bytes:
    """``draw(start, stop)`` for the successive ranges of ``batch`` in 0…count, joined: (count, …) uint8.

    ``enough`` sees every part once, those of a resumed state too, and may end the generation early. What is drawn
    goes to the resume state once a minute and when a pause is asked for (raises Paused). ``draw`` must depend on its
    range alone (random numbers from `core.loop.step_generator`): then a resumed run gives equal bytes.
    """
    if count < 1:
        raise InputError(f"nothing to generate: {count} items are asked for; raise the ratio above 0")
    state = read_resume(resume) if resume else None
    parts = [state[0]["drawn"].numpy()] if state else []
    done, saved = state[1] if state else 0, time.monotonic()
    if parts and enough(parts[0]):
        return parts[0]
    for start in range(done, count, batch):
        stop = min(start + batch, count)
        parts.append(draw(start, stop))
        satisfied = enough(parts[-1])
        report(stop, count)
        if satisfied:
            break
        stopping = resume is not None and resume.stop()
        if resume and stop < count and (stopping or time.monotonic() - saved > SECONDS):
            parts = [np.concatenate(parts)]
            write_resume(resume, {"drawn": torch.from_numpy(parts[0])}, stop)
            saved = time.monotonic()
            if stopping:
                raise Paused(f"paused after {stop} of {count}; run the same command again to go on")
    return np.concatenate(parts)
