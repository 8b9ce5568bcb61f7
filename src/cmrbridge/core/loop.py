"""The one optimisation loop: seeded by step, resumable, with an average of the weights where it is asked for."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from cmrbridge.core.checkpoint import (
    Paused,
    Resume,
    read_resume,
    restore_training_state,
    training_state,
    write_resume,
)
from cmrbridge.core.parallel import Helped, agreed, average_gradients, ensure_same, rank
from cmrbridge.errors import InputError

PATIENCE = 20  # non-finite losses in a row before a run is given up


class Report(Protocol):
    """What numerical code tells of its progress: a step, of how many, and named values."""

    def __call__(self, step: int, total: int | None = None, **values: float) -> None: ...


@dataclass(frozen=True)
class LoopSettings:
    """steps: optimiser steps; learning_rate: peak; warmup: steps of linear rise, then a half cosine down to 0;
    weight_decay: AdamW's; clip: largest gradient norm; average: decay of the weights' moving average, 0 for none;
    precision: "float32" or "bfloat16" (autocast); *_every: steps between checkpoints, reports and inspections, 0 for
    no checkpoint, and for reports and inspections at the end alone."""

    steps: int
    learning_rate: float
    warmup: int = 0
    weight_decay: float = 0.0
    clip: float = 1.0
    average: float = 0.0
    precision: str = "float32"
    checkpoint_every: int = 100
    report_every: int = 20
    inspect_every: int = 0


class Average:
    """Exponential moving average of a module's parameters, warmed up so that early noise leaves it soon."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {name: value.detach().clone() for name, value in module.named_parameters()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        values = [value.detach() for _, value in module.named_parameters()]
        torch._foreach_lerp_(list(self.values.values()), values, 1 - decay)

    @contextmanager
    def applied_to(self, module: nn.Module) -> Iterator[None]:
        """Within, ``module`` runs on the averaged weights, in evaluation mode; after, it is as it was, bit for bit."""
        raw = {name: value.detach().clone() for name, value in module.named_parameters()}
        training = module.training
        module.load_state_dict(self.values, strict=False)
        module.eval()
        try:
            yield
        finally:
            module.load_state_dict(raw, strict=False)
            module.train(training)


def step_generator(seed: int, step: int, device: str) -> torch.Generator:
    """The random numbers of one step, restated from (seed, step): a resumed run repeats an uninterrupted one."""
    return torch.Generator(device).manual_seed((seed * 1_000_003 + step) % 2**63)


def learning_rate_at(step: int, settings: LoopSettings) -> float:
    """Linear warm-up, then half a cosine to zero."""
    if step < settings.warmup:
        return settings.learning_rate * (step + 1) / settings.warmup
    progress = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))


LossAt = Callable[[int, torch.Generator], tuple[Tensor, dict[str, Tensor]]]


