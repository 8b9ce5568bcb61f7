"""Images a second of our sampler against MONAI's and diffusers', and where the difference comes from.

    python benchmarks/sampling.py [--json FILE] [--full] [--quality N --model FILE --training PACK]

Speed does not depend on the weights: networks are fresh, masks come from the phantom. One run draws 32 images.
MONAI: DiffusionInferer, its own network of equal parameters, DDPM of 1000 steps; of these the first --part are
timed and the time scaled up, unless --full asks for all. diffusers: a plain loop over DPMSolverMultistepScheduler,
our network, as many calls; from equal times our solver draws the same (tests/unit/core/test_solvers.py).
Quality, apart and for a trained model: kernel distance to held-out real images (with a 95 % interval) of N images
drawn in `CALLS` calls and of N drawn by DDPM in every step down to the last, of the same masks.
"""

import argparse
import copy
from collections.abc import Callable
from pathlib import Path

import torch
from common import MonaiSpade, Row, interleaved, options, parameters, phantom_slices, publish, thread_counts
from diffusers import DPMSolverMultistepScheduler
from monai.inferers import DiffusionInferer
from monai.networks.schedulers import DDPMScheduler
from spade import FOLD, MONAIS, OURS, TRUNK
from torch import Tensor
from torch.nn.utils import convert_conv2d_weight_memory_format

from cmrbridge.core.anatomy import CLASSES
from cmrbridge.core.diffusion import BETAS, STEPS, one_hot
from cmrbridge.core.labels import labelled_slices
from cmrbridge.core.pack import read_pack
from cmrbridge.core.solvers import solve
from cmrbridge.evaluation.distributions import kernel_interval
from cmrbridge.evaluation.features import image_features
from cmrbridge.synthesis.model import LAST, TEMPER, SpadeTraining, build, descent, draw_images, load_model
from cmrbridge.synthesis.network import SpadeUNet

CALLS = 30  # of config.yaml
IMAGES = 32


