"""One training by several processes: each computes its share of every batch, and all stay equal.

Every process draws the whole batch from the step's seed, sends its share of it through the network and gathers what
the others made of theirs, so that a loss sees the batch whole: a Dice pooled over the batch, a domain classifier that
normalises over it. Gradients are averaged before each step. So two processes train what one trains, but for the order
in which sums are taken; batch norm and MixStyle alone see a share. In a process that has joined no group all of this is
the identity.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as group
from torch import Tensor

from cmrbridge.errors import InputError

PATIENCE = timedelta(hours=6)  # for process 0, which alone validates and writes


class Helped(Exception):
    """The end of a process that was there to compute its share: process 0 goes on, and writes what came of it."""


def join(rank: int, processes: int, store: Path, device: str) -> None:
    """Become process ``rank`` of a group that meets over the file ``store``; on a machine of GPUs, take the GPU of
    that number."""
    if device == "cuda":
        torch.cuda.set_device(rank)
    backend = "nccl" if device == "cuda" else "gloo"
    meeting = group.FileStore(str(store), processes)  # type: ignore[attr-defined]
    group.init_process_group(backend, store=meeting, rank=rank, world_size=processes, timeout=PATIENCE)


def leave() -> None:
    group.destroy_process_group()


def rank() -> int:
    """This process's number; 0 writes."""
    return group.get_rank() if group.is_initialized() else 0


def processes() -> int:
    return group.get_world_size() if group.is_initialized() else 1


def share(whole: Tensor) -> Tensor:
    """This process's rows of a batch; InputError where there are not as many for each."""
    count = processes()
    if len(whole) % count:
        raise InputError(
            f"a batch of {len(whole)} can't be shared equally by {count} processes: choose a batch that {count} divides"
        )
    size = len(whole) // count
    return whole[rank() * size : (rank() + 1) * size]


class _Gathered(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        ctx.rows = len(own)
        parts = [torch.empty_like(own) for _ in range(processes())]
        group.all_gather(parts, own.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Every process holds the whole loss, so what each hands back is all there is for its own rows; times their
        number, because `average_gradients` takes the mean over processes."""
        first = rank() * ctx.rows
        return processes() * gradients[0][first : first + ctx.rows]


def gather(own: Tensor) -> Tensor:
    """The whole batch's rows from every process's own, with the gradient."""
    gathered: Tensor = own if processes() == 1 else _Gathered.apply(own.float())  # gloo knows no bfloat16
    return gathered


def spread(network: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """``network`` of whole batches, of which each process computes its share."""
    return lambda *batches: gather(network(*(share(batch) for batch in batches)))


def average_gradients(parameters: Iterable[Tensor]) -> None:
    """The mean over processes in the place of each parameter's gradient."""
    if processes() == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    group.all_reduce(flat)
    flat /= processes()
    parts = flat.split([gradient.numel() for gradient in gradients])
    torch._foreach_copy_(gradients, [part.view_as(gradient) for part, gradient in zip(parts, gradients)])


def ensure_same(number: int, device: str) -> None:
    """RuntimeError where process 0 has another number."""
    if processes() == 1:
        return
    first = torch.tensor([number], device=device)
    group.broadcast(first, src=0)
    if int(first) != number:
        raise RuntimeError(f"process {rank()} would begin at step {number}, process 0 at step {int(first)}")


def agreed(told: bool, device: str) -> bool:
    """What process 0 was told, in every process."""
    if processes() == 1:
        return told
    word = torch.tensor([told], dtype=torch.uint8, device=device)
    group.broadcast(word, src=0)
    return bool(word)
