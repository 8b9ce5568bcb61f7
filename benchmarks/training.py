"""Samples a second of our 2-D training, augmentation included, against nnU-Net v2's own trainer with its own.

    make nnunet-env; python benchmarks/training.py [--json FILE] [--pack training.npz] [--memory-gb 1]

Both train the network of nnU-Net's own 2-D plan for the data (a phantom made on the fly, or the training pack of a
study) on its patch and batch, in one process of nnU-Net's environment, so that torch is the same (training_caged.py).
nnU-Net loads and augments in the training's process and in 1 and 2 beside it; the fastest counts. memory-gb is what it
plans for: its default, 8, gives batches that take minutes on two cores, at about the same samples a second.
"""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import yaml
from common import options, phantom_pack, publish

from cmrbridge.core.pack import Pack, read_pack, write_pack
from cmrbridge.segmentation.nnunet.cases import stacks_of, write_raw

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv-nnunet/bin/python"
VALIDATION = 4  # cases of the phantom that nnU-Net's trainer wants to validate on


def phantom(size: int) -> Pack:
    """20 subjects, the last two for validation."""
    pack = phantom_pack(20, size)
    splits = ["train"] * (len(pack.cases) - VALIDATION) + ["val"] * VALIDATION
    cases = tuple(dataclasses.replace(case, split=split) for case, split in zip(pack.cases, splits))
    return dataclasses.replace(pack, cases=cases)


def prepare(pack: Pack, folder: Path, memory_gb: float, device: str, threads: int) -> None:
    """What training_caged.py reads: nnU-Net's raw data set, its job, our pack and our recipe."""
    parts = {"real": pack.split("train"), "validation": pack.split("val")}
    names = write_raw(folder, {name: (part, stacks_of(part)) for name, part in parts.items()}, ["real"])
    numbers = {"epochs": 1, "iterations": 1, "validation_iterations": 1, "workers": 0, "seed": 0}
    job = {
        **numbers,
        "configuration": "2d",
        "augmentation": "own",
        "memory_gb": memory_gb,
        "split": {"train": names["real"], "val": names["validation"]},
        "device": device,
        "threads": threads,
    }
    (folder / "job.json").write_text(json.dumps(job))
    write_pack(folder / "training.npz", parts["real"])
    recipe = yaml.safe_load((ROOT / "config.yaml").read_text())["augmentations"]["classic"]
    (folder / "classic.json").write_text(json.dumps(recipe))


def measure(folder: Path, python: Path, repeats: int, threads: int) -> dict[str, list[dict[str, str | float]]]:
    """Run training_caged.py with nnU-Net's Python; its tables."""
    folders = {f"nnUNet_{part}": str(folder / part) for part in ("raw", "preprocessed", "results")}
    numbers = {"nnUNet_n_proc_DA": "1", "nnUNet_def_n_proc": str(threads), "OMP_NUM_THREADS": str(threads)}
    environment = os.environ | folders | numbers | {"nnUNet_compile": "false", "PYTHONPATH": str(ROOT / "src")}
    program = Path(__file__).with_name("training_caged.py")
    done = subprocess.run([str(python), str(program), str(folder), str(repeats)], env=environment, stdout=sys.stderr)
    if done.returncode:
        raise SystemExit(done.returncode)
    tables: dict[str, list[dict[str, str | float]]] = json.loads((folder / "tables.json").read_text())
    return tables


def main() -> None:
    parser = options(__doc__)
    parser.set_defaults(repeats=3)
    parser.add_argument("--pack", type=Path, help="training.npz of a domain, all structures annotated")
    parser.add_argument("--memory-gb", type=float, default=1.0, help="that nnU-Net plans for")
    parser.add_argument("--python", type=Path, default=PYTHON, help="of nnU-Net's environment")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    asked = parser.parse_args()
    if not asked.python.exists():
        parser.error(f"{asked.python}: nnU-Net's environment is not there; run `make nnunet-env`")
    threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as name:
        pack = read_pack(asked.pack) if asked.pack else phantom(asked.size)
        prepare(pack, Path(name), asked.memory_gb, asked.device, threads)
        publish(measure(Path(name), asked.python, asked.repeats, threads), asked.json)


if __name__ == "__main__":
    main()
