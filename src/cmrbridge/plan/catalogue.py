"""Catalogues of a config: an entry laid over another, a name looked up, a data set's folder found on disk."""

import copy
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cmrbridge.errors import InputError

HOW_TO_GET = {
    "acdc": "register at the ACDC challenge page of CREATIS, Lyon, and unpack the folders training/ and testing/ there,"
    " or set `download: acdc` beside the path (docs/how-to/datasets.md)",
    "mnms": "ask for M&Ms through the challenge's form and unpack it there (docs/how-to/datasets.md)",
    "mnms2": "ask for M&Ms-2 through the challenge's form and unpack it there (docs/how-to/datasets.md)",
    "dicom": "put the files of the scanner or the archive there, in any folders (docs/how-to/own-data.md)",
    "nnunet": "put the raw data set there: dataset.json, imagesTr, labelsTr",
    "msd": "put the data set there: dataset.json, imagesTr, labelsTr",
    "manifest": "put manifest.csv with its images and labels there (columns: docs/how-to/own-data.md)",
}


def merge(base: dict[str, Any], overlay: Mapping[str, Any]) -> None:
    """Lay ``overlay`` over ``base`` in place: dicts merge, everything else is replaced."""
    for key, value in overlay.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = copy.deepcopy(value)


def known(name: object, catalogue: Iterable[object], key: str, where: str) -> None:
    names = list(catalogue)
    if name not in names:
        raise InputError(f"config: {key} names {name!r}, which is not in {where} ({', '.join(map(str, names))})")


def located(name: str, dataset: Mapping[str, Any], downloads: str = "data") -> dict[str, Any]:
    """The data set with its path expanded and found on disk; a phantom has none.

    downloads: the folder to which what has ``download``, and no path that is there, is downloaded.
    """
    if dataset["reader"] == "phantom":
        return dict(dataset)
    if "download" in dataset and not _is_there(dataset.get("path", "")):
        folder = Path(os.path.expandvars(downloads)).expanduser()
        return {**dataset, "path": str(folder / dataset["download"])}
    path = os.path.expandvars(dataset["path"])
    missing = re.search(r"\$\{?(\w+)", path)
    if missing:
        raise InputError(
            f"datasets.{name}.path is {dataset['path']!r}, but the variable {missing[1]} is not set: export "
            f"{missing[1]}=/folder/with/the/data, or write the path into the study"
        )
    if not Path(path).expanduser().is_dir():
        raise InputError(f"datasets.{name}.path: no folder {path}: {HOW_TO_GET[dataset['reader']]}")
    return {**dataset, "path": str(Path(path).expanduser())}


def _is_there(path: str) -> bool:
    return bool(path) and Path(os.path.expandvars(path)).expanduser().is_dir()
