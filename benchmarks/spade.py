"""A training step of our SPADE U-Net against MONAI's of equal parameters: time and loss.

    python benchmarks/spade.py [--json FILE] [--steps 200] [--trainings 2]

Time: forward + backward of the diffusion loss, the mask read anew in every step, medians of interleaved rounds.
Loss: both train for equal steps on the same slices, masks, times and noise, at each of a few learning rates; then the
averaged weights are judged on slices of other subjects, at fixed times and noise. What counts is the training's own
objective, each network at its best rate; the error by bands of noise says where the two differ.
"""

import argparse
import itertools
from collections.abc import Callable

import numpy as np
import torch
from common import Bytes, MonaiSpade, Row, interleaved, options, parameters, phantom_slices, publish, thread_counts
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from cmrbridge.core.anatomy import CLASSES
from cmrbridge.core.diffusion import diffusion_loss, one_hot, signal_shares
from cmrbridge.core.loop import LoopSettings, fit
from cmrbridge.core.solvers import noised
from cmrbridge.synthesis.model import SpadeTraining, build, to_signal
from cmrbridge.synthesis.network import SpadeUNet
from cmrbridge.synthesis.train import LEAST_NOISE

FOLD = 2
OURS, MONAIS = (48, 64, 112), (32, 64, 64)  # equal parameters: ours keeps them where pixels are few
TRUNK = 64  # channels between mask and modulation
RATES = {"cmrbridge": (4e-3, 6e-3, 8e-3), "MONAI": (2e-3, 3e-3, 4e-3)}  # about the best of each
NOISES = (0.05, 0.2, 0.5, 0.8, 0.99)  # standard deviation, of 1
HELD_OUT_SEED = 12345

Network = SpadeUNet | MonaiSpade


def loss(network: Network, images: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
    modulation = network.condition(one_hot(labels, CLASSES))
    shares = signal_shares("cosine")
    signal = to_signal(images)
    return diffusion_loss(lambda x, time: network(x, time, modulation), signal, shares, generator, LEAST_NOISE)


def networks(seed: int) -> dict[str, Network]:
    torch.manual_seed(seed)
    settings = SpadeTraining(steps=1, learning_rate=1e-3, channels=OURS, spade_channels=TRUNK, fold=FOLD)
    return {"cmrbridge": build(settings), "MONAI": MonaiSpade(MONAIS, FOLD)}


def one_step(network: Network, images: Tensor, labels: Tensor, precision: str) -> Callable[[], None]:
    generator = torch.Generator()

    def step() -> None:
        network.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            value = loss(network, images, labels, generator.manual_seed(0))
        value.backward()

    return step


def time_steps(images: Tensor, labels: Tensor, repeats: int, seed: int) -> list[Row]:
    """Milliseconds a step of both networks by precision and threads, and MONAI's over ours."""
    rows: list[Row] = []
    for threads in thread_counts():
        torch.set_num_threads(threads)
        for precision in ("float32", "bfloat16"):
            both = networks(seed)
            steps = {name: one_step(network, images, labels, precision) for name, network in both.items()}
            times = interleaved(steps, repeats)
            for name, network in both.items():
                with FlopCounterMode(display=False) as counter:
                    steps[name]()
                rows.append(
                    {
                        "threads": threads,
                        "precision": precision,
                        "network": name,
                        "parameters": parameters(network),
                        "GFLOP a step": counter.get_total_flops() / 1e9,
                        "ms a step": 1000 * times[name],
                        "times faster": times["MONAI"] / times[name],
                    }
                )
    return rows


def train(network: Network, images: Tensor, labels: Tensor, rate: float, asked: argparse.Namespace, seed: int) -> None:
    """The network ends on its averaged weights."""
    settings = LoopSettings(
        steps=asked.steps, learning_rate=rate, warmup=50, average=0.99, precision="bfloat16", checkpoint_every=0
    )

    def loss_at(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        rows = torch.randint(len(images), (asked.batch,), generator=generator)
        return loss(network, images[rows], labels[rows], generator), {}

    average = fit(loss_at, network, settings=settings, seed=seed, device="cpu", report=lambda *values, **named: None)
    assert average is not None
    network.load_state_dict(average.values, strict=False)


@torch.inference_mode()
def error_by_noise(network: Network, images: Tensor, labels: Tensor) -> dict[str, float]:
    """Mean squared error of x_0 over the share of noise, at `NOISES`: the error of the velocity."""
    modulation, signal = network.condition(one_hot(labels, CLASSES)), to_signal(images)
    generator, shares = torch.Generator().manual_seed(HELD_OUT_SEED), signal_shares("cosine").tolist()
    found = {}
    for spread in NOISES:
        time = min(range(len(shares)), key=lambda index: abs(1 - shares[index] - spread**2))
        noisy = noised(signal, shares[time], torch.randn(signal.shape, generator=generator))
        error = network(noisy, torch.full((len(signal),), time), modulation).float() - signal
        found[f"at noise {spread}"] = float(error.square().mean()) / (1 - shares[time])
    return found


def compare_losses(slices: tuple[Bytes, Bytes, Bytes, Bytes], asked: argparse.Namespace) -> list[Row]:
    """A row for every network, learning rate and training: loss and errors on held-out slices."""
    images, labels, other_images, other_labels = (torch.from_numpy(part) for part in slices)
    rows: list[Row] = []
    for name, rates in RATES.items():
        for rate, seed in itertools.product(rates, range(asked.trainings)):
            network = networks(seed)[name]
            train(network, images, labels, rate, asked, seed)
            with torch.no_grad():
                generator = torch.Generator().manual_seed(HELD_OUT_SEED)
                held_out = loss(network.eval(), other_images, other_labels, generator)
            row: Row = {"network": name, "rate": rate, "training": seed, "held-out loss": float(held_out)}
            rows.append(row | error_by_noise(network, other_images, other_labels))
            print(row, flush=True)
    return rows


def best(rows: list[Row]) -> list[Row]:
    """Each network at the rate of the lowest mean loss."""
    found: list[Row] = []
    for name, rates in RATES.items():
        means = {
            rate: np.mean([row["held-out loss"] for row in rows if (row["network"], row["rate"]) == (name, rate)])
            for rate in rates
        }
        rate = min(means, key=means.__getitem__)
        found.append({"network": name, "best rate": rate, "mean held-out loss": float(means[rate])})
    return found


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--steps", type=int, default=200, help="of the comparison of losses; 0 for none")
    parser.add_argument("--trainings", type=int, default=2, help="of each network at each rate")
    parser.add_argument("--batch", type=int, default=8)
    asked = parser.parse_args()
    slices = phantom_slices(6, asked.size)
    images, labels = (torch.from_numpy(part[: asked.batch]) for part in slices[:2])
    tables = {"Forward + backward": time_steps(images, labels, asked.repeats, asked.seed)}
    if asked.steps:
        tables[f"Loss after {asked.steps} equal steps"] = rows = compare_losses(slices, asked)
        tables["Each at its best rate"] = best(rows)
    publish(tables, asked.json)


if __name__ == "__main__":
    main()
