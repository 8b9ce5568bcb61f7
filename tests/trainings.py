"""Real trainings, small ones, each in a process of its own behind the command line: to be killed and started again."""

import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import numpy as np

from cmrbridge.cli import main
from cmrbridge.core.checkpoint import read_tensors
from cmrbridge.core.geometry import Grid
from cmrbridge.core.pack import Case, Pack, write_pack
from cmrbridge.errors import InputError
from cmrbridge.runtime.journal import read_journal

# a clean process that has loaded torch and MONAI once, and becomes one training after the other by forking
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["cmrbridge.segmentation.train", "cmrbridge.segmentation.architectures.unet2d"])
PATIENCE = 300.0  # seconds, for a busy machine


def write_inputs(folder: Path, **loop: Any) -> None:
    """training.npz, two cases of random slices, and settings.json for `train-segmenter`."""
    random = np.random.default_rng(0)
    grid = Grid((32, 32, 3), (1.5, 1.5, 8.0), False, False, False, (16.0, 16.0), 32, 1.5)
    cases = tuple(
        Case("toy", "toy", name, "ED", split, ("LV", "MYO", "RV"), (8.0, 1.5, 1.5), grid)
        for name, split in (("a", "train"), ("b", "val"))
    )
    write_pack(
        folder / "training.npz",
        Pack(
            random.integers(0, 256, (6, 32, 32), np.uint8),
            random.integers(0, 4, (6, 32, 32), np.uint8),
            np.repeat([0, 1], 3).astype(np.int32),
            np.tile(np.arange(3), 2).astype(np.int32),
            cases,
        ),
    )
    settings = {"learning_rate": 1e-3, "precision": "float32", "report_every": 1, **loop}
    about = {"architecture": "unet2d", "loop": settings, "batch": 2, "augment": {}}
    (folder / "settings.json").write_text(json.dumps(about))


@dataclass(frozen=True)
class Training:
    """One training: its inputs' folder and its own, in which every start goes on where the last one ended."""

    inputs: Path
    output: Path

    @property
    def arguments(self) -> list[str]:
        files = ["--data", str(self.inputs / "training.npz"), "--settings", str(self.inputs / "settings.json")]
        return ["train-segmenter", *files, "--output", str(self.output)]

    def start(self) -> "Session":
        process = CONTEXT.Process(target=_enter, args=(self.arguments, self.said), daemon=True)
        before = time.time()
        process.start()
        return Session(self, process, before)

    @property
    def said(self) -> Path:
        """What the last session wrote to standard error."""
        return self.output.with_name(f"{self.output.name}.txt")

    def file(self, name: str) -> Path:
        return self.output / name

    @property
    def saved(self) -> int:
        """The step from which the next start goes on."""
        for name in ("checkpoint.partial.safetensors", "checkpoint.partial.safetensors.previous"):
            try:
                return int(read_tensors(self.file(name))[1]["step"])
            except InputError:
                continue
        return 0

    def results(self) -> dict[str, bytes]:
        """Name → content of all that a training leaves, hidden files too, but for the record, which tells of times."""
        return {path.name: b"" if path.name == "record.json" else path.read_bytes() for path in self.output.iterdir()}


@dataclass(frozen=True)
class Session:
    """One process of a training. began: seconds since the epoch."""

    training: Training
    process: ForkServerProcess
    began: float

    @property
    def steps(self) -> list[int]:
        """The steps that it has reported so far."""
        lines = read_journal(self.training.file(".journal.jsonl"))
        starts = [n for n, line in enumerate(lines) if line.get("event") == "start" and line["time"] >= self.began]
        return [line["step"] for line in lines[starts[-1] :] if "step" in line] if starts else []

    def watch(self, happened: Callable[[], bool]) -> None:
        """Look on closely until something has happened, or the process has ended."""
        deadline = time.monotonic() + PATIENCE
        while self.process.is_alive() and not happened():
            assert time.monotonic() < deadline, "nothing happened"
            time.sleep(0.0005)

    def end(self, number: signal.Signals | None = None) -> int:
        """Send it a signal, if any, and wait: its exit code, the negative number of a signal that killed it."""
        if number is not None and self.process.is_alive():
            assert self.process.pid is not None
            os.kill(self.process.pid, number)
        self.process.join(PATIENCE)
        assert self.process.exitcode is not None, "it does not end"
        return self.process.exitcode


def _enter(arguments: list[str], said: Path) -> None:
    with said.open("w") as stream:
        os.dup2(stream.fileno(), sys.stderr.fileno())
    sys.exit(main(arguments))
