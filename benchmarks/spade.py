"""A training step of our SPADE U-Net against MONAI's of equal parameters: time and loss.

    python benchmarks/spade.py [--json FILE] [--steps 200]

Time: forward + backward of the diffusion loss, the mask read anew in every step, medians of interleaved rounds.
Loss: both train for equal steps on the same slices, masks, times and noise; then the averaged weights are judged on
slices of other subjects, at fixed times and noise.
"""

from collections.abc import Callable

import torch
from common import Bytes, MonaiSpade, Row, interleaved, options, parameters, phantom_slices, publish, thread_counts
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from cmrbridge.core.anatomy import CLASSES
from cmrbridge.core.diffusion import diffusion_loss, one_hot, signal_shares
from cmrbridge.core.loop import LoopSettings, fit
from cmrbridge.synthesis.model import SpadeTraining, build, to_signal
from cmrbridge.synthesis.network import SpadeUNet

FOLD = 2
OURS, MONAIS = (32, 64, 128), (32, 64, 64)  # equal parameters: ours keeps them where pixels are few
HELD_OUT_SEED = 12345

Network = SpadeUNet | MonaiSpade


def loss(network: Network, images: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
    modulation = network.condition(one_hot(labels, CLASSES))
    shares = signal_shares("cosine")
    return diffusion_loss(lambda x, time: network(x, time, modulation), to_signal(images), shares, generator)


def networks(seed: int) -> dict[str, Network]:
    torch.manual_seed(seed)
    settings = SpadeTraining(steps=1, learning_rate=1e-3, channels=OURS, fold=FOLD)
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


def train(network: Network, images: Tensor, labels: Tensor, steps: int, batch: int, seed: int) -> list[float]:
    """Losses of every step; the network ends on its averaged weights."""
    settings = LoopSettings(
        steps=steps, learning_rate=1.5e-3, warmup=50, average=0.99, precision="bfloat16", checkpoint_every=0
    )
    losses: list[float] = []

    def loss_at(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        rows = torch.randint(len(images), (batch,), generator=generator)
        value = loss(network, images[rows], labels[rows], generator)
        losses.append(float(value.detach()))
        return value, {}

    average = fit(loss_at, network, settings=settings, seed=seed, device="cpu", report=lambda *values, **named: None)
    assert average is not None
    network.load_state_dict(average.values, strict=False)
    return losses


def compare_losses(slices: tuple[Bytes, Bytes, Bytes, Bytes], steps: int, batch: int, seed: int) -> list[Row]:
    images, labels, other_images, other_labels = (torch.from_numpy(part) for part in slices)
    rows: list[Row] = []
    for name, network in networks(seed).items():
        losses = train(network, images, labels, steps, batch, seed)
        with torch.no_grad():
            generator = torch.Generator().manual_seed(HELD_OUT_SEED)
            held_out = loss(network.eval(), other_images, other_labels, generator)
        last = losses[-max(1, steps // 4) :]
        rows.append(
            {
                "network": name,
                "steps": steps,
                "training loss, last quarter": sum(last) / len(last),
                "held-out loss": float(held_out),
            }
        )
    return rows


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--steps", type=int, default=200, help="of the comparison of losses; 0 for none")
    parser.add_argument("--batch", type=int, default=8)
    asked = parser.parse_args()
    slices = phantom_slices(6, asked.size)
    images, labels = (torch.from_numpy(part[: asked.batch]) for part in slices[:2])
    tables = {"Forward + backward": time_steps(images, labels, asked.repeats, asked.seed)}
    if asked.steps:
        tables["Loss after equal steps"] = compare_losses(slices, asked.steps, asked.batch, asked.seed)
    publish(tables, asked.json)


if __name__ == "__main__":
    main()
