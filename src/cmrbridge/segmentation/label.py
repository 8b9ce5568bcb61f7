"""A frozen segmenter as a judge: what it finds on generated and on translated slices."""

import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cmrbridge.core.labels import labelled_slices, write_labels
from cmrbridge.core.loop import Report
from cmrbridge.core.pack import read_pack
from cmrbridge.errors import InputError
from cmrbridge.segmentation.predict import load_segmenter
from cmrbridge.segmentation.validate import predicted_labels

Bytes = NDArray[np.uint8]


def label_generated(
    *, model: Path, training: Path, synthetic: Path, predicted: Path, batch: int, device: str, report: Report
) -> None:
    """Write ``predicted`` (npz): ``synthetic``, labels found on the synthetic images, and ``held_out``, those on the
    validation split's slices that show a structure (both (n, y, x) uint8, in the order of their packs)."""
    network, size = load_segmenter(model, device)
    held_out, _ = labelled_slices(read_pack(training), "val")
    images = {"synthetic": (read_pack(synthetic).images, synthetic), "held_out": (held_out, training)}
    found = {name: _labels(network, size, stack, path, batch, device) for name, (stack, path) in images.items()}
    temporary = predicted.with_name(f".{predicted.name}.partial")
    with temporary.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **found)
    os.replace(temporary, predicted)
    report(1, 1)


def label_candidates(
    *, model: Path, candidates: Path, predicted: Path, batch: int, device: str, report: Report
) -> None:
    """Write ``predicted`` (`core.labels`): the labels found on each slice of the pack ``candidates``, in its order."""
    network, size = load_segmenter(model, device)
    write_labels(predicted, _labels(network, size, read_pack(candidates).images, candidates, batch, device))
    report(1, 1)


def _labels(network: nn.Module, size: int, images: Bytes, path: Path, batch: int, device: str) -> Bytes:
    if images.shape[1:] != (size, size):
        raise InputError(
            f"{path}: images of {images.shape[1:]} and a model of {size} pixels a side: prepare both alike"
        )
    if not len(images):
        return images
    return predicted_labels(network, torch.from_numpy(images).to(device), batch).to(torch.uint8).cpu().numpy()
