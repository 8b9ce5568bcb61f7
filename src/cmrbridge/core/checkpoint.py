"""Weights and resume states as safetensors + JSON, written atomically. Nothing is pickled."""

import hashlib
import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from cmrbridge.errors import InputError
from cmrbridge.files import write_atomically


def never() -> bool:
    return False


@dataclass(frozen=True)
class Resume:
    """Where a job keeps its resume state, under which stamp (what the state depends on); ``stop`` asks it to pause."""

    path: Path
    stamp: str
    stop: Callable[[], bool] = never

    @property
    def previous(self) -> Path:
        """The state before the last one, used where the last one turns out damaged."""
        return self.path.with_name(f"{self.path.name}.previous")

    def aside(self, name: str) -> Path:
        """Where a file that a job will deliver waits for its end: declared outputs of failed jobs are deleted."""
        return self.path.with_name(f"{self.path.name}.{self.stamp[:8]}.{name}")

    def clear(self) -> None:
        """Remove the states of a job that is done, what waited aside, and a state whose writing was cut short."""
        for path in list(self.path.parent.iterdir()):
            if path == self.path or path.name.startswith((f"{self.path.name}.", f".{self.path.name}.")):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


class Paused(Exception):
    """The job was asked to stop; its state is saved, running it again goes on from there."""


def write_tensors(path: Path, tensors: dict[str, Tensor], about: dict[str, Any], previous: Path | None = None) -> None:
    """Write tensors and a JSON description atomically (`cmrbridge.files`); ``previous``: where the old file goes."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    # one metadata entry: safetensors writes several in a random order
    payload = save(tensors, {"about": json.dumps(about | {"sha256": _digest(tensors, about)})})
    write_atomically(path, payload, previous)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(tensors, description) of a file of `write_tensors`; InputError where it is cut, or a single bit has flipped."""
    try:
        with safe_open(path, "pt") as file:
            about = json.loads(file.metadata()["about"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        if about.pop("sha256") != _digest(tensors, about):
            raise ValueError("its checksum does not match")
        return tensors, about
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not a readable safetensors file of cmrbridge ({error}); delete it and run again"
        ) from error


def _digest(tensors: dict[str, Tensor], about: dict[str, Any]) -> str:
    """SHA-256 over names, types, shapes, values and description: safetensors itself carries no checksum."""
    digest = hashlib.sha256(json.dumps(about).encode())
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def write_model(path: Path, module: nn.Module, average: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Write a network's weights as raw.* and their moving average as average.*, with what rebuilds the network."""
    raw = {f"raw.{name}": value for name, value in module.state_dict().items()}
    write_tensors(path, raw | {f"average.{name}": value for name, value in average.items()}, about)


def load_weights(tensors: dict[str, Tensor], module: nn.Module) -> None:
    """Fill ``module`` from the tensors of `write_model`: averaged where an average is kept, else raw."""
    kept = {part: _part(tensors, f"{part}.") for part in ("raw", "average")}
    module.load_state_dict(kept["raw"] | kept["average"])


def write_resume(resume: Resume, tensors: dict[str, Tensor], step: int) -> None:
    """Write a resume state and keep the one before it: at every instant at least one of them is whole on the disk."""
    write_tensors(resume.path, tensors, {"stamp": resume.stamp, "step": step}, resume.previous)


def read_resume(resume: Resume) -> tuple[dict[str, Tensor], int] | None:
    """(tensors, steps done) of the newest readable state that carries this stamp; damaged ones are named in the log."""
    for path in (resume.path, resume.previous):
        try:
            if path.exists():
                tensors, about = read_tensors(path)
                if about.get("stamp") == resume.stamp:
                    return tensors, int(about["step"])
        except InputError as error:
            logging.getLogger(__name__).warning("resume state rejected: %s", error)
    return None


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def training_state(module: nn.Module, optimizer: torch.optim.Optimizer, extra: dict[str, Tensor]) -> dict[str, Tensor]:
    """Everything that the next step depends on, as flat names."""
    state = {f"module.{name}": value for name, value in module.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        state |= {f"optimizer.{index}.{name}": value for name, value in moments.items()}
    return state | {f"extra.{name}": value for name, value in extra.items()}


def restore_training_state(
    tensors: dict[str, Tensor], module: nn.Module, optimizer: torch.optim.Optimizer, extra: dict[str, Tensor]
) -> None:
    """Put a state of `training_state` back in place; ``extra`` tensors are overwritten.

    Nothing keeps the tensors that were read: their file is mapped into memory, and would take its room on the disk
    for as long as they live, whoever removes it.
    """
    module.load_state_dict(_part(tensors, "module."))
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in _part(tensors, "optimizer.").items():
        index, name = key.split(".", 1)
        moments.setdefault(int(index), {})[name] = value.clone()
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    for name, target in extra.items():
        target.copy_(tensors[f"extra.{name}"])
