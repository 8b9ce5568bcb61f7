"""How often a study's domains are called unlike its source: false alarms on the source's test subjects, and the rest.

    python benchmarks/unlike.py results/STUDY [SOURCE …]

Prints a row per source and domain; a source is fitted and calibrated as `snakemake export` does it.
"""

import sys
from pathlib import Path

import numpy as np

from cmrbridge.core.pack import read_pack
from cmrbridge.evaluation.unlike import Likeness, calibrated, distance, textures


def subjects(domain: Path) -> dict[str, np.ndarray]:
    """(n, d) textures by split."""
    packs = {"train": "training", "val": "training", "test": "test"}
    return {split: np.array(textures(read_pack(domain / f"{name}.npz").split(split))) for split, name in packs.items()}


def main(study: Path, sources: list[str]) -> None:
    every = {path.parent.name: subjects(path.parent) for path in sorted(study.glob("data/*/test.npz"))}
    print("source | fitted, calibrated on | limit | domain | called unlike")
    for source in sources or every:
        model = calibrated(every[source]["train"], every[source]["val"])
        arrays = [np.asarray(model[name]) for name in ("mean", "scale", "components", "variance")]
        likeness = Likeness(*arrays, model["residual"])
        counts = f"{len(every[source]['train'])}, {len(model['calibration'])}"
        for domain, parts in every.items():
            shown = parts["test"] if domain == source else np.concatenate(list(parts.values()))
            called = int((distance(shown, likeness) > model["limit"]).sum())
            print(f"{source} | {counts} | {model['limit']:.2f} | {domain} | {called} of {len(shown)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
