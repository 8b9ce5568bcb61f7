"""Toy packs: stacks of different lengths, each structure of its own grey; hearts that can be learnt, and the training
that does."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmrbridge.core.geometry import Grid
from cmrbridge.core.pack import Case, Pack, write_pack
from cmrbridge.segmentation.train import settings_from, train_segmenter

SIZE = 32
ToyPack = Callable[..., Pack]


@pytest.fixture(scope="session")
def toy_pack() -> ToyPack:
    def make(
        slices: Sequence[int] = (4, 3, 4), split: str = "train", annotated: Sequence[str] = ("LV", "MYO", "RV")
    ) -> Pack:
        """Cases of so many slices, the last for validation where there are several to train on."""
        rng = np.random.default_rng(sum(slices))
        labels = rng.integers(0, 4, (sum(slices), 8, 8)).astype(np.uint8).repeat(4, 1).repeat(4, 2)
        images = (60 * labels + rng.integers(0, 60, labels.shape)).astype(np.uint8)
        splits = [split] * (len(slices) - 1) + ["val" if split == "train" and len(slices) > 1 else split]
        cases = [
            Case("toy", "toy", f"s{i}", "ED", part, tuple(annotated), (10.0, 5.0, 5.0), grid(count))
            for i, (count, part) in enumerate(zip(slices, splits))
        ]
        case = np.repeat(np.arange(len(slices), dtype=np.int32), slices)
        position = np.concatenate([np.arange(count, dtype=np.int32) for count in slices])
        return Pack(images, labels, case, position, tuple(cases))

    return make


def grid(slices: int) -> Grid:
    return Grid((SIZE, SIZE, slices), (5.0, 5.0, 10.0), False, False, False, (15.5, 15.5), SIZE, 5.0)


@pytest.fixture(scope="session")
def toy_hearts() -> ToyPack:
    def make(
        cases: int = 4, slices: int = 3, split: str = "train", annotated: Sequence[str] = ("LV", "MYO", "RV")
    ) -> Pack:
        """Concentric LV and MYO beside a square RV, each of its own grey; the last case is for validation."""
        y, x = np.mgrid[:SIZE, :SIZE]
        rng = np.random.default_rng(0)
        images, labels = [], []
        for _ in range(cases * slices):
            radius = np.hypot(y - 16 - rng.integers(-2, 3), x - 18 - rng.integers(-2, 3))
            label = np.select([radius < 4, radius < 8, (abs(y - 16) < 6) & (x < 9)], [1, 2, 3], 0)
            labels.append(label.astype(np.uint8))
            images.append((np.array([20, 220, 90, 160])[label] + rng.integers(-15, 16, label.shape)).astype(np.uint8))
        of_file = Grid((40, 48, slices + 1), (1.5, 1.5, 8.0), True, True, False, (23.5, 19.5), SIZE, 1.5)
        splits = [split] * (cases - 1) + ["val" if split == "train" else split]
        table = [
            Case("toy", "toy", f"s{i}", "ED", part, tuple(annotated), (8.0, 1.5, 1.5), of_file)
            for i, part in enumerate(splits)
        ]
        number = np.repeat(np.arange(cases, dtype=np.int32), slices)
        position = np.tile(np.arange(slices, dtype=np.int32), cases)
        return Pack(np.stack(images), np.stack(labels), number, position, tuple(table))

    return make


@pytest.fixture(scope="session")
def plain() -> Callable[..., dict[str, Any]]:
    def settings(steps: int, **changes: Any) -> dict[str, Any]:
        """A short training of the plain U-Net, weakly augmented, with these changes."""
        loop = {"steps": steps, "learning_rate": 3e-3, "checkpoint_every": 2, "report_every": 1, "inspect_every": steps}
        augment = {"geometry_chance": 0.5, "rotation": 10, "scale": [0.9, 1.1], "noise_chance": 0.5, "noise": 0.05}
        return {"architecture": "unet2d", "batch": 4, "loop": loop, "augment": augment} | changes

    return settings


@pytest.fixture(scope="session")
def train(toy_hearts: ToyPack) -> Callable[..., list[dict[str, float]]]:
    def fit(
        folder: Path, settings: dict[str, Any], model: str = "model.safetensors", **changes: Any
    ) -> list[dict[str, float]]:
        """What was reported of a training on toy hearts, or on the folder's training.npz where it has one."""
        if not (folder / "training.npz").exists():
            write_pack(folder / "training.npz", toy_hearts())
        rows: list[dict[str, float]] = []
        given: dict[str, Any] = {
            "training": [folder / "training.npz"],
            "synthetic": None,
            "unlabelled": [],
            "seed": 0,
            "checkpoint": None,
        }
        train_segmenter(
            settings=settings_from(settings),
            model=folder / model,
            device="cpu",
            report=lambda step, total=None, **values: rows.append({"step": step, **values}),
            **given | changes,
        )
        return rows

    return fit
