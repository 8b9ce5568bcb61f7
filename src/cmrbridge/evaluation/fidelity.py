"""How good a source's generators are, in two tables: distances and mask fidelity; shapes of masks."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cmrbridge.core.pack import Pack, read_pack
from cmrbridge.core.shapes import thickness_in_range, thickness_range
from cmrbridge.errors import InputError
from cmrbridge.evaluation.agreement import pooled_dice, share
from cmrbridge.evaluation.features import image_features, mask_features
from cmrbridge.evaluation.frames import write_frame
from cmrbridge.evaluation.halves import RealSlices, real_slices
from cmrbridge.evaluation.sets import FidelitySettings, compare_diversity, compare_sets, row
from cmrbridge.evaluation.shapes import compare_shapes

COLUMNS = (
    "what", "measure", "generated", "generated_low", "generated_high",
    "reference", "reference_low", "reference_high", "ratio", "n",
)  # fmt: skip
PARTS = 4  # of the work, as reported

Bytes = NDArray[np.uint8]


def measure_generators(
    *,
    settings: FidelitySettings,
    training: Path,
    synthetic: Path,
    predicted: Path,
    fidelity: Path,
    shapes: Path,
    report: Callable[..., None],
) -> None:
    """Write ``fidelity`` (`COLUMNS`) and ``shapes`` (of `compare_shapes`), both csv.

    training: the source's pack. synthetic: pack of generated images and the masks they were made from.
    predicted: npz of a frozen segmenter's label maps, ``synthetic`` (n, y, x) for the generated images and ``held_out``
    (m, y, x) for the validation split's slices that show a structure, in the order of `labelled_slices`.
    what "images", "masks": `compare_sets`; and "thickness_outside", the share of masks whose wall is out of the range
    of the training masks, beside the share of held-out ones. what "mask fidelity": pooled Dice of ``predicted`` against
    the masks: on synthetic images (n), and as the reference on real held-out ones.
    """
    real = real_slices(training)
    images, labels = _generated(read_pack(synthetic), real, synthetic)
    found = _read_predicted(predicted, labels, real.labels[real.held_out])
    report(1, PARTS)
    tables = {"images": compare_sets(images, real.images, real.subject, image_features, settings)}
    tables["images"] += compare_diversity(images, real.images, real.subject, settings)
    report(2, PARTS)
    tables["masks"] = compare_sets(labels, real.labels, real.subject, mask_features, settings)
    generator = np.random.default_rng(settings.seed)
    tables["masks"].append(_thickness(labels, real, generator))
    report(3, PARTS)
    tables["mask fidelity"] = _mask_fidelity(*found, labels, real, generator)
    rows = [{"what": what, **line} for what, lines in tables.items() for line in lines]
    write_frame(fidelity, pd.DataFrame(rows, columns=list(COLUMNS)))
    write_frame(shapes, compare_shapes(labels, real, generator))
    report(PARTS, PARTS)


def _generated(pack: Pack, real: RealSlices, path: Path) -> tuple[Bytes, Bytes]:
    if pack.labels is None:
        raise InputError(f"{path}: has no masks; give the pack that rendering wrote")
    if pack.images.shape[1:] != real.images.shape[1:]:
        raise InputError(
            f"{path}: images of {pack.images.shape[1:]}, real ones of {real.images.shape[1:]}: render anew"
        )
    return pack.images, pack.labels


def _read_predicted(path: Path, synthetic: Bytes, held_out: Bytes) -> tuple[Bytes, Bytes]:
    try:
        with np.load(path, allow_pickle=False) as file:
            found = file["synthetic"], file["held_out"]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a file of predicted masks ({error}); delete it and run again") from error
    for name, masks, given in zip(("synthetic", "held_out"), found, (synthetic, held_out)):
        if masks.shape != given.shape:
            raise InputError(f"{path}: {name} has shape {masks.shape}, expected {given.shape}; predict again")
    return found


def _thickness(labels: Bytes, real: RealSlices, generator: np.random.Generator) -> dict[str, float | str]:
    limits = thickness_range(real.labels[~real.held_out], real.pixel)
    ours, theirs = (
        np.array([not thickness_in_range(mask, real.pixel, limits) for mask in masks])
        for masks in (labels, real.labels[real.held_out])
    )
    subjects = real.subject[real.held_out]
    estimates = share(ours, np.arange(len(ours)), generator), share(theirs, subjects, generator)
    return row("thickness_outside", *estimates, n=len(ours))


def _mask_fidelity(
    synthetic: Bytes, held_out: Bytes, labels: Bytes, real: RealSlices, generator: np.random.Generator
) -> list[dict[str, float | str]]:
    subjects = real.subject[real.held_out]
    ours = pooled_dice(synthetic, labels, np.arange(len(labels)), generator)
    theirs = pooled_dice(held_out, real.labels[real.held_out], subjects, generator)
    return [row(name, ours[name], theirs[name], n=len(labels)) for name in ours]