def by_monai(network: MonaiSpade, mask: Tensor, steps: int, precision: str) -> Callable[[], Tensor]:
    """The first ``steps`` of MONAI's DDPM; folded pixels go in and come out, as its inferer wants the bare network."""
    scheduler = DDPMScheduler(num_train_timesteps=STEPS, schedule="cosine", prediction_type="sample")
    scheduler.timesteps = scheduler.timesteps[:steps]
    inferer = DiffusionInferer(scheduler)
    size, fold = mask.shape[-1], network.fold

    def draw() -> Tensor:
        noise = torch.randn(len(mask), fold**2, size // fold, size // fold)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            return inferer.sample(noise, network.net, scheduler, seg=network.condition(mask), verbose=False)

    return draw


def by_diffusers(network: SpadeUNet, mask: Tensor, precision: str, *, read_once: bool) -> Callable[[], Tensor]:
    """A plain loop of diffusers' DPM-Solver++ (2M) with the estimate held in the data's range by its own means."""
    scheduler = DPMSolverMultistepScheduler(
        num_train_timesteps=STEPS,
        beta_schedule=BETAS["cosine"],
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        prediction_type="sample",
        algorithm_type="dpmsolver++",
        thresholding=True,
        sample_max_value=1.0,
    )

    @torch.no_grad()
    def draw() -> Tensor:
        scheduler.set_timesteps(CALLS)
        x = torch.randn(len(mask), 1, *mask.shape[-2:])
        modulation = None
        for time in scheduler.timesteps:
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                if modulation is None or not read_once:
                    modulation = network.condition(mask)
                estimate = network(x, torch.full((len(x),), int(time)), modulation)
            x = scheduler.step(estimate.float(), time, x).prev_sample
        return x

    return draw


def by_us(network: SpadeUNet, mask: Tensor, precision: str, *, batch: int, read_once: bool) -> Callable[[], None]:
    """Our solver, ``batch`` images at a time, the mask read once (as rendering does) or in every call."""
    generator = torch.Generator()

    @torch.inference_mode()
    def draw() -> None:
        for part in mask.split(batch):
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                once = network.condition(part)

            def denoise(x: Tensor, time: Tensor, part: Tensor = part, once: object = once) -> Tensor:
                return network(x, time, once if read_once else network.condition(part))

            noise = torch.randn(len(part), 1, *part.shape[-2:], generator=generator)
            rungs = descent("cosine", CALLS)
            solve(denoise, noise, rungs, solver="dpm-solver++", generator=generator, precision=precision, temper=TEMPER)

    return draw


def time_samplers(mask: Tensor, asked: argparse.Namespace) -> list[Row]:
    torch.manual_seed(asked.seed)
    settings = SpadeTraining(steps=1, learning_rate=1e-3, channels=OURS, spade_channels=TRUNK, fold=FOLD)
    plain, monais = build(settings).eval(), MonaiSpade(MONAIS, FOLD).eval()
    ours = copy.deepcopy(plain)
    convert_conv2d_weight_memory_format(ours, torch.channels_last)  # as `load_model` does
    print(f"parameters: ours {parameters(ours):,}, MONAI's {parameters(monais):,}")
    part = STEPS if asked.full else asked.part
    rows: list[Row] = []
    for threads in thread_counts():
        torch.set_num_threads(threads)
        for precision in asked.precision:
            jobs: dict[str, Callable[[], object]] = {
                "ours": by_us(ours, mask, precision, batch=IMAGES, read_once=True),
                "ours, mask read in every call": by_us(ours, mask, precision, batch=IMAGES, read_once=False),
                "ours, channels first": by_us(plain, mask, precision, batch=IMAGES, read_once=True),
                "ours, one image at a time": by_us(ours, mask, precision, batch=1, read_once=True),
                "diffusers' loop": by_diffusers(plain, mask, precision, read_once=False),
                "diffusers' loop, mask read once": by_diffusers(plain, mask, precision, read_once=True),
            }
            times = interleaved(jobs, asked.repeats)
            slow = interleaved({"MONAI": by_monai(monais, mask, part, precision)}, 1)["MONAI"] * STEPS / part
            named = {**times, f"MONAI, {CALLS} of its steps": slow * CALLS / STEPS, "MONAI, 1000 steps": slow}
            for name, seconds in named.items():
                rows.append(
                    {
                        "threads": threads,
                        "precision": precision,
                        "sampler": name,
                        "images a second": IMAGES / seconds,
                        "ours is faster by": seconds / times["ours"],
                    }
                )
    return rows


def compare_quality(model: Path, training: Path, count: int, seed: int) -> list[Row]:
    """Kernel distance of few-call images, and of those that visit every step, to real validation images.

    The masks are training masks, evenly spread over the subjects.
    """
    trained, pack = load_model(model, "cpu"), read_pack(training)
    labels = labelled_slices(pack, "train")[1]
    masks = labels[torch.linspace(0, len(labels) - 1, count).long().numpy()]
    real = image_features(labelled_slices(pack, "val")[0])
    middle, spread = real.mean(0), real.std(0) + 1e-12
    rows: list[Row] = []
    for solver, calls in (("dpm-solver++", CALLS), ("ddpm", STEPS - LAST)):
        generator = torch.Generator().manual_seed(seed)
        parts = [
            draw_images(
                trained.network, masks[start : start + IMAGES], trained.settings, calls=calls,
                generator=generator, solver=solver,
            )
            for start in range(0, count, IMAGES)
        ]  # fmt: skip
        found = image_features(torch.cat([torch.from_numpy(one) for one in parts]).numpy())
        distance = kernel_interval((found - middle) / spread, (real - middle) / spread)
        named: Row = {"solver": solver, "calls": calls, "images": count, "kernel distance": distance.value}
        rows.append({**named, "low": distance.low, "high": distance.high})
    return rows


def main() -> None:
    parser = options(__doc__)
    parser.set_defaults(repeats=3)
    parser.add_argument("--full", action="store_true", help="time all 1000 steps of MONAI's sampler")
    parser.add_argument("--part", type=int, default=20, help="of them that are timed otherwise")
    parser.add_argument("--precision", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--quality", type=int, default=0, help="images of each kind for the kernel distance")
    parser.add_argument("--model", type=Path, help="a trained model, for --quality")
    parser.add_argument("--training", type=Path, help="the pack that it was trained on, for --quality")
    asked = parser.parse_args()
    labels = torch.from_numpy(phantom_slices(4, asked.size)[1])
    mask = one_hot(labels[torch.arange(IMAGES) % len(labels)], CLASSES)
    tables = {f"{IMAGES} images of {asked.size}×{asked.size}": time_samplers(mask, asked)}
    if asked.quality:
        if asked.model is None or asked.training is None:
            parser.error("--quality needs --model and --training")
        tables["Quality"] = compare_quality(asked.model, asked.training, asked.quality, asked.seed)
    publish(tables, asked.json)


if __name__ == "__main__":
    main()
