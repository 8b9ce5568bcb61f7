"""Train the real nnU-Net on our cases and our split; what comes out is one safetensors file."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file

from cmrbridge.core.checkpoint import Resume, write_tensors
from cmrbridge.core.labels import pairs_wanted
from cmrbridge.core.loop import Report
from cmrbridge.core.pack import Pack
from cmrbridge.errors import InputError
from cmrbridge.segmentation.nnunet.cases import Stack, check_annotated, piles_of, stacks_of, write_raw
from cmrbridge.segmentation.nnunet.process import run_caged
from cmrbridge.segmentation.slices import first_slices, read_labelled

CONFIGURATIONS = {"nnunet2d": "2d", "nnunet3d": "3d_fullres"}
Groups = dict[str, tuple[Pack, list[Stack]]]


@dataclass(frozen=True)
class NnunetSettings:
    """architecture: nnunet2d or nnunet3d. epochs of iterations batches each; validation_iterations: batches of the
    pseudo-Dice. memory_gb: of the accelerator that nnU-Net plans for, which sets patch and batch. workers: processes
    that load and augment beside the training; with 0 the training does so itself and repeats bit for bit.
    augmentation: "own" is nnU-Net's, with mirroring, "none" is neither. mirror: whether predictions are averaged over
    mirrored images where training mirrored them, as nnU-Net does by itself. ratio, keep_real: as those of the other
    architectures."""

    architecture: str
    epochs: int
    iterations: int
    validation_iterations: int
    memory_gb: float = 8.0
    workers: int = 0
    augmentation: str = "own"
    mirror: bool = True
    ratio: float = 0.0
    keep_real: bool = True


def train_nnunet(
    *,
    settings: NnunetSettings,
    training: Sequence[Path],
    synthetic: Path | None,
    translated: Path | None,
    model: Path,
    seed: int,
    threads: int,
    python: Path,
    checkpoint: Resume,
    device: str,
    report: Report,
) -> None:
    """Train on the "train" cases of the ``training`` packs and write the last epoch's weights to ``model``.

    The packs are those of `train_segmenter`. Planned on real (or translated) training cases alone: validation cases
    and generated pairs move no plan. Validation cases give nnU-Net's pseudo-Dice and choose nothing. python: of the
    environment that holds nnunetv2. A killed training goes on from its last whole epoch.
    """
    groups = read_groups(settings, training, synthetic, translated)
    folder = checkpoint.aside("nnunet")
    folder.mkdir(exist_ok=True)
    planned_on = [name for name in groups if not name.startswith(("validation", "synthetic"))]
    names = write_raw(folder, groups, planned_on)
    ours = ("architecture", "ratio", "keep_real")
    job: dict[str, Any] = {
        **{name: value for name, value in asdict(settings).items() if name not in ours},
        "configuration": CONFIGURATIONS[settings.architecture],
        "split": {
            "train": [name for group in names if not group.startswith("validation") for name in names[group]],
            "val": [name for group in names if group.startswith("validation") for name in names[group]],
        },
        "seed": seed,
        "threads": threads,
        "device": device,
    }
    run_caged("train", folder, job, python=python, report=report, stop=checkpoint.stop)
    about = (folder / "network.json").read_text(encoding="utf-8")
    size = int(next(iter(groups.values()))[0].images.shape[-1])
    described = {"architecture": settings.architecture, "size": size, "network": about, "settings": asdict(settings)}
    write_tensors(model, load_file(str(folder / "weights.safetensors")), described)


def read_groups(
    settings: NnunetSettings, training: Sequence[Path], synthetic: Path | None, translated: Path | None
) -> Groups:
    """The cases by where they come from: real0…, or translated, or both; validation0…; synthetic."""
    packs = [read_labelled(path) for path in training]
    for pack, path in zip(packs, training):
        check_annotated(pack, path)
    groups = {f"real{number}": pack.split("train") for number, pack in enumerate(packs)}
    count = sum(len(pack.images) for pack in groups.values())
    heights = [len(stack.rows) for pack in groups.values() for stack in stacks_of(pack)]
    held = {f"validation{number}": pack.split("val") for number, pack in enumerate(packs)}
    if not count or not any(len(pack.images) for pack in held.values()):
        raise InputError(
            f"{', '.join(map(str, training))}: nnU-Net needs training and validation subjects; raise split.train and "
            "split.val"
        )
    if translated is not None:
        groups = (groups if settings.keep_real else {}) | {"translated": read_labelled(translated).split("train")}
    elif not settings.keep_real:
        raise InputError("keep_real is false and no translated images are given: name the arm's translation")
    found: Groups = {name: (pack, stacks_of(pack)) for name, pack in (groups | held).items()}
    wanted = pairs_wanted(settings.ratio, count)
    if wanted and synthetic is None:
        raise InputError("ratio is above 0 and no synthetic pairs are given: name the arm's generator")
    if wanted and synthetic is not None:
        pairs = first_slices(read_labelled(synthetic), wanted, synthetic)
        found["synthetic"] = (pairs, piles_of(pairs, int(np.median(heights))))
    return found
