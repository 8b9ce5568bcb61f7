"""A tiny SPADE training: a pack of toy cases, its settings, and the deed."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmrbridge.core.checkpoint import Resume
from cmrbridge.core.geometry import Grid
from cmrbridge.core.pack import Case, Pack, write_pack
from cmrbridge.synthesis.model import SpadeTraining
from cmrbridge.synthesis.train import train_spade_diffusion

SIZE = 16


@pytest.fixture
def tiny() -> SpadeTraining:
    return SpadeTraining(
        steps=4, learning_rate=1e-3, batch=2, channels=(8, 16), spade_channels=8, fold=2, checkpoint_every=1, drop=0.5
    )


@pytest.fixture
def write_training() -> Callable[..., Path]:
    def write(path: Path, vendors: tuple[str, ...] = ("", ""), size: int = SIZE) -> Path:
        """Two training cases of these vendors and one of the validation split (as the first), two slices each."""
        labels = np.zeros((6, size, size), np.uint8)
        for row in range(6):
            labels[row, 2 + row : 8 + row, 4:10] = 1 + row % 3
        labels[1] = 0  # no foreground: never drawn
        grid = Grid((size, size, 2), (1.5, 1.5, 8), True, False, False, (7.5, 7.5), size, 1.5)
        kinds = [("train", vendors[0]), ("train", vendors[1]), ("val", vendors[0])]
        cases = tuple(
            Case("toy", "toy", f"s{i}", "ED", split, ("LV", "MYO", "RV"), (8, 1.5, 1.5), grid, vendor=vendor)
            for i, (split, vendor) in enumerate(kinds)
        )
        number = np.repeat(np.arange(3, dtype=np.int32), 2)
        write_pack(path, Pack(labels * 80, labels, number, np.tile(np.arange(2, dtype=np.int32), 3), cases))
        return path

    return write


@pytest.fixture
def training(tmp_path: Path, write_training: Callable[..., Path]) -> Path:
    return write_training(tmp_path / "training.npz")


@pytest.fixture
def train(tiny: SpadeTraining) -> Callable[..., Path]:
    def fit(training: Path, checkpoint: Resume | None = None, **changes: Any) -> Path:
        """The model, trained with these changes of `tiny`; snapshots and samples beside it."""
        settings, folder = dataclasses.replace(tiny, **changes), training.parent
        model = folder / "model.safetensors"
        train_spade_diffusion(
            settings=settings,
            training=training,
            model=model,
            samples=folder / "samples.png",
            seed=3,
            checkpoint=checkpoint,
            device="cpu",
            report=lambda step, total=None, **values: None,
            snapshots=[folder / f"model-{step}.safetensors" for step in settings.keep],
        )
        return model

    return fit
