"""Run the caged program: settings in as JSON, progress out as lines, nnU-Net's variables in its process alone."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cmrbridge.core.checkpoint import Paused
from cmrbridge.core.loop import Report
from cmrbridge.errors import InputError

PROGRAM = Path(__file__).with_name("caged.py")
PYTHONS_OWN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


def run_caged(
    command: str,
    folder: Path,
    job: dict[str, Any],
    *,
    python: Path,
    report: Report,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Run ``command`` ("train" or "predict") of the caged program on ``folder`` with these settings.

    job: plain settings, among them threads. python: of the environment that holds nnunetv2. Raises Paused when asked
    to stop, InputError with what the program says is the user's to mend, RuntimeError with its last words otherwise.
    """
    (folder / "job.json").write_text(json.dumps(job))
    try:
        process = subprocess.Popen(
            [str(python), "-I", str(PROGRAM), command, str(folder)],
            env=_environment(folder, job["threads"]),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # with the workers that it starts, it ends as one
        )
    except OSError as error:
        raise InputError(f"{python}: does not start ({error.strerror}); run `make nnunet-env`") from error
    threading.Thread(target=_end_when, args=(stop, process), daemon=True).start()
    try:
        _finish(process, report, stop)
    finally:
        _signal(process, signal.SIGKILL)


def _environment(folder: Path, threads: int) -> dict[str, str]:
    """This process's variables without Python's own, and nnU-Net's beside them."""
    kept = {name: value for name, value in os.environ.items() if name not in PYTHONS_OWN}
    folders = {f"nnUNet_{part}": str(folder / part) for part in ("raw", "preprocessed", "results")}
    numbers = {"nnUNet_n_proc_DA": "1", "nnUNet_def_n_proc": str(threads), "OMP_NUM_THREADS": str(threads)}
    return kept | folders | numbers | {"nnUNet_compile": "false", "PYTHONUNBUFFERED": "1"}


def _end_when(stop: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    while process.poll() is None:
        if stop():
            _signal(process, signal.SIGTERM)  # only the epoch is lost: its state is written whole or not at all
        time.sleep(0.5)


def _signal(process: "subprocess.Popen[str]", number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _finish(process: "subprocess.Popen[str]", report: Report, stop: Callable[[], bool]) -> None:
    """Read the program's lines to the end: its progress is reported, all else is logged."""
    words: list[str] = []
    trouble = None
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("@ "):
            values = json.loads(line[2:])
            trouble = values.get("error", trouble)
            if "step" in values:
                report(**values)
        else:
            words = [*words[-20:], line]
            print(line, end="", flush=True)
    if process.wait() == 0:
        return
    if stop():
        raise Paused("paused after nnU-Net's last whole epoch; run the same command again to go on")
    if trouble:
        raise InputError(f"nnU-Net: {trouble}")
    raise RuntimeError(f"nnU-Net ended with exit code {process.returncode}:\n{''.join(words)}")
