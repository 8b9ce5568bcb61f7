"""The part of training.py that runs with nnU-Net's Python: both trainings, their parts, and tables.json."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cmrbridge.core.loop import LoopSettings, fit
from cmrbridge.core.pack import read_pack
from cmrbridge.segmentation.augment import AugmentSettings, apply, draw
from cmrbridge.segmentation.intensity import standardise, unit
from cmrbridge.segmentation.losses import marginal_dice_cross_entropy
from cmrbridge.segmentation.nnunet import caged
from cmrbridge.segmentation.slices import Slices, gather
from cmrbridge.segmentation.train import SegmenterSettings, Trainee, objective

STEPS = 4  # of ours in a round
CACHED = 6  # batches that nnU-Net's workers keep ready: its rounds are longer than what they begin with
WORKERS = (0, 1, 2)
Trainer = caged.nnUNetTrainer


def synchronised(device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def timed(work: Callable[[], object], device: str) -> float:
    start = synchronised(device)
    work()
    return synchronised(device) - start


def recipe(folder: Path) -> AugmentSettings:
    plain = json.loads((folder / "classic.json").read_text())
    return AugmentSettings(**{name: tuple(v) if isinstance(v, list) else v for name, v in plain.items()})


class Ours:
    """Our loop around the network of nnU-Net's plan, with the recipe ``classic``."""

    def __init__(self, trainer: Trainer, train: Slices, augment: AugmentSettings, device: str) -> None:
        network = trainer.build_network_architecture(
            trainer.plans_manager, trainer.configuration_manager, 1, 4, enable_deep_supervision=False
        )
        self.trainee, self.train, self.device = Trainee(network.to(device), None), train, device
        self.precision = "float32" if device == "cpu" else "bfloat16"  # nnU-Net's: float32, and float16 on a GPU
        loop = LoopSettings(STEPS, learning_rate=1e-3, precision=self.precision, checkpoint_every=0, report_every=0)
        self.settings = SegmenterSettings("", loop, trainer.batch_size, augment)
        self.optimizer = torch.optim.AdamW(self.trainee.parameters(), lr=1e-3, foreach=True)
        self.generator = torch.Generator(device).manual_seed(0)
        self.batch = self.load()

    def whole(self) -> None:
        fit(
            objective(self.trainee, self.settings, self.train, []),
            self.trainee,
            settings=self.settings.loop,
            seed=0,
            device=self.device,
            report=lambda step, total=None, **values: None,
        )

    @torch.no_grad()
    def load(self) -> tuple[Tensor, Tensor, Tensor]:
        rows = torch.randint(len(self.train), (self.settings.batch,), generator=self.generator, device=self.device)
        drawn = draw(self.settings.augment, len(rows), self.train.size, self.generator)
        images, labels = apply(unit(self.train.images[rows]), self.train.labels[rows], drawn)
        assert labels is not None
        return standardise(images), labels, self.train.known[rows]

    def forward_backward(self) -> None:
        images, labels, known = self.batch
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bfloat16"):
            loss = marginal_dice_cross_entropy(self.trainee(images), labels, known)
        loss.backward()

    def optimise(self) -> None:
        nn.utils.clip_grad_norm_(self.trainee.parameters(), 1.0)
        self.optimizer.step()


class Theirs:
    """nnU-Net's trainer as it stands."""

    def __init__(self, trainer: Trainer) -> None:
        trainer.on_train_start()
        trainer.on_train_epoch_start()
        self.trainer = trainer
        self.batch = next(trainer.dataloader_train)

    def whole(self, workers: int, device: str) -> float:
        """Seconds a batch, with so many processes that load beside the training; their start is not counted."""
        caged.os.environ[caged.WORKERS] = str(workers)
        train, validation = self.trainer.get_dataloaders()
        if not workers:
            return timed(lambda: [self.trainer.train_step(next(train)) for _ in range(STEPS)], device) / STEPS
        count = 2 * CACHED
        self.trainer.train_step(next(train))
        seconds = timed(lambda: [self.trainer.train_step(next(train)) for _ in range(count)], device) / count
        train._finish()
        validation._finish()
        return seconds

    def load(self) -> None:
        next(self.trainer.dataloader_train)

    def step(self) -> None:
        self.trainer.train_step(self.batch)

    def optimise(self) -> None:
        torch.nn.utils.clip_grad_norm_(self.trainer.network.parameters(), 12)
        self.trainer.optimizer.step()


def rounds(ours: Ours, theirs: Theirs, device: str, repeats: int) -> dict[str, float]:
    """Median seconds a batch of everything, in turn, so that a busy machine slows all alike; one round warms up."""
    jobs: dict[str, Callable[[], float]] = {
        "ours": lambda: timed(ours.whole, device) / STEPS,
        "ours, forward + backward": lambda: timed(ours.forward_backward, device),
        "ours, optimiser": lambda: timed(ours.optimise, device),
        "ours, loading": lambda: timed(ours.load, device),
        **{f"nnU-Net, {count} workers": lambda count=count: theirs.whole(count, device) for count in WORKERS},
        "nnU-Net, step": lambda: timed(theirs.step, device),
        "nnU-Net, optimiser": lambda: timed(theirs.optimise, device),
        "nnU-Net, loading": lambda: timed(theirs.load, device),
    }
    found: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(repeats + 1):
        for name, job in jobs.items():
            seconds = job()
            print(f"{turn} {name}: {seconds:.3f} s a batch", flush=True)
            if turn:
                found[name].append(seconds)
    return {name: float(np.median(seconds)) for name, seconds in found.items()}


def tables(times: dict[str, float], batch: int, title: str) -> dict[str, list[dict[str, Any]]]:
    pure = times["ours, forward + backward"]
    fastest = min((f"nnU-Net, {count} workers" for count in WORKERS), key=lambda name: times[name])
    whole = [
        {
            "trainer": name,
            "samples a second": batch / times[name],
            "ours is faster by": times[name] / times["ours"],
            "share of pure forward + backward": pure / times[name],
            "": "the fastest of nnU-Net's" if name == fastest else "",
        }
        for name in ("ours", *(f"nnU-Net, {count} workers" for count in WORKERS))
    ]
    step = times["nnU-Net, step"] - times["nnU-Net, optimiser"]
    parts = {
        "loading, augmentation": (times["ours, loading"], times["nnU-Net, loading"]),
        "forward + backward": (pure, step),
        "optimiser": (times["ours, optimiser"], times["nnU-Net, optimiser"]),
    }
    rows = [
        {"part": name, "ours, ms a sample": 1000 * own / batch, "nnU-Net's, in one process": 1000 * other / batch}
        for name, (own, other) in parts.items()
    ]
    return {title: whole, "Where the time goes": rows}


def main() -> None:
    folder, repeats = Path(sys.argv[1]), int(sys.argv[2])
    job = json.loads((folder / "job.json").read_text())
    torch.set_num_threads(job["threads"])
    trainer = caged.build_trainer(folder, job)
    theirs = Theirs(trainer)
    ours = Ours(trainer, gather([read_pack(folder / "training.npz")], job["device"]), recipe(folder), job["device"])
    times = rounds(ours, theirs, job["device"], repeats)
    patch = "×".join(map(str, trainer.configuration_manager.patch_size))
    title = f"patch {patch}, batch {trainer.batch_size}, {job['threads']} threads, {job['device']}"
    (folder / "tables.json").write_text(json.dumps(tables(times, trainer.batch_size, title)))


if __name__ == "__main__":
    main()
