"""Dice, HD95, HD, ASSD and surface Dice of an ED + ES pair: ours against MONAI's and DeepMind's surface-distance.

    python benchmarks/metrics.py [--json FILE] [--folder DATASET]

Masks come from a phantom subject made on the fly, or from the first subject of a folder with a manifest; the
prediction is the reference moved by two rows and a column, its myocardium grown by a pixel. surface-distance joins
where it is installed (`pip install surface-distance`); it weighs surfaces by area, so only its Dice equals ours.
MONAI measures the distances anew for each metric: that is how its functions are called.
"""

import csv
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import torch
from common import Row, interleaved, options, publish
from numpy.typing import NDArray
from scipy import ndimage

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.data.phantom.generate import PhantomSettings, generate_phantom
from cmrbridge.evaluation.overlap import dice
from cmrbridge.evaluation.surface import TOLERANCE, Spacing, surface_distances

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from monai.metrics import (
        compute_average_surface_distance,
        compute_dice,
        compute_hausdorff_distance,
        compute_surface_dice,
    )
try:
    import surface_distance
except ImportError:
    surface_distance = None

Labels = NDArray[np.uint8]
Pair = tuple[Labels, Labels, Spacing]
NAMES = ("dice", "hd95", "hd", "assd", "surface_dice")


def first_subject(folder: Path) -> list[Pair]:
    """(prediction, reference, spacing) of ED and of ES of the first subject that a manifest lists."""
    with (folder / "manifest.csv").open(newline="", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    pairs = []
    for row in [row for row in rows if row["subject"] == rows[0]["subject"]]:
        image = nibabel.load(folder / row["label"])
        reference = np.asarray(image.dataobj).astype(np.uint8)
        moved = np.roll(reference, (2, 1), (0, 1))
        grown = ndimage.binary_dilation(moved == STRUCTURES["MYO"], np.ones((3, 3, 1))) & (moved == 0)
        moved[grown] = STRUCTURES["MYO"]
        pairs.append((moved, reference, tuple(float(edge) for edge in image.header.get_zooms()[:3])))
    return pairs


def ours(pairs: list[Pair]) -> list[list[float]]:
    found = []
    for prediction, reference, spacing in pairs:
        for code in STRUCTURES.values():
            one, other = prediction == code, reference == code
            distances = surface_distances(one, other, spacing)
            assert distances is not None
            found.append([dice(one, other) or 0.0, *distances])
    return found


def by_monai(pairs: list[Pair]) -> list[list[float]]:
    found = []
    for prediction, reference, spacing in pairs:
        one, other = (
            torch.from_numpy(np.stack([labels == code for code in (0, *STRUCTURES.values())])[None])
            for labels in (prediction, reference)
        )
        tolerances = [TOLERANCE] * len(STRUCTURES)
        columns = (
            compute_dice(one, other, include_background=False),
            compute_hausdorff_distance(one, other, percentile=95, spacing=spacing),
            compute_hausdorff_distance(one, other, spacing=spacing),
            compute_average_surface_distance(one, other, symmetric=True, spacing=spacing),
            compute_surface_dice(one, other, tolerances, spacing=spacing),
        )
        found += torch.cat(columns).double().T.tolist()
    return found


def by_deepmind(pairs: list[Pair]) -> list[list[float]]:
    found = []
    for prediction, reference, spacing in pairs:
        for code in STRUCTURES.values():
            one, other = prediction == code, reference == code
            distances = surface_distance.compute_surface_distances(other, one, spacing)
            found.append(
                [
                    surface_distance.compute_dice_coefficient(other, one),
                    surface_distance.compute_robust_hausdorff(distances, 95),
                    surface_distance.compute_robust_hausdorff(distances, 100),
                    float(np.mean(surface_distance.compute_average_surface_distance(distances))),
                    surface_distance.compute_surface_dice_at_tolerance(distances, TOLERANCE),
                ]
            )
    return found


def compare(pairs: list[Pair], repeats: int) -> list[Row]:
    """Milliseconds a pair, how much faster ours is, and the largest difference from our value, metric by metric."""
    jobs: dict[str, Callable[[], list[list[float]]]] = {
        "cmrbridge": lambda: ours(pairs),
        "MONAI": lambda: by_monai(pairs),
    }
    if surface_distance is not None:
        jobs["surface-distance"] = lambda: by_deepmind(pairs)
    values = {name: np.array(job()) for name, job in jobs.items()}
    times = interleaved(jobs, repeats)
    rows: list[Row] = []
    for name, seconds in times.items():
        apart = np.abs(values[name] - values["cmrbridge"]).max(axis=0)
        row: Row = {"library": name, "ms a pair": 1000 * seconds, "ours is faster by": seconds / times["cmrbridge"]}
        rows.append(row | {f"{metric} apart": float(gap) for metric, gap in zip(NAMES, apart)})
    return rows


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--folder", type=Path, help="a data set with manifest.csv, labels 1 LV, 2 MYO, 3 RV")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        if asked.folder is None:
            cohort = PhantomSettings(scanners=("aurora",), subjects=1, seed=asked.seed)
            generate_phantom(settings=cohort, folder=Path(name), report=lambda *values, **named: None)
        pairs = first_subject(asked.folder or Path(name))
    warnings.simplefilter("ignore")
    shape = "×".join(map(str, pairs[0][1].shape))
    publish(
        {f"{len(STRUCTURES)} structures at {len(pairs)} phases, {shape}": compare(pairs, asked.repeats)}, asked.json
    )


if __name__ == "__main__":
    main()
