"""What a training pays for being followed: the share of its time that `report` takes (its journal, its progress line).

    python benchmarks/tracking.py [--json FILE] [--repeats 11] [--size 64]

A training of the 2-D U-Net on random slices reports every 20 steps, as the studies do, and every step. Beside it, what
the process that mirrors journals into MLflow takes: its CPU time for one look at a study of 100 finished jobs and one
that has grown, as a share of one core that looks every 10 s. It runs wherever one likes, and never in a training.
"""

import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from common import Row, options, publish
from torch import Tensor, nn
from torch.nn import functional as F

from cmrbridge.core.loop import LoopSettings, fit
from cmrbridge.runtime.entries import entries_below
from cmrbridge.runtime.job import Run, standalone
from cmrbridge.runtime.sync import Feed, beside
from cmrbridge.segmentation import architectures
from cmrbridge.segmentation.architectures.fingerprint import Fingerprint

STEPS, BATCH, JOBS, EVERY = 40, 16, 100, 10.0


class Timed:
    """A job's `report` under a stopwatch."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.seconds = 0.0

    def __call__(self, step: int, total: int | None = None, **values: float) -> None:
        start = time.perf_counter()
        self.run.report(step, total, **values)
        self.seconds += time.perf_counter() - start


def share_of_reports(network: nn.Module, size: int, every: int, folder: Path) -> float:
    """Time in `report` over time in the training."""

    def loss_at(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        images = torch.randn(BATCH, 1, size, size, generator=generator)
        labels = torch.randint(4, (BATCH, size, size), generator=generator)
        loss = F.cross_entropy(network(images), labels)
        return loss, {"segmentation_loss": loss.detach()}

    settings = LoopSettings(steps=STEPS, learning_rate=1e-3, report_every=every)
    with standalone(folder, {"seed": 0}, [], "train") as run:
        timed, start = Timed(run), time.perf_counter()
        fit(loss_at, network, settings=settings, seed=0, device="cpu", report=timed)
        return timed.seconds / (time.perf_counter() - start)


def share_of_a_core(results: Path, repeats: int) -> float:
    """CPU time of the mirror's look at a study in which one of many jobs has grown, over the time between two looks."""
    study = results / "toy"
    for number in range(JOBS):
        folder = study / f"job{number}"
        folder.mkdir(parents=True)
        about = {"job": f"job{number}", "stamp": str(number), "started": "2026-01-02T03:04:05+00:00"}
        (folder / "record.json").write_text(json.dumps(about))
    feed, found = Feed(study, beside(study)), []
    with standalone(study / "long", {"seed": 0}, [], "train") as run:
        for step in range(repeats + 1):
            run.report(step, repeats, loss=1.0)
            start = time.process_time()
            failure = feed.update(entries_below(study)[0])
            if failure:
                raise failure
            if step:  # the first has all jobs to tell
                found.append(time.process_time() - start)
    return float(np.median(found)) / EVERY


def main() -> None:
    asked = options(__doc__).parse_args()
    network = architectures.build("unet2d", Fingerprint(size=asked.size, spacing_mm=1.5, slices=10, slice_mm=8.0))
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        for every in (20, 1):
            folder = Path(name, "training")
            shares = [share_of_reports(network, asked.size, every, folder) for _ in range(asked.repeats)]
            share = 100 * float(np.median(shares))
            rows.append({"what": f"report every {every} steps", "% of the training's time": share})
        mirror = 100 * share_of_a_core(Path(name, "results"), asked.repeats)
    other: list[Row] = [{"what": f"mirror, every {EVERY:.0f} s", "% of one core": mirror}]
    publish({"In the training": rows, "Beside it": other}, asked.json)


if __name__ == "__main__":
    main()
