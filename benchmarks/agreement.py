"""How far what the app measures is from the reference: volumes, EF and mass of a study's held-out subjects.

    python benchmarks/agreement.py MODEL --subjects SUBJECTS.CSV --split SPLIT.CSV [--csv FILE] [--picture FILE]

MODEL: a folder of `snakemake export`; SUBJECTS.CSV: ingest/{dataset}/subjects.csv of its study; SPLIT.CSV: a domain's
data/{domain}/split.csv, whose test subjects are measured, each in what its reference outlines. To be run in the folder
in which the study ran. Each is segmented as the app does it: ED and ES from their files, the heart
found between them, the network's graph, back on the file's grid. Bias and limits of agreement: Bland & Altman 1999.
"""

import argparse
import csv
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from cmrbridge.app.measures import summary, volumes_ml
from cmrbridge.app.package import read_package
from cmrbridge.app.phases import heart_between
from cmrbridge.app.predict import Network, load_network, segment
from cmrbridge.app.settings import cores
from cmrbridge.core.anatomy import PHASES, STRUCTURES
from cmrbridge.data.volume import Volume, read_image
from cmrbridge.evaluation.clinical import volume_ml
from cmrbridge.evaluation.method_comparison import agreement
from cmrbridge.evaluation.volumes import read_reference, spacing_of

matplotlib.use("Agg")
import matplotlib.pyplot as plt

SHOWN = {  # (chamber, name in `summary`) → title
    ("LV", "ef_percent"): "LV EF (%)",
    ("LV", "edv_ml"): "LV EDV (mL)",
    ("LV", "esv_ml"): "LV ESV (mL)",
    ("LV", "mass_g"): "LV mass (g)",
    ("RV", "ef_percent"): "RV EF (%)",
    ("RV", "edv_ml"): "RV EDV (mL)",
    ("RV", "esv_ml"): "RV ESV (mL)",
}
Row = Mapping[str, str]


def held_out(subjects: Path, split: Path) -> dict[str, dict[str, Row]]:
    """Subject → phase → row, of the test subjects with an ED and an ES."""
    with split.open(newline="", encoding="utf-8") as stream:
        tested = {(row["dataset"], row["subject"]) for row in csv.DictReader(stream) if row["split"] == "test"}
    found: dict[str, dict[str, Row]] = {}
    with subjects.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if (row["dataset"], row["subject"]) in tested:
                found.setdefault(row["subject"], {})[row["phase"]] = row
    return {subject: rows for subject, rows in found.items() if set(rows) == set(PHASES)}


def measured(network: Network, rows: Mapping[str, Row]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(as the app measures it, by the reference) of one subject; 0 mL where the reference has no outline."""
    volumes = {phase: image_of(rows[phase]) for phase in PHASES}
    same = volumes["ED"].voxels.shape == volumes["ES"].voxels.shape
    centre = heart_between(volumes["ED"], volumes["ES"]) if same else None
    ours = {phase: volumes_ml(segment(network, one, centre), one.spacing) for phase, one in volumes.items()}
    unknown = dict.fromkeys(STRUCTURES, 0.0)
    theirs = {
        phase: unknown | {name: volume_ml(mask, spacing_of(row)) for name, mask in read_reference(row).items()}
        for phase, row in rows.items()
    }
    return summary(ours, *PHASES), summary(theirs, *PHASES)


def outlined(rows: Mapping[str, Row], chamber: str, name: str) -> bool:
    """Whether a subject's reference knows a quantity of `SHOWN`."""
    needed = {"ED": "MYO"} if name == "mass_g" else dict.fromkeys(PHASES, chamber)
    return all(structure in rows[phase]["annotated"].split() for phase, structure in needed.items())


def image_of(row: Row) -> Volume:
    return read_image(Path(row["image"]), int(row["image_frame"]) if row["image_frame"] else None)


def pairs(network: Network, people: dict[str, dict[str, Row]]) -> Iterator[dict[str, Any]]:
    """A row per subject and quantity that its reference knows."""
    for subject, rows in people.items():
        both = measured(network, rows)
        for chamber, name in SHOWN:
            ours, theirs = (one["lv_mass_g"] if name == "mass_g" else one[chamber][name] for one in both)
            if outlined(rows, chamber, name):
                yield {"subject": subject, "quantity": SHOWN[chamber, name], "app": ours, "reference": theirs}


def draw(table: dict[str, np.ndarray], path: Path) -> None:
    """Bland–Altman plots, one a quantity. table: quantity → (n, 2), app and reference."""
    rows = math.ceil(len(table) / 4)
    figure, panels = plt.subplots(rows, 4, figsize=(11, 2.5 * rows), layout="constrained")
    for axes in panels.flat[len(table) :]:
        axes.axis("off")
    for axes, (title, values) in zip(panels.flat, table.items()):
        difference, mean = values[:, 0] - values[:, 1], values.mean(axis=1)
        axes.scatter(mean, difference, s=12, color="#0072B2")
        found = agreement(values[:, 0], values[:, 1])
        for height, style in ((found.bias, "-"), (found.lower, "--"), (found.upper, "--")):
            axes.axhline(height, color="#444444", linewidth=1, linestyle=style)
        axes.set(title=f"{title}, n = {len(values)}", xlabel="mean of both", ylabel="app − reference")
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("model", type=Path)
    parser.add_argument("--subjects", type=Path, required=True)
    parser.add_argument("--split", type=Path, required=True)
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--picture", type=Path)
    asked = parser.parse_args()
    network = load_network(read_package(asked.model), cores())
    rows = list(pairs(network, held_out(asked.subjects, asked.split)))
    table = {
        title: np.array([[row["app"], row["reference"]] for row in rows if row["quantity"] == title])
        for title in SHOWN.values()
        if any(row["quantity"] == title for row in rows)
    }
    if not table:
        raise SystemExit(f"{asked.split}: no test subject whose ED and ES are both outlined in {asked.subjects}")
    print("| quantity | n | bias | limits of agreement | r | median error, share of the reference |")
    print("|---|---|---|---|---|---|")
    for title, values in table.items():
        found = agreement(values[:, 0], values[:, 1])
        error = np.median(abs(values[:, 0] - values[:, 1]) / values[:, 1])
        limits = f"{found.lower:+.1f} to {found.upper:+.1f}"
        print(f"| {title} | {found.n} | {found.bias:+.1f} | {limits} | {found.pearson:.3f} | {error:.1%} |")
    if asked.csv:
        with asked.csv.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, ["subject", "quantity", "app", "reference"], lineterminator="\n")
            writer.writeheader()
            for row in rows:
                writer.writerow({**row, "app": f"{row['app']:.3f}", "reference": f"{row['reference']:.3f}"})
    if asked.picture:
        draw(table, asked.picture)


if __name__ == "__main__":
    main()
