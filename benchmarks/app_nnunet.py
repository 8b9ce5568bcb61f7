"""`nnUNetv2_predict` beside `cmrbridge predict`: two programs, each from its start to its last mask, on one study."""

import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np
from common import Row
from safetensors.torch import save_file

from cmrbridge.app.settings import cores
from cmrbridge.core.anatomy import PHASES
from cmrbridge.core.checkpoint import read_tensors

BIN = Path(__file__).parents[1] / ".venv-nnunet" / "bin"


def beside_nnunet(ours: Path, theirs: Path, study: bytes, repeats: int) -> list[Row]:
    """Median wall seconds of either program on ED and ES of ``study``, a gzipped NIfTI file, turn by turn.

    ours: an exported folder. theirs: model.safetensors of an arm with nnunet2d. nnU-Net takes every processor that the
    machine has, whatever it is allowed, so both must be allowed all.
    """
    if os.cpu_count() != cores():
        sys.exit(
            f"nnU-Net would start a thread on each of {os.cpu_count()} processors, ours on {cores()}: that compares "
            "machines, not programs; run it where all processors may be used (no taskset, no Slurm share, at most 16)"
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "study.nii.gz").write_bytes(study)
        network, variables = _unpacked(theirs, folder / "nnunet", study)
        programs = {
            "cmrbridge predict": _ours(ours, folder),
            "nnUNetv2_predict": _theirs(folder / "nnunet", network, "masks"),
            "nnUNetv2_predict, without mirroring": [*_theirs(folder / "nnunet", network, "plain"), "--disable_tta"],
        }
        seconds: dict[str, list[float]] = {program: [] for program in programs}
        for _ in range(repeats):
            for program, command in programs.items():
                seconds[program].append(_timed(command, variables))
                (folder / "masks.nii.gz").unlink(missing_ok=True)
    return [
        {"program": program, "median s": float(np.median(found)), "fastest s": min(found), "runs": repeats}
        for program, found in seconds.items()
    ]


def _ours(model: Path, folder: Path) -> list[str]:
    files = ["-i", str(folder / "study.nii.gz"), "-o", str(folder / "masks.nii.gz")]
    return [sys.executable, "-m", "cmrbridge", "predict", "--model", str(model), *files]


def _theirs(folder: Path, network: str, output: str) -> list[str]:
    places = ["-i", str(folder / "images"), "-o", str(folder / output)]
    processes = ["-npp", "1", "-nps", "1", "-device", "cpu"]
    return [str(BIN / "nnUNetv2_predict"), *places, "-d", "1", "-c", network, "-f", "0", *processes]


def _unpacked(model: Path, folder: Path, study: bytes) -> tuple[str, dict[str, str]]:
    """nnU-Net's folders of the model and of the study's two phases; its configuration, and its variables."""
    weights, about = read_tensors(model)
    (folder / "images").mkdir(parents=True)
    save_file(weights, str(folder / "weights.safetensors"))
    (folder / "network.json").write_text(about["network"])
    places = {f"nnUNet_{part}": str(folder / part) for part in ("raw", "preprocessed", "results")}
    program = [str(BIN / "python"), "-I", str(Path(__file__).with_name("app_caged.py")), str(folder)]
    subprocess.run(program, env=os.environ | places, check=True)
    cine = nibabel.Nifti1Image.from_bytes(gzip.decompress(study))
    voxels = np.asarray(cine.dataobj)
    for number, phase in enumerate(PHASES):
        nibabel.save(nibabel.Nifti1Image(voxels[..., number], cine.affine), folder / "images" / f"{phase}_0000.nii")
    return json.loads(about["network"])["configuration"], places


def _timed(command: Sequence[str], variables: dict[str, str]) -> float:
    start = time.perf_counter()
    surroundings = os.environ | variables | {"OMP_NUM_THREADS": str(cores())}
    subprocess.run(command, env=surroundings, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start
