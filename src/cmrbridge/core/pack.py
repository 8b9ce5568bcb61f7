"""The packed file: canonical slices of many cases in one compressed, pickle-free .npz."""

import dataclasses
import json
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.geometry import Grid
from cmrbridge.errors import InputError


@dataclass(frozen=True)
class Case:
    """One subject at one phase. spacing: (slice, row, column) of the canonical grid in mm; annotated: structures;
    vendor, pathology: as the data set says, empty where it does not."""

    dataset: str
    domain: str
    subject: str
    phase: str
    split: str
    annotated: tuple[str, ...]
    spacing: tuple[float, float, float]
    grid: Grid
    vendor: str = ""
    pathology: str = ""


@dataclass(frozen=True)
class Pack:
    """Slices of cases.

    images: (n, y, x) uint8, volume percentiles 0.5–99.5 spread over 0…255.
    labels: (n, y, x) uint8, 0 background, 1 LV, 2 MYO, 3 RV; None where a stage may not see them.
    case: (n,) index into ``cases``; position: (n,) slice index in the case's file.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8] | None
    case: NDArray[np.int32]
    position: NDArray[np.int32]
    cases: tuple[Case, ...]

    def select(self, wanted: list[int]) -> "Pack":
        """The pack of the cases at these indices, in this order."""
        rows = np.concatenate([np.flatnonzero(self.case == index) for index in wanted] or [np.array([], int)])
        numbers = {old: new for new, old in enumerate(wanted)}
        return Pack(
            images=self.images[rows],
            labels=None if self.labels is None else self.labels[rows],
            case=np.array([numbers[int(old)] for old in self.case[rows]], np.int32),
            position=self.position[rows],
            cases=tuple(self.cases[index] for index in wanted),
        )

    def split(self, name: str) -> "Pack":
        """The cases of one split: "train", "val" or "test"."""
        return self.select([index for index, case in enumerate(self.cases) if case.split == name])


def write_pack(path: Path, pack: Pack) -> None:
    """Write atomically; equal packs give equal bytes."""
    arrays: dict[str, NDArray[Any]] = {"images": pack.images, "case": pack.case, "position": pack.position}
    if pack.labels is not None:
        arrays["labels"] = pack.labels
    text = json.dumps([dataclasses.asdict(case) for case in pack.cases])
    arrays["cases"] = np.frombuffer(text.encode(), np.uint8)
    temporary = path.with_name(f".{path.name}.partial")
    with temporary.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)
    os.replace(temporary, path)


def read_pack(path: Path) -> Pack:
    """Read a pack; InputError where the file is cut, damaged or not a pack."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        cases = tuple(_case(row) for row in json.loads(arrays["cases"].tobytes()))
        return Pack(arrays["images"], arrays.get("labels"), arrays["case"], arrays["position"], cases)
    except (OSError, EOFError, KeyError, RuntimeError, TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: not a readable pack ({error}); delete it and run again to make it anew") from error


def _case(row: dict[str, Any]) -> Case:
    grid: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in row["grid"].items()
    }
    lists = {"annotated": tuple(row["annotated"]), "spacing": tuple(row["spacing"])}
    return Case(**{**row, **lists, "grid": Grid(**grid)})
