"""Sample masks from a trained label diffusion model, and judge them beside held-out real ones."""

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from cmrbridge.core.anatomy import RULES, check_mask
from cmrbridge.core.checkpoint import Resume, load_weights, read_tensors
from cmrbridge.core.generation import in_batches
from cmrbridge.core.labels import labelled_slices, pairs_wanted, training_slices, write_labels
from cmrbridge.core.loop import Report, step_generator
from cmrbridge.core.pack import read_pack
from cmrbridge.core.pictures import beside, colour_labels, tile, write_png
from cmrbridge.core.shapes import thickness_in_range, thickness_range
from cmrbridge.errors import InputError
from cmrbridge.masks.conditions import Codes, Vocabulary, vocabulary_from
from cmrbridge.masks.model import LabelDenoiser, MaskTraining, build, draw_masks

SHOWN = 40  # masks on each side of the gallery
ATTEMPTS = 3  # masks drawn for each one asked for, before the model is called too young

JUDGED = RULES | {"wall_thickness": "the wall's mean thickness lies within the 0.5–99.5 percentiles of real masks"}

Masks = NDArray[np.uint8]
Judge = Callable[[Masks], dict[str, bool]]


@dataclass(frozen=True)
class MaskSampling:
    """ratio: valid masks to write per real training slice, the largest that any arm asks for; solver: of
    `core.solvers.SOLVERS`; calls: of the network per mask; batch: masks at a time (another batch, other masks);
    guidance: weight of what a mask is asked to be, where the model knows conditions, 1 for none beyond the model's."""

    ratio: float
    solver: str = "dpm-solver++"
    calls: int = 20
    batch: int = 32
    guidance: float = 1.0


@dataclass(frozen=True)
class MaskModel:
    """A trained label diffusion network on its averaged weights; size: side of its masks in pixels."""

    network: LabelDenoiser
    settings: MaskTraining
    size: int
    vocabulary: Vocabulary


def sample_masks(
    *,
    settings: MaskSampling,
    training: Path,
    model: Path,
    masks: Path,
    gallery: Path,
    validity: Path,
    conditions: Path,
    seed: int,
    checkpoint: Resume | None,
    device: str,
    report: Report,
) -> None:
    """Write valid masks (npz), a gallery (generated left, real right), ``validity`` and ``conditions`` (csv).

    A mask that breaks a rule of `JUDGED` is counted in ``validity`` and not written. Real masks of the
    validation split are judged too: their share, not 1, is what samples are measured by. ``conditions`` says line by
    line what each written mask was asked to be.
    """
    pack = read_pack(training)
    _, real = training_slices(pack, training)
    _, held_out = labelled_slices(pack, "val")
    trained = load_model(model, device)
    if trained.size != real.shape[-1]:
        raise InputError(f"{model} draws {trained.size} pixels a side, {training} holds {real.shape[-1]}: train anew")
    count = pairs_wanted(settings.ratio, len(pack.split("train").images))
    judge = _judge(real, pack.cases[0].spacing[-1])
    drawn, verdicts = _draw_until_enough(trained, settings, count, judge, seed, checkpoint, device, report)
    good = np.flatnonzero([all(verdict.values()) for verdict in verdicts])[:count]
    write_labels(masks, drawn[good])
    _write_validity(validity, verdicts, [judge(mask) for mask in held_out])
    batches = range(math.ceil(len(drawn) / settings.batch))
    asked = np.concatenate([_asked(trained.vocabulary, settings.batch, seed, number) for number in batches])[good]
    _write_conditions(conditions, trained.vocabulary, asked)
    shown = np.random.default_rng(seed).permutation(len(real))[:SHOWN]
    sheets = (tile(colour_labels(part), columns=8) for part in (drawn[good[:SHOWN]], real[shown]))
    write_png(gallery, beside(*sheets))


