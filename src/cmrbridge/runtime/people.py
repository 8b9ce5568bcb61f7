"""Whose data a job reads: the subjects of the packs among its inputs, by split."""

import json
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from cmrbridge.runtime.digests import portable

GENERATED = "synthetic"  # data set of generated cases, which are nobody


def people_in(inputs: Iterable[Path]) -> dict[str, dict[str, list[str]]]:
    """Portable name of each pack → split → subjects in it as "dataset/subject"; "" is the split before there are any.

    With the records of the jobs before, it is the lineage of what is generated: from whom its generator learnt.
    """
    found = {portable(path): subjects_of(path) for path in inputs if path.suffix == ".npz"}
    return {name: people for name, people in found.items() if people}


def subjects_of(pack: Path) -> dict[str, list[str]]:
    """Split → "dataset/subject" of a file of `core.pack`; {} for a file that is gone or no pack, or whole of nobody."""
    people: dict[str, set[str]] = {}
    try:
        with np.load(pack, allow_pickle=False) as file:
            cases = json.loads(file["cases"].tobytes()) if "cases" in file.files else []
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error):  # who reads it says what is wrong with it
        return {}
    for case in cases:
        if case["dataset"] != GENERATED:
            people.setdefault(case["split"], set()).add(f"{case['dataset']}/{case['subject']}")
    return {split: sorted(names) for split, names in people.items()}
