"""Which trained networks leave a study: those that did best on the source's own validation subjects."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cmrbridge.errors import InputError

Pick = Literal["fast", "accurate"]


@dataclass(frozen=True)
class Candidate:
    """A trained network: its run's keys, the domains with labels that trained it, and what else it saw, in words.

    model: its weights; metrics: the journal of its training.
    """

    scenario: str
    source: str
    arm: str
    architecture: str
    seed: int
    training: tuple[str, ...]
    beside: tuple[str, ...]
    access: str
    model: Path
    metrics: Path


@dataclass(frozen=True)
class Choice:
    """members: runs that differ by seed alone. validation_dice: their mean."""

    members: tuple[Candidate, ...]
    validation_dice: float


def choose(candidates: Sequence[Candidate], pick: Pick) -> Choice:
    """ "fast": the run of the highest validation Dice. "accurate": all seeds of the scenario, arm and architecture of
    the highest mean. Of equal ones the first. Dice is that of the last check, as of the weights that are kept."""
    if not candidates:
        raise InputError("no network to export: see app.arms in docs/reference/config.md")
    groups: dict[tuple[str, ...], list[Candidate]] = {}
    for one in candidates:
        alone = (str(one.seed),) if pick == "fast" else ()
        groups.setdefault((one.scenario, one.arm, one.architecture, *alone), []).append(one)
    scores = {key: _mean([validation_dice(one.metrics) for one in group]) for key, group in groups.items()}
    best = max(scores, key=lambda key: scores[key])
    return Choice(tuple(groups[best]), scores[best])


def validation_dice(metrics: Path) -> float:
    """The last ``val_dice`` of a training's journal, 0 where it is no number; InputError where there is none."""
    try:
        lines = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
        last = [line["val_dice"] for line in lines if "val_dice" in line][-1]
        return 0.0 if last is None else float(last)  # a journal has null where there was no number
    except (OSError, ValueError, TypeError, IndexError) as error:
        raise InputError(
            f"{metrics}: holds no validation Dice, by which networks are chosen; give the source validation subjects "
            "(split.val) and train again"
        ) from error


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
