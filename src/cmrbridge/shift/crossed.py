"""Cross-validation by subject: every slice is answered by a classifier that saw none of its subject's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from cmrbridge.core.loop import LoopSettings, fit
from cmrbridge.shift.folds import balanced, deal_folds
from cmrbridge.shift.linear import linear_logits

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Reader = Callable[[Ints, Ints, int], Floats]
"""(rows to train on, rows to answer, fold) → logits (rows to answer, class)."""

PENALTY = 0.01
BATCH = 32
LEARNING_RATE = 2e-3


@dataclass(frozen=True)
class ShiftSettings:
    """folds: of the cross-validation, by subject. steps: of the training of each network in each fold.
    seed: of the folds, of the choice of slices, of initial weights and of batches."""

    folds: int = 5
    steps: int = 150
    seed: int = 0


@dataclass(frozen=True)
class Task:
    """What is asked of every classifier: (n,) class and subject of each of n samples, the names of the classes, and
    the fold (n,) in which a sample is answered."""

    classes: Ints
    subjects: tuple[str, ...]
    names: tuple[str, ...]
    fold: Ints


def balanced_task(
    classes: Ints, subjects: Sequence[str], names: Sequence[str], settings: ShiftSettings
) -> tuple[Task, Ints]:
    """(the task on equally many samples of every class, which of the samples those are)."""
    rows = balanced(classes, settings.seed)
    chosen = tuple(subjects[row] for row in rows)
    fold = deal_folds(chosen, classes[rows], settings.folds, settings.seed)
    return Task(classes[rows], chosen, tuple(names), fold), rows


def held_out_logits(task: Task, reader: Reader) -> Floats:
    """(n, class): each sample's from the classifier of its own fold, trained on all other folds."""
    logits = np.zeros((len(task.classes), len(task.names)))
    for fold in np.unique(task.fold):
        inside = task.fold == fold
        logits[inside] = reader(np.flatnonzero(~inside), np.flatnonzero(inside), int(fold))
    return logits


def linear_reader(task: Task, features: Floats) -> Reader:
    """Logistic regression on ``features`` (n, feature)."""

    def read(train: Ints, test: Ints, fold: int) -> Floats:
        return linear_logits(features[train], task.classes[train], features[test], len(task.names), PENALTY)

    return read


def network_reader(
    task: Task, inputs: Sequence[Tensor], build: Callable[[], nn.Module], settings: ShiftSettings, device: str
) -> Reader:
    """A fresh network of ``build`` per fold, which takes the ``inputs`` ((n, channel, y, x) each) as its arguments.

    Batches hold as many samples of each class; every input channel is standardised by the training samples.
    """
    classes = torch.from_numpy(task.classes)

    def read(train: Ints, test: Ints, fold: int) -> Floats:
        seed = settings.seed * 1000 + fold
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = build().to(device)
        shown = [_standardised(part, train, device) for part in inputs]
        rows = [torch.from_numpy(train)[classes[train] == index] for index in range(len(task.names))]
        fit(
            _objective(network, shown, [part.to(device) for part in rows if len(part)], classes.to(device)),
            network,
            settings=LoopSettings(settings.steps, LEARNING_RATE, warmup=settings.steps // 20, weight_decay=1e-2),
            seed=seed,
            device=device,
            report=_silent,
        )
        return _answers(network, shown, torch.from_numpy(test).to(device))

    return read


def _silent(step: int, total: int | None = None, **values: float) -> None:
    """Steps of one fold's small network are nobody's news."""


def _standardised(values: Tensor, train: Ints, device: str) -> Tensor:
    values = values.float().to(device)
    deviation, mean = torch.std_mean(values[torch.from_numpy(train)], dim=(0, 2, 3), keepdim=True)
    return (values - mean) / deviation.clamp_min(1e-6)


def _objective(
    network: nn.Module, inputs: list[Tensor], rows: list[Tensor], classes: Tensor
) -> Callable[[int, torch.Generator], tuple[Tensor, dict[str, Tensor]]]:
    each = -(-BATCH // len(rows))

    def loss_at(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        picks = [part[torch.randint(len(part), (each,), generator=generator, device=part.device)] for part in rows]
        batch = torch.cat(picks)
        return F.cross_entropy(network(*(part[batch] for part in inputs)).float(), classes[batch]), {}

    return loss_at


@torch.inference_mode()
def _answers(network: nn.Module, inputs: list[Tensor], rows: Tensor) -> Floats:
    network.eval()
    parts = [network(*(part[chunk] for part in inputs)).double().cpu() for chunk in rows.split(128)]
    logits: Floats = torch.cat(parts).numpy()
    return logits