def fit(
    loss_at: LossAt,
    module: nn.Module,
    *,
    settings: LoopSettings,
    seed: int,
    device: str,
    report: Report,
    resume: Resume | None = None,
    inspect: Callable[[int, Average | None], dict[str, float]] | None = None,
    rates: Mapping[str, float] | None = None,
) -> Average | None:
    """Minimise ``loss_at(step, generator) → (loss, values to report)`` over ``module``'s parameters.

    ``inspect(steps done, average)`` runs every ``inspect_every`` steps and at the end; it leaves the module as it was.
    ``rates``: prefix of parameters' names → multiple of the learning rate at which these learn; their gradient is
    clipped by itself.
    Returns the moving average of the weights, or None. Raises Paused when asked to stop, and InputError when the
    loss stays non-finite; a step whose loss or gradient is not finite changes nothing and is counted.
    In a group of processes (`core.parallel`) process 0 alone inspects, reports, writes and returns; the others raise
    `Helped` at the end.
    """
    optimizer = torch.optim.AdamW(
        _groups(module, rates or {}), lr=settings.learning_rate, weight_decay=settings.weight_decay, foreach=True
    )
    average = Average(module, settings.average) if settings.average else None
    extra = average.values if average else {}
    start = _restore(resume, module, optimizer, extra)
    ensure_same(start, device)  # each has read the state by itself
    module.train()
    skipped = 0
    for step in range(start, settings.steps):
        values = _step(loss_at, module, optimizer, settings, seed, step, device)
        skipped = 0 if values["finite"] else skipped + 1
        if skipped >= PATIENCE:
            raise InputError(
                f"the loss was not finite {PATIENCE} steps running (step {step}): "
                "lower learning_rate, or set precision: float32"
            )
        if average and values["finite"]:
            average.update(module, step)
        done = step + 1
        inspected = inspect is not None and _due(done, settings.inspect_every, settings.steps)
        if inspect is not None and inspected and rank() == 0:
            values |= inspect(done, average)
            module.train()
        due = inspected or _due(done, settings.report_every, settings.steps) or not values["finite"]
        if due and rank() == 0:
            report(
                done,
                settings.steps,
                **{name: float(value) for name, value in values.items() if name != "finite"},
            )
        _keep(resume, module, optimizer, extra, done, settings, device)
    if rank():
        raise Helped
    return average


def _groups(module: nn.Module, rates: Mapping[str, float]) -> list[dict[str, Any]]:
    """Parameter groups of the optimiser: all that no prefix names, then those of each prefix with its "rate"."""
    named = dict(module.named_parameters())
    groups = [
        {"params": [value for name, value in named.items() if name.startswith(prefix)], "rate": rate}
        for prefix, rate in rates.items()
    ]
    rest = [value for name, value in named.items() if not name.startswith(tuple(rates))]
    return [{"params": rest, "rate": 1.0}, *groups]


def _due(done: int, every: int, steps: int) -> bool:
    return done == steps or (every > 0 and done % every == 0)


def _step(
    loss_at: LossAt,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    settings: LoopSettings,
    seed: int,
    step: int,
    device: str,
) -> dict[str, Any]:
    generator = step_generator(seed, step, device)
    statistics = [buffer.clone() for buffer in module.buffers()]  # batch norm's, that the forward pass moves
    torch.manual_seed((seed * 1_000_003 + step) % 2**63)
    try:
        with torch.autocast(device.split(":")[0], torch.bfloat16, enabled=settings.precision == "bfloat16"):
            loss, values = loss_at(step, generator)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients(module.parameters())
    except torch.OutOfMemoryError as error:
        raise InputError(f"the accelerator's memory is full (step {step}): lower this stage's batch") from error
    norms = [nn.utils.clip_grad_norm_(group["params"], settings.clip) for group in optimizer.param_groups]
    finite = agreed(bool(torch.isfinite(torch.stack([loss.detach(), *norms])).all()), device)
    if finite:
        for group in optimizer.param_groups:
            group["lr"] = group["rate"] * learning_rate_at(step, settings)
        optimizer.step()
    else:
        for buffer, before in zip(module.buffers(), statistics):
            buffer.copy_(before)
    return {"finite": finite, "loss": loss.detach(), **values}


def _restore(
    resume: Resume | None, module: nn.Module, optimizer: torch.optim.Optimizer, extra: dict[str, Tensor]
) -> int:
    state = read_resume(resume) if resume else None
    if state is None:
        return 0
    tensors, step = state
    restore_training_state(tensors, module, optimizer, extra)
    return step


def _keep(
    resume: Resume | None,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    extra: dict[str, Tensor],
    done: int,
    settings: LoopSettings,
    device: str,
) -> None:
    if resume is None or done == settings.steps:
        return
    stopping = agreed(resume.stop(), device)
    due = stopping or (settings.checkpoint_every and done % settings.checkpoint_every == 0)
    if due and rank() == 0:
        write_resume(resume, training_state(module, optimizer, extra), done)
    if stopping:
        raise Paused(f"paused after step {done} of {settings.steps}; run the same command again to go on")
