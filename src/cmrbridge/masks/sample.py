"""Sample masks from a trained label diffusion model, and judge them beside held-out real ones."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.anatomy import RULES, check_mask
from cmrbridge.core.checkpoint import load_weights, read_tensors
from cmrbridge.core.labels import labelled_slices, training_slices, write_labels
from cmrbridge.core.loop import Report, step_generator
from cmrbridge.core.pack import read_pack
from cmrbridge.core.pictures import beside, colour_labels, tile, write_png
from cmrbridge.errors import InputError
from cmrbridge.masks.model import LabelDenoiser, MaskTraining, build, draw_masks

SHOWN = 40  # masks on each side of the gallery
ATTEMPTS = 3  # masks drawn for each one asked for, before the model is called too young

Masks = NDArray[np.uint8]


@dataclass(frozen=True)
class MaskSampling:
    """ratio: valid masks to write per real training slice, the largest that any arm asks for; solver: of
    `core.diffusion.SOLVERS`; calls: of the network per mask; batch: masks at a time (another batch, other masks)."""

    ratio: float
    solver: str = "dpm-solver++"
    calls: int = 20
    batch: int = 32


def sample_masks(
    *,
    settings: MaskSampling,
    training: Path,
    model: Path,
    masks: Path,
    gallery: Path,
    validity: Path,
    seed: int,
    device: str,
    report: Report,
) -> None:
    """Write valid masks (npz), a gallery (generated left, real right) and ``validity`` (csv).

    A mask that breaks a rule of `core.anatomy` is counted in ``validity`` and not written. Real masks of
    the validation split are judged too: their share, not 1, is what samples are measured by.
    """
    pack = read_pack(training)
    _, real = training_slices(pack, training)
    _, held_out = labelled_slices(pack, "val")
    network, trained, size = load_model(model, device)
    count = max(1, round(settings.ratio * len(pack.split("train").images)))
    drawn, verdicts = _draw_until_enough(network, trained, size, settings, count, seed, device, report)
    good = drawn[[all(verdict.values()) for verdict in verdicts]][:count]
    write_labels(masks, good)
    _write_validity(validity, verdicts, [check_mask(mask) for mask in held_out])
    shown = np.random.default_rng(seed).permutation(len(real))[:SHOWN]
    sheets = (tile(colour_labels(part), columns=8) for part in (good[:SHOWN], real[shown]))
    write_png(gallery, beside(*sheets))


def load_model(model: Path, device: str) -> tuple[LabelDenoiser, MaskTraining, int]:
    """(network on averaged weights, its settings, side of its masks in pixels) from the model file alone."""
    tensors, about = read_tensors(model)
    if about.get("kind") != "label diffusion":
        raise InputError(f"{model}: holds {about.get('kind')}, not a label diffusion model")
    settings = MaskTraining(**about["settings"])
    network = build(settings)
    load_weights(tensors, network)
    return network.to(device).eval(), settings, about["size"]


def _draw_until_enough(
    network: LabelDenoiser,
    trained: MaskTraining,
    size: int,
    settings: MaskSampling,
    count: int,
    seed: int,
    device: str,
    report: Report,
) -> tuple[Masks, list[dict[str, bool]]]:
    """All masks drawn, (n, y, x), and their verdicts: batch after batch until ``count`` of them are valid."""
    batches: list[Masks] = []
    verdicts: list[dict[str, bool]] = []
    enough = 0
    for attempt in range(math.ceil(ATTEMPTS * count / settings.batch)):
        generator = step_generator(seed, attempt, device)
        batches.append(
            draw_masks(
                network,
                settings.batch,
                size,
                trained,
                calls=settings.calls,
                generator=generator,
                solver=settings.solver,
            )
        )
        verdicts += [check_mask(mask) for mask in batches[-1]]
        enough = sum(all(verdict.values()) for verdict in verdicts)
        report(min(enough, count), count, valid=enough / len(verdicts))
        if enough >= count:
            return np.concatenate(batches), verdicts
    raise InputError(
        f"only {enough} of {len(verdicts)} sampled masks are possible hearts ({count} wanted): "
        "train label diffusion for more steps"
    )


def _write_validity(path: Path, samples: Sequence[dict[str, bool]], held_out: Sequence[dict[str, bool]]) -> None:
    """One line a rule, and "all": its share among the samples and among held-out real masks, and of how many."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["rule", "samples", "held_out", "n_samples", "n_held_out"])
        for rule in [*RULES, "all"]:
            shares = [_share(rule, verdicts) for verdicts in (samples, held_out)]
            writer.writerow([rule, *shares, len(samples), len(held_out)])


def _share(rule: str, verdicts: Sequence[dict[str, bool]]) -> str:
    """Share of verdicts that keep a rule, or every rule; empty where there is nothing to judge."""
    kept = [all(verdict.values()) if rule == "all" else verdict[rule] for verdict in verdicts]
    return f"{sum(kept) / len(kept):.4f}" if kept else ""
