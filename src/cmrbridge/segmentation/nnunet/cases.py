"""From packs to the stacks of slices that nnU-Net reads, and to its raw folder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.core.pack import Pack
from cmrbridge.errors import InputError

Bytes = NDArray[np.uint8]
DATASET = "Dataset001_cmrbridge"


@dataclass(frozen=True)
class Stack:
    """Neighbouring slices of one case. rows: (n,) of the pack; spacing: mm per (slice, row, column)."""

    rows: NDArray[np.intp]
    case: int
    spacing: tuple[float, float, float]


def stacks_of(pack: Pack) -> list[Stack]:
    """Every case as one stack, or as several where slices between are missing: a stack's spacing is even."""
    found = []
    for index, case in enumerate(pack.cases):
        rows = np.flatnonzero(pack.case == index)
        gaps = np.flatnonzero(np.diff(pack.position[rows]) != 1) + 1
        found += [Stack(part, index, case.spacing) for part in np.split(rows, gaps) if len(part)]
    return found


def piles_of(pack: Pack, height: int) -> list[Stack]:
    """Synthetic slices in piles of up to ``height``: nnU-Net draws cases, not slices, so that a pile counts as a case
    does, and standardises a case as a whole, as real ones. Their slices are no neighbours; 2-D networks don't mind."""
    spacing = pack.cases[0].spacing
    starts = range(0, len(pack.images), height)
    return [Stack(np.arange(start, min(start + height, len(pack.images))), 0, spacing) for start in starts]


def check_annotated(pack: Pack, path: Path) -> None:
    """InputError where a case lacks a structure: nnU-Net would learn the unknown as background."""
    for case in pack.cases:
        missing = [name for name in STRUCTURES if name not in case.annotated]
        if missing:
            raise InputError(
                f"{path}: subject {case.subject} ({case.phase}) has no {', '.join(missing)} annotated, and nnU-Net has "
                "no loss for unknown structures: train it on a domain with all of them, or take nnunet out of "
                "run.architectures"
            )


def write_raw(
    folder: Path, groups: Mapping[str, tuple[Pack, Sequence[Stack]]], planned_on: Sequence[str]
) -> dict[str, list[str]]:
    """Write nnU-Net's raw data set below ``folder``; the names of each group's cases.

    groups: name → (labelled pack, its stacks). planned_on: groups that dataset.json lists, and so all that nnU-Net's
    planning looks at; cases.json lists everyone's names.
    """
    raw = folder / "raw" / DATASET
    for part in ("imagesTr", "labelsTr"):
        (raw / part).mkdir(parents=True, exist_ok=True)
    names: dict[str, list[str]] = {}
    for group, (pack, stacks) in groups.items():
        assert pack.labels is not None
        names[group] = [f"{group}_{number:05d}" for number in range(len(stacks))]
        for name, stack in zip(names[group], stacks):
            _write_nifti(raw / "imagesTr" / f"{name}_0000.nii", pack.images[stack.rows], stack.spacing)
            _write_nifti(raw / "labelsTr" / f"{name}.nii", pack.labels[stack.rows], stack.spacing)
    planned = [name for group in planned_on for name in names[group]]
    files = {n: {"images": [f"imagesTr/{n}_0000.nii"], "label": f"labelsTr/{n}.nii"} for n in planned}
    about = {
        "channel_names": {"0": "MRI"},  # nnU-Net standardises each case's grey values
        "labels": {"background": 0, **STRUCTURES},
        "file_ending": ".nii",
        "overwrite_image_reader_writer": "NibabelIO",
        "numTraining": len(planned),
        "dataset": files,
    }
    (raw / "dataset.json").write_text(json.dumps(about))
    (raw / "cases.json").write_text(json.dumps({"names": [name for group in names.values() for name in group]}))
    return names


def _write_nifti(path: Path, stack: Bytes, spacing: tuple[float, float, float]) -> None:
    """(slice, row, column) with its spacing; nnU-Net's reader turns the file's axes round."""
    import nibabel

    affine = np.diag([*spacing[::-1], 1.0])
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(stack.transpose(2, 1, 0)), affine), path)
