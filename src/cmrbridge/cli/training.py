"""The trainings without Snakemake, each a job of its own in its output folder."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cmrbridge.cli.arguments import at_least_one
from cmrbridge.errors import InputError
from cmrbridge.plan.fingerprint import fingerprint
from cmrbridge.runtime.job import Run, standalone


def add(commands: Any) -> None:
    """The commands `train-segmenter`, `train-masks` and `train-synthesis`."""
    segmenter = commands.add_parser("train-segmenter", help="train a segmenter on prepared packs")
    segmenter.set_defaults(train=train_segmenter, module="segmentation.train", synthetic=None)
    segmenter.add_argument("--synthetic", type=Path, metavar="PACK", help="pack of synthetic pairs")
    segmenter.add_argument("--unlabelled", type=Path, nargs="+", default=[], metavar="PACK", help="packs of images")
    masks = commands.add_parser("train-masks", help="train the label diffusion model of a source")
    masks.set_defaults(train=train_masks, module="masks.train", synthetic=None, unlabelled=[])
    synthesis = commands.add_parser("train-synthesis", help="train the SPADE image diffusion model of a source")
    synthesis.set_defaults(train=train_synthesis, module="synthesis.train", synthetic=None, unlabelled=[])
    for command in (segmenter, masks, synthesis):
        many = {"nargs": "+"} if command is segmenter else {"nargs": 1}
        command.add_argument(
            "--data", type=Path, required=True, metavar="PACK", help="training.npz of a domain", **many
        )
        command.set_defaults(command=train)
        command.add_argument("--settings", type=Path, required=True, help="JSON file of the training's settings")
        command.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="model, record, resume state")
        command.add_argument("--seed", type=int, default=0)
        command.add_argument("--processes", type=at_least_one, default=1, help="that share each batch, on a GPU each")
        command.add_argument("--minutes", type=float, help="pause after so long; run the same again to go on")


def train(asked: argparse.Namespace) -> None:
    """Run the asked training as a job in its output folder, unless it is done already."""
    settings = read_settings(asked.settings)
    selected = (
        [f"cmrbridge.segmentation.architectures.{settings['architecture']}"] if "architecture" in settings else []
    )
    try:
        code = fingerprint(f"cmrbridge.{asked.module}", *selected)
    except ModuleNotFoundError as error:
        raise InputError(f"{asked.settings}: {error}") from error
    params = {"code": code, "settings": settings, "processes": asked.processes, "seed": asked.seed}
    inputs = [*asked.data, *([asked.synthetic] if asked.synthetic else []), *asked.unlabelled]
    with standalone(asked.output, params, inputs, asked.module, minutes=asked.minutes) as run:
        if not run.done or not (asked.output / "model.safetensors").exists():
            asked.train(asked, run.resolved(settings), run)


def read_settings(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: not a readable JSON file ({error}); write the settings as one JSON object"
        ) from error
    if not isinstance(settings, dict):
        raise InputError(f"{path}: holds no JSON object; write the settings as {{name: value, …}}")
    return settings


def train_segmenter(asked: argparse.Namespace, settings: dict[str, Any], run: Run) -> None:
    from cmrbridge.segmentation.train import settings_from
    from cmrbridge.segmentation.train import train_segmenter as fit_segmenter

    fit_segmenter(
        settings=settings_from(settings),
        training=asked.data,
        synthetic=asked.synthetic,
        unlabelled=asked.unlabelled,
        model=asked.output / "model.safetensors",
        seed=asked.seed,
        checkpoint=run.resume,
        device=run.device,
        report=run.report,
    )


def train_masks(asked: argparse.Namespace, settings: dict[str, Any], run: Run) -> None:
    from cmrbridge.masks.model import MaskTraining
    from cmrbridge.masks.train import train_label_diffusion

    train_label_diffusion(settings=built(MaskTraining, settings, asked), **generator(asked, run))


def train_synthesis(asked: argparse.Namespace, settings: dict[str, Any], run: Run) -> None:
    from cmrbridge.synthesis.model import SpadeTraining
    from cmrbridge.synthesis.train import train_spade_diffusion

    train_spade_diffusion(settings=built(SpadeTraining, settings, asked), **generator(asked, run))


def generator(asked: argparse.Namespace, run: Run) -> dict[str, Any]:
    """What both generators' trainings take beside their settings."""
    return {
        "training": asked.data[0],
        "model": asked.output / "model.safetensors",
        "samples": asked.output / "samples.png",
        "seed": asked.seed,
        "checkpoint": run.resume,
        "device": run.device,
        "report": run.report,
    }


def built(kind: Callable[..., Any], settings: dict[str, Any], asked: argparse.Namespace) -> Any:
    try:
        return kind(**settings)
    except TypeError as error:
        raise InputError(f"{asked.settings}: {error}; name the fields of {kind.__name__}") from error
