"""Weights and resume states as safetensors + JSON, written atomically. Nothing is pickled."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from cmrbridge.errors import InputError


def never() -> bool:
    return False


@dataclass(frozen=True)
class Resume:
    """Where a job keeps its resume state and under which stamp (what the state depends on); ``stop`` asks it to pause."""

    path: Path
    stamp: str
    stop: Callable[[], bool] = never


class Paused(Exception):
    """The job was asked to stop; its state is saved, running it again goes on from there."""


def write_tensors(path: Path, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Write tensors and a JSON description so that a crash leaves the old file or the new one, never half a file."""
    payload = save({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, {"about": json.dumps(about)})
    temporary = path.with_name(f".{path.name}.partial")
    with temporary.open("wb") as stream:
        stream.write(payload)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, path)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(tensors, description) of a file of `write_tensors`."""
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["about"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not a readable safetensors file of cmrbridge ({error}); delete it and run again"
        ) from error


def training_state(module: nn.Module, optimizer: torch.optim.Optimizer, extra: dict[str, Tensor]) -> dict[str, Tensor]:
    """Everything that the next step depends on, as flat names."""
    state = {f"module.{name}": value for name, value in module.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        state |= {f"optimizer.{index}.{name}": value for name, value in moments.items()}
    return state | {f"extra.{name}": value for name, value in extra.items()}


def restore_training_state(
    tensors: dict[str, Tensor], module: nn.Module, optimizer: torch.optim.Optimizer, extra: dict[str, Tensor]
) -> None:
    """Put a state of `training_state` back in place; ``extra`` tensors are overwritten."""
    module.load_state_dict({k.removeprefix("module."): v for k, v in tensors.items() if k.startswith("module.")})
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        kind, _, rest = key.partition(".")
        if kind == "optimizer":
            index, name = rest.split(".", 1)
            moments.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    for name, target in extra.items():
        target.copy_(tensors[f"extra.{name}"])
