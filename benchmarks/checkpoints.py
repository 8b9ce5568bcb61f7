"""What resume states cost: seconds of a write against seconds of a step, in the real trainings of config.yaml.

    python benchmarks/checkpoints.py [--json FILE] [--repeats 11] [--size 64]

Each training keeps a state at every second step, so that steps with and without a write take turns in one process and
a busy machine slows both alike; the difference of the medians is a write: copy, checksum, write, fsync, two renames,
fsync of the folder. The share is what it costs at the interval that trainings have, `LoopSettings.checkpoint_every`.
"""

import dataclasses
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from common import Row, options, phantom_pack, publish

from cmrbridge.core.checkpoint import Resume
from cmrbridge.core.loop import LoopSettings
from cmrbridge.core.pack import Pack, write_pack
from cmrbridge.masks.model import MaskTraining
from cmrbridge.masks.train import train_label_diffusion
from cmrbridge.runtime.machine import resolve_precision
from cmrbridge.segmentation.train import settings_from, train_segmenter
from cmrbridge.synthesis.model import SpadeTraining
from cmrbridge.synthesis.train import train_spade_diffusion

ROOT = Path(__file__).parents[1]
WARM_UP = 4  # steps
EVERY = LoopSettings(steps=1, learning_rate=1).checkpoint_every

Train = Callable[[Path, Path, Resume], None]


class Clock:
    """Asked after every step whether to stop, before a state is written: it says no, and remembers when."""

    def __init__(self) -> None:
        self.moments: list[float] = []

    def __call__(self) -> bool:
        self.moments.append(time.perf_counter())
        return False

    def seconds(self) -> tuple[float, float]:
        """(a step, a write), medians; the time after an even step holds a write."""
        spans = np.diff(self.moments)[WARM_UP:]
        plain, writing = np.median(spans[0::2]), np.median(spans[1::2])
        return float(plain), float(writing - plain)


def phantom(size: int) -> Pack:
    pack = phantom_pack(6, size)
    return dataclasses.replace(pack, cases=tuple(dataclasses.replace(case, split="train") for case in pack.cases))


def trainings(repeats: int, device: str) -> dict[str, Train]:
    """Name → a training of config.yaml's settings, cut to so many steps."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    short = {"steps": WARM_UP + 2 * repeats + 2, "checkpoint_every": 2, "report_every": 0, "inspect_every": 0}
    common: dict[str, Any] = {"seed": 0, "device": device, "report": lambda *values, **named: None}

    def cut(settings: dict[str, Any]) -> dict[str, Any]:
        return {**settings, **short, "precision": resolve_precision(settings["precision"], device)}

    def segmenter(pack: Path, folder: Path, resume: Resume) -> None:
        loop, augment = cut(config["segmentation"]["loop"]), config["augmentations"]["classic"]
        about = {"architecture": "unet2d", "loop": loop, "batch": config["segmentation"]["batch"], "augment": augment}
        files: dict[str, Any] = {"training": [pack], "synthetic": None, "unlabelled": []}
        train_segmenter(settings=settings_from(about), model=folder / "model", checkpoint=resume, **files, **common)

    def generator(train: Callable[..., None], settings: Any) -> Train:
        def run(pack: Path, folder: Path, resume: Resume) -> None:
            files = {"training": pack, "model": folder / "model", "samples": folder / "samples.png"}
            train(settings=settings, checkpoint=resume, **files, **common)

        return run

    return {
        "segmenter": segmenter,
        "masks": generator(train_label_diffusion, MaskTraining(**cut(config["masks"]["train"]))),
        "synthesis": generator(train_spade_diffusion, SpadeTraining(**cut(config["synthesis"]["train"]))),
    }


def measure(name: str, train: Train, pack: Path, folder: Path) -> Row:
    """One row; the states are written into ``folder``."""
    folder.mkdir()
    clock = Clock()
    resume = Resume(folder / "state", "benchmark", clock)
    train(pack, folder, resume)
    step, write = clock.seconds()
    return {
        "training": name,
        "state (MB)": resume.path.stat().st_size / 1e6,
        "step (ms)": 1000 * step,
        "write (ms)": 1000 * write,
        f"share at every {EVERY} (%)": 100 * write / (EVERY * step + write),
    }


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--folder", type=Path, help="where the states go: a folder of the disk in question")
    asked = parser.parse_args()
    torch.set_num_threads(1)  # as the workflow's trainings run
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        pack = Path(name) / "training.npz"
        write_pack(pack, phantom(asked.size))
        jobs = trainings(asked.repeats, asked.device)
        rows = [measure(job, train, pack, Path(name) / job) for job, train in jobs.items()]
    publish({"Resume states": rows}, asked.json)


if __name__ == "__main__":
    main()
