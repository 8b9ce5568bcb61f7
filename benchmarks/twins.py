"""How near translation comes to the image that the source's scanner would have made of the same patient.

    python benchmarks/twins.py --model FILE --training PACK --out FOLDER [--looks corona,dusk] ...

Twins are one anatomy under one prescription, seen by two machines of the phantom (`cmrbridge.data.phantom.twins`):
the source's image is the truth. Rivals of the translations: the images as they are, histogram matching of each volume
to all training images of the source, and the two steps that come before any diffusion, by themselves: "shading"
(towards the source's mean shading) and "reshading" (that, and the brightness that the network answers with). "Alone":
without both. Writes twins.csv and twins.png (rows: before, each method, truth) and the twins themselves. A patient
counts once, whatever his slices; intervals are 95 % of a bootstrap over patients.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from skimage.exposure import match_histograms

from cmrbridge.core.pack import Pack, read_pack
from cmrbridge.core.pictures import grey, tile, write_png
from cmrbridge.data.phantom.twins import TwinSettings, generate_twins
from cmrbridge.segmentation.predict import load_segmenter
from cmrbridge.segmentation.validate import predicted_labels
from cmrbridge.translation.model import load_model
from cmrbridge.translation.quality import dice, psnr, ssim
from cmrbridge.translation.settings import Translation
from cmrbridge.translation.translate import translated_images

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Segmenter = Callable[[Bytes], Bytes]

SIDE_MM = 160.0  # of the images, as the studies on the phantom have it
RESAMPLES = 2000
EVERYONE = "all"

ALONE = {"even": 0.0, "reshade": 0.0}
# "ilvr" and "dda": as chosen on the source alone under simulated shifts
METHODS: dict[str, dict[str, Any]] = {
    "shading": {"method": "none", "reshade": 0.0},
    "reshading": {"method": "none"},
    "ilvr": {"method": "ilvr", "start": 0.02, "calls": 2, "factor": 4},
    "ilvr further": {"method": "ilvr", "start": 0.1, "calls": 2, "factor": 4},
    "dda": {"method": "dda", "start": 0.02, "calls": 2, "factor": 2},
    "dda further": {"method": "dda", "start": 0.1, "calls": 2, "factor": 4},
    "sdedit": {"method": "sdedit", "start": 0.05, "calls": 2},
    "inversion": {"method": "inversion", "start": 0.1, "calls": 3},
    "ilvr alone": {"method": "ilvr", "start": 0.1, "calls": 2, "factor": 4, **ALONE},
    "dda alone": {"method": "dda", "start": 0.1, "calls": 2, "factor": 4, **ALONE},
}


def silent(step: int, total: int | None = None, **values: float) -> None:
    pass


def make_twins(
    out: Path, looks: tuple[str, ...], source: str, subjects: int, size: int, seed: int
) -> tuple[Pack, Pack]:
    """(as the looks see the patients, as the source does): packs of equal slices."""
    settings = TwinSettings(source, looks, subjects, size, SIDE_MM / size, seed)
    paths = out / "looks.npz", out / "truth.npz"
    generate_twins(settings=settings, looks=paths[0], truth=paths[1], report=silent)
    return read_pack(paths[0]), read_pack(paths[1])


def histogram_matched(pack: Pack, training: Path) -> Bytes:
    """Each volume with the histogram of all training images of the source."""
    pool = read_pack(training).split("train").images
    out = np.empty_like(pack.images)
    for index in range(len(pack.cases)):
        rows = pack.case == index
        out[rows] = np.rint(match_histograms(pack.images[rows], pool)).clip(0, 255)
    return out


def by_every_method(
    pack: Pack, model: Path, training: Path, settings: dict[str, Translation], seed: int
) -> dict[str, tuple[Bytes, float]]:
    """name → (images of ``pack`` after it, seconds)."""
    network, trained, _ = load_model(model, "cpu")
    jobs: dict[str, Callable[[], Bytes]] = {"histogram": lambda: histogram_matched(pack, training)}
    for name, chosen in settings.items():
        jobs[name] = lambda chosen=chosen: translated_images(  # type: ignore[misc]
            pack, network, trained, chosen, batch=32, seed=seed, device="cpu", report=silent
        )
    made = {}
    for name, job in jobs.items():
        start = time.perf_counter()
        images = job()
        made[name] = images, time.perf_counter() - start
        print(f"{name}: {made[name][1]:.0f} s", flush=True)
    return made


def load_labeller(path: Path | None) -> Segmenter | None:
    if path is None:
        return None
    network, _ = load_segmenter(path, "cpu")

    def label(images: Bytes) -> Bytes:
        return predicted_labels(network, torch.from_numpy(images), 32).numpy().astype(np.uint8)

    return label


def interval(values: Floats) -> tuple[float, float]:
    """95 % of the mean of ``values`` (patients,), by resampling patients."""
    rows = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.percentile(values[rows].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def by_patient(pack: Pack, values: Floats, rows: NDArray[np.bool_]) -> Floats:
    """Mean of the slices' values (n,) over each patient's chosen ``rows``."""
    names = np.array([case.subject for case in pack.cases])[pack.case]
    return np.array([values[rows & (names == name)].mean() for name in np.unique(names[rows])])


def table(
    pack: Pack, truth: Bytes, made: dict[str, tuple[Bytes, float]], told: dict[str, str], segmenter: Segmenter | None
) -> pd.DataFrame:
    """One row a method and look; "all" pools the looks."""
    domains = np.array([case.domain for case in pack.cases])[pack.case]
    labels = {name: segmenter(images) for name, (images, _) in made.items()} if segmenter else {}
    before = segmenter(pack.images) if segmenter else None
    scores = {"psnr": psnr, "ssim": ssim}
    start = {name: score(pack.images, truth) for name, score in scores.items()}
    lines = []
    for name, (images, seconds) in made.items():
        end = {kind: score(images, truth) for kind, score in scores.items()}
        for look in [EVERYONE, *dict.fromkeys(domains)]:
            rows = (domains == look) | (look == EVERYONE)
            line = {"method": name, "settings": told.get(name, ""), "look": look, "slices": int(rows.sum())}
            for kind in scores:
                line |= _compared(kind, by_patient(pack, start[kind], rows), by_patient(pack, end[kind], rows))
            if before is not None and pack.labels is not None:
                line |= {"dice_before": dice(before[rows], pack.labels[rows])}
                line |= {"dice_after": dice(labels[name][rows], pack.labels[rows])}
            lines.append(line | {"slices_per_s": len(images) / seconds})
    return pd.DataFrame(lines)


def _compared(kind: str, before: Floats, after: Floats) -> dict[str, float]:
    low, high = interval(after)
    gain_low, gain_high = interval(after - before)
    return {
        f"{kind}_before": before.mean(),
        f"{kind}_after": after.mean(),
        f"{kind}_after_low": low,
        f"{kind}_after_high": high,
        f"{kind}_gain": (after - before).mean(),
        f"{kind}_gain_low": gain_low,
        f"{kind}_gain_high": gain_high,
    }


def draw(path: Path, pack: Pack, truth: Bytes, made: dict[str, tuple[Bytes, float]], columns: int = 12) -> None:
    """Columns: the middle slice of cases spread evenly over the looks. Rows: before, each method, truth."""
    order = sorted(range(len(pack.cases)), key=lambda index: pack.cases[index].domain)
    shown = [order[place] for place in np.unique(np.linspace(0, len(order) - 1, columns).round().astype(int))]
    rows = [int(np.flatnonzero(pack.case == index)[(pack.case == index).sum() // 2]) for index in shown]
    stacks = [pack.images, *(images for images, _ in made.values()), truth]
    write_png(path, tile(grey(np.concatenate([stack[rows] for stack in stacks])), columns=len(rows)))
    print(f"{path}: rows are before, {', '.join(made)}, truth; columns {[pack.cases[i].domain for i in shown]}")


def read_settings(path: Path | None) -> dict[str, Translation]:
    chosen: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path else METHODS
    return {name: Translation(**values) for name, values in chosen.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="of `train_image_diffusion`, trained on the source")
    parser.add_argument("--training", type=Path, required=True, help="the source's training pack, for its histogram")
    parser.add_argument("--out", type=Path, required=True, help="folder of the table, the figure and the twins")
    parser.add_argument("--source", default="aurora")
    parser.add_argument("--looks", default="borealis,corona,dusk,eclipse")
    parser.add_argument("--subjects", type=int, default=8)
    parser.add_argument("--settings", type=Path, help="JSON: name → settings of `Translation`; default: all methods")
    parser.add_argument("--segmenter", type=Path, help="a segmenter of the source: adds Dice")
    parser.add_argument("--seed", type=int, default=1000, help="of the patients and of the noise")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    settings = read_settings(asked.settings)
    size = load_model(asked.model, "cpu")[2]
    pack, truth = make_twins(asked.out, tuple(asked.looks.split(",")), asked.source, asked.subjects, size, asked.seed)
    made = by_every_method(pack, asked.model, asked.training, settings, asked.seed)
    told = {name: json.dumps(vars(chosen)) for name, chosen in settings.items()}
    found = table(pack, truth.images, made, told, load_labeller(asked.segmenter))
    found.to_csv(asked.out / "twins.csv", index=False, float_format="%.4f")
    print(found.drop(columns="settings").to_string(index=False, float_format="{:.3f}".format))
    draw(asked.out / "twins.png", pack, truth.images, made)


if __name__ == "__main__":
    main()
