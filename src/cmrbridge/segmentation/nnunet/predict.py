"""Segment test cases with a trained nnU-Net; its probabilities return by the way that all others take."""

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save_file

from cmrbridge.core.anatomy import CLASSES
from cmrbridge.core.checkpoint import read_tensors
from cmrbridge.core.loop import Report
from cmrbridge.core.pack import Pack
from cmrbridge.errors import InputError
from cmrbridge.segmentation.nnunet.cases import stacks_of
from cmrbridge.segmentation.nnunet.process import run_caged
from cmrbridge.segmentation.predict import read_looks, whole, write_predictions

Looks = dict[str, list[Pack]]


def predict_nnunet(
    *,
    model: Path,
    tests: dict[str, Path],
    subjects: dict[str, Path],
    folder: Path,
    threads: int,
    python: Path,
    device: str,
    report: Report,
    translated: dict[str, Path] | None = None,
    ensemble: bool = False,
) -> None:
    """Write ``folder``/{domain}/{subject}_{phase}.nii.gz for every case, as `predict.predict_domains` does.

    python: of the environment that holds nnunetv2.
    """
    weights, about = read_tensors(model)
    if "network" not in about:
        raise InputError(f"{model}: holds no nnU-Net; train it again")
    looks = read_looks(tests, translated, ensemble, about["size"])
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        save_file(weights, str(work / "weights.safetensors"))
        (work / "network.json").write_text(about["network"])
        job = {"stacks": write_stacks(looks, work), "threads": threads, "device": device}
        run_caged("predict", work, job, python=python, report=report)
        write_predictions(
            looks,
            subjects,
            folder,
            report=lambda step, total=None, **values: None,
            segment=lambda domain, indices: [_labels(looks[domain], domain, index, work) for index in indices],
        )


def write_stacks(looks: Looks, folder: Path) -> dict[str, tuple[float, float, float]]:
    """Write every stack of every look as NAME.images.npy; name → spacing."""
    spacings = {}
    for domain, packs in looks.items():
        for number, pack in enumerate(packs):
            for stack in stacks_of(pack):
                name = _name(domain, number, int(stack.rows[0]))
                np.save(folder / f"{name}.images.npy", pack.images[stack.rows], allow_pickle=False)
                spacings[name] = stack.spacing
    return spacings


def _name(domain: str, look: int, row: int) -> str:
    return f"{domain}.{look}.{row}"


def _labels(packs: list[Pack], domain: str, index: int, folder: Path) -> NDArray[np.uint8]:
    """(x, y, slice) of a case on its file's grid."""
    pack = packs[0]
    return whole(_found(packs, domain, index, folder), pack.position[pack.case == index], pack.cases[index])


def _found(packs: list[Pack], domain: str, index: int, folder: Path) -> NDArray[np.float32]:
    """(n, class, y, x) of a case's slices, in their order, averaged over its looks."""
    side = packs[0].images.shape[-1]
    total = np.zeros((0, CLASSES, side, side), np.float32)
    for number, pack in enumerate(packs):
        own = [stack for stack in stacks_of(pack) if stack.case == index]
        files = [folder / f"{_name(domain, number, int(stack.rows[0]))}.probabilities.npy" for stack in own]
        found = np.concatenate([np.load(file, allow_pickle=False) for file in files])
        total = found if not number else total + found
    return np.asarray(total / len(packs), np.float32)
