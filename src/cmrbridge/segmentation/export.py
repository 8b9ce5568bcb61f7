"""The best networks of a study as files that leave it: an ONNX graph, and the weights that it was made from."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.checkpoint import read_tensors
from cmrbridge.core.pack import read_pack
from cmrbridge.errors import InputError
from cmrbridge.files import write_atomically
from cmrbridge.segmentation.architectures.stacked import Stacked
from cmrbridge.segmentation.choose import Candidate, Choice, Pick, choose
from cmrbridge.segmentation.graph import check, to_onnx
from cmrbridge.segmentation.predict import load_segmenter

CHECKED = 32  # validation slices of each domain, about


def export_best(
    *,
    pick: Pick,
    candidates: Sequence[Mapping[str, Any]],
    training: Mapping[str, Path],
    onnx_file: Path,
    weights: Path,
    chosen: Path,
) -> None:
    """Write the best of the ``candidates`` (`choose.Candidate` as plain data) as ``onnx_file``: image uint8
    (n, size, size), n free → probabilities float32 (n, 4, size, size). Equal weights give equal bytes.

    training: domain → pack that trained some of them, on whose validation slices the graph must repeat torch.
    weights: folder, made anew, of the chosen safetensors files. chosen: JSON that says what was taken, and why.
    """
    choice = choose([candidate_from(one) for one in candidates], pick)
    models = [member.model for member in choice.members]
    shown = validation_stacks([training[name] for name in choice.members[0].training])
    networks = [load_segmenter(model, "cpu")[0] for model in models]
    geometry = _geometry(models)
    graph = to_onnx(networks, geometry["size"])
    check(graph, networks, shown, onnx_file)
    write_atomically(onnx_file, graph)
    shutil.rmtree(weights, ignore_errors=True)
    weights.mkdir(parents=True)
    for member in choice.members:
        shutil.copyfile(member.model, weights / f"seed-{member.seed}.safetensors")
    slices = "stack" if isinstance(networks[0], Stacked) else "single"
    about = {"name": pick, **_identity(choice), **geometry, "slices": slices, "fingerprint": _digest(models)}
    write_atomically(chosen, json.dumps(about, indent=2) + "\n")


def candidate_from(plain: Mapping[str, Any]) -> Candidate:
    """A `Candidate` from plain data, as a job is given it."""
    values = {field.name: plain[field.name] for field in fields(Candidate)}
    return Candidate(
        **values
        | {name: tuple(plain[name]) for name in ("training", "beside")}
        | {name: Path(plain[name]) for name in ("model", "metrics")}
    )


def _identity(choice: Choice) -> dict[str, Any]:
    first = choice.members[0]
    kept = ("scenario", "source", "arm", "architecture", "training", "beside", "access")
    seeds = [member.seed for member in choice.members]
    return {name: getattr(first, name) for name in kept} | {
        "seeds": seeds,
        "validation_dice": round(choice.validation_dice, 4),
    }


def _geometry(models: Sequence[Path]) -> dict[str, Any]:
    """size and spacing_mm of the slices that all the networks take."""
    found = [read_tensors(model)[1]["fingerprint"] for model in models]
    if any(one != found[0] for one in found):
        raise InputError(f"{', '.join(map(str, models))}: planned from different cases; train the seeds alike")
    return {name: found[0][name] for name in ("size", "spacing_mm")}


def _digest(models: Sequence[Path]) -> str:
    """SHA-256 over the digests of the files."""
    return hashlib.sha256(
        "".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in models).encode()
    ).hexdigest()


def validation_stacks(training: Sequence[Path]) -> list[NDArray[np.uint8]]:
    """Whole stacks (n, y, x) of the first validation cases of each pack, `CHECKED` slices or a few more."""
    found = [stack for path in training for stack in _first_stacks(path)]
    if not found:
        raise InputError(
            f"{', '.join(map(str, training))}: no validation subject to check the export on; raise split.val"
        )
    return found


def _first_stacks(training: Path) -> Iterator[NDArray[np.uint8]]:
    pack, count = read_pack(training).split("val"), 0
    for index in range(len(pack.cases)):
        if count < CHECKED:
            yield pack.images[pack.case == index]
        count += int((pack.case == index).sum())