def load_model(model: Path, device: str) -> MaskModel:
    """Everything from the model file alone."""
    tensors, about = read_tensors(model)
    if about.get("kind") != "label diffusion":
        raise InputError(f"{model}: holds {about.get('kind')}, not a label diffusion model")
    settings, vocabulary = MaskTraining(**about["settings"]), vocabulary_from(about["vocabulary"])
    network = build(settings, [len(known) for known in vocabulary.values])
    load_weights(tensors, network)
    return MaskModel(network.to(device).eval(), settings, about["size"], vocabulary)


def _judge(real: Masks, pixel: float) -> Judge:
    """The rules of one mask, the wall's among them: its range is that of real training masks; pixel: mm."""
    limits = thickness_range(real, pixel)
    return lambda mask: check_mask(mask) | {"wall_thickness": thickness_in_range(mask, pixel, limits)}


def _asked(vocabulary: Vocabulary, batch: int, seed: int, number: int) -> Codes:
    """What the masks of one batch are asked to be."""
    return vocabulary.draw(batch, np.random.default_rng([seed, number]))


def _draw_until_enough(
    trained: MaskModel,
    settings: MaskSampling,
    count: int,
    judge: Judge,
    seed: int,
    checkpoint: Resume | None,
    device: str,
    report: Report,
) -> tuple[Masks, list[dict[str, bool]]]:
    """All masks drawn, (n, y, x), and their verdicts: batch after batch until ``count`` of them are valid."""
    verdicts: list[dict[str, bool]] = []

    def draw(start: int, stop: int) -> Masks:
        number = start // settings.batch
        codes = torch.from_numpy(_asked(trained.vocabulary, settings.batch, seed, number)).to(device)
        return draw_masks(
            trained.network,
            settings.batch,
            trained.size,
            trained.settings,
            calls=settings.calls,
            generator=step_generator(seed, number, device),
            solver=settings.solver,
            codes=codes if trained.vocabulary.names else None,
            guidance=settings.guidance,
        )

    def enough(part: Masks) -> bool:
        verdicts.extend(judge(mask) for mask in part)
        return sum(all(verdict.values()) for verdict in verdicts) >= count

    def tell(step: int, total: int | None = None, **values: float) -> None:
        kept = sum(all(verdict.values()) for verdict in verdicts)
        report(min(kept, count), count, valid=kept / len(verdicts))

    batches = math.ceil(ATTEMPTS * count / settings.batch)
    drawn = in_batches(draw, batches * settings.batch, settings.batch, resume=checkpoint, report=tell, enough=enough)
    kept = sum(all(verdict.values()) for verdict in verdicts)
    if kept < count:
        raise InputError(
            f"only {kept} of {len(verdicts)} sampled masks are possible hearts ({count} wanted): "
            "train label diffusion for more steps"
        )
    return drawn, verdicts


def _write_conditions(path: Path, vocabulary: Vocabulary, codes: Codes) -> None:
    """One line a mask: its number and what it was asked to be."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ["mask", *vocabulary.names], lineterminator="\n")
        writer.writeheader()
        writer.writerows({"mask": number} | words for number, words in enumerate(vocabulary.words(codes)))


def _write_validity(path: Path, samples: Sequence[dict[str, bool]], held_out: Sequence[dict[str, bool]]) -> None:
    """One line a rule, and "all": its share among the samples and among held-out real masks, and of how many."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["rule", "samples", "held_out", "n_samples", "n_held_out"])
        for rule in [*JUDGED, "all"]:
            shares = [_share(rule, verdicts) for verdicts in (samples, held_out)]
            writer.writerow([rule, *shares, len(samples), len(held_out)])


def _share(rule: str, verdicts: Sequence[dict[str, bool]]) -> str:
    """Share of verdicts that keep a rule, or every rule; empty where there is nothing to judge."""
    kept = [all(verdict.values()) if rule == "all" else verdict[rule] for verdict in verdicts]
    return f"{sum(kept) / len(kept):.4f}" if kept else ""
