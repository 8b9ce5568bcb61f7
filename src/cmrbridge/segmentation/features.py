"""What a trained segmenter makes of test slices inside: the outputs of its feature modules, for others to read."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cmrbridge.core.checkpoint import read_tensors
from cmrbridge.core.loop import Report
from cmrbridge.core.pack import Pack, read_pack
from cmrbridge.errors import InputError
from cmrbridge.segmentation import architectures
from cmrbridge.segmentation.architectures.stacked import feature_slices, portions
from cmrbridge.segmentation.intensity import standardise, unit
from cmrbridge.segmentation.predict import load_segmenter


def write_features(
    *, model: Path, tests: dict[str, Path], features: Path, slices: int, batch: int, device: str, report: Report
) -> None:
    """Write ``features`` (npz) of at most ``slices`` slices of every test case, spread evenly from base to apex.

    tests: domain → test pack. Arrays: map_0, map_1, … (n, channel, y, x) float16, one per feature module; domain,
    (n,) index into the tests; about, JSON with "domains" and "subjects" (n,).
    """
    network, size = load_segmenter(model, device)
    architecture = read_tensors(model)[1]["architecture"]
    packs = {domain: read_pack(path) for domain, path in tests.items()}
    for domain, pack in packs.items():
        if pack.images.shape[1:] != (size, size):
            raise InputError(f"{tests[domain]}: images of {pack.images.shape[1:]} and a model of {size} pixels a side")
    rows = {domain: spread(pack, slices) for domain, pack in packs.items()}
    parts = architectures.features(architecture, network)
    found = [heard(network, parts, pack, batch, device) for pack in packs.values()]
    maps = [torch.cat([each[chosen] for each, chosen in zip(same, rows.values())]) for same in zip(*found)]
    subjects = [packs[domain].cases[packs[domain].case[row]].subject for domain in rows for row in rows[domain]]
    about = json.dumps({"domains": list(tests), "subjects": subjects})
    arrays = {f"map_{index}": value.numpy() for index, value in enumerate(maps)}
    arrays["domain"] = np.repeat(np.arange(len(rows)), [len(chosen) for chosen in rows.values()])
    temporary = features.with_name(f".{features.name}.partial")
    with temporary.open("wb") as stream:
        np.savez(stream, allow_pickle=False, about=np.frombuffer(about.encode(), np.uint8), **arrays)
    os.replace(temporary, features)
    report(1, 1)


def spread(pack: Pack, count: int) -> NDArray[np.int64]:
    """Rows of at most ``count`` slices of each case, at even distances from its first to its last."""
    chosen = []
    for index in range(len(pack.cases)):
        own = np.flatnonzero(pack.case == index)
        chosen.append(own[np.unique(np.linspace(0, len(own) - 1, min(count, len(own))).round().astype(int))])
    return np.concatenate(chosen)


@torch.inference_mode()
def heard(network: nn.Module, parts: Sequence[nn.Module], pack: Pack, batch: int, device: str) -> list[Tensor]:
    """(n, channel, y, x) float16 output of each of ``parts`` for all slices of a pack; of stacks, a map a slice."""
    outputs: list[Tensor] = []
    hooks = [part.register_forward_hook(lambda _, __, output: outputs.append(output)) for part in parts]
    kept: list[list[Tensor]] = [[] for _ in parts]
    for chunk in portions(network, torch.from_numpy(pack.images), batch, torch.from_numpy(pack.case)):
        network(standardise(unit(chunk.to(device))))
        depth = max((output.shape[2] for output in outputs if output.ndim == 5), default=len(chunk))
        before = (depth - len(chunk)) // 2  # repeats of the edge slices, which `Stacked` adds
        for own, output in zip(kept, outputs, strict=True):
            maps = feature_slices(output.float(), depth, (output.shape[-2], output.shape[-1]))
            own.append(maps[before : before + len(chunk)].half().cpu())
        outputs.clear()
    for hook in hooks:
        hook.remove()
    return [torch.cat(own) for own in kept]
