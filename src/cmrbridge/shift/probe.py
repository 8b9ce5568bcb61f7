"""What a fresh reader finds out about the domain from a trained segmenter's features, which do not change any more.

Scannell et al. (STACOM 2020): after adversarial training the domain must not be recoverable from the features. The
adversary of the training cannot say so, since the features were made to mislead that very one.
"""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cmrbridge.core.loop import Report
from cmrbridge.errors import InputError
from cmrbridge.shift.crossed import ShiftSettings, balanced_task, held_out_logits, linear_reader, network_reader
from cmrbridge.shift.networks import MapReader
from cmrbridge.shift.tables import CONFUSION, SCORES, scored, table

Maps = list[NDArray[np.float16]]
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Features:
    """maps: one (n, channel, y, x) per feature module, the bottleneck first; domain: (n,) index into ``domains``;
    subjects: (n,)."""

    maps: Maps
    domain: NDArray[np.int64]
    domains: tuple[str, ...]
    subjects: tuple[str, ...]


def measure_probe(
    *,
    settings: ShiftSettings,
    features: list[Path],
    runs: list[dict[str, Any]],
    scores: Path,
    confusion: Path,
    device: str,
    report: Report,
) -> None:
    """Write ``scores`` and ``confusion`` (csv, `shift.tables`) of every run: its bottleneck, and all its maps together.

    features: one file per run; runs: what identifies each (source, arm, architecture, seed). Two readers answer, one
    linear in what is known of each channel, one that convolves: whoever is told more has the say.
    """
    found, confused = [], []
    for done, (path, run) in enumerate(zip(features, runs, strict=True), 1):
        read = read_features(path)
        shown = {"bottleneck": read.maps[:1]} | ({"all": read.maps} if len(read.maps) > 1 else {})
        for name, maps in shown.items():
            rows = probe(Features(maps, read.domain, read.domains, read.subjects), settings, device)
            for score, matrix in rows:
                identity = {"task": "probe", "shown": name, **run}
                found.append(identity | score)
                confused += [identity | row for row in matrix]
        report(done, len(features))
    table(found, SCORES).to_csv(scores, index=False)
    table(confused, CONFUSION).to_csv(confusion, index=False)


def probe(
    features: Features, settings: ShiftSettings, device: str
) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """(scores, confusion) of each of the two readers on all ``features.maps`` together."""
    task, rows = balanced_task(features.domain, features.subjects, features.domains, settings)
    maps = [part[rows] for part in features.maps]
    inputs = [torch.from_numpy(part) for part in maps]
    channels, sides = [part.shape[1] for part in maps], [part.shape[2] for part in maps]
    classes = len(task.names)
    readers = {
        "linear": linear_reader(task, channel_statistics(maps)),
        "convolution": network_reader(task, inputs, lambda: MapReader(channels, sides, classes), settings, device),
    }
    return [
        scored(task, held_out_logits(task, reader), {"reader": name}, settings.seed) for name, reader in readers.items()
    ]


def channel_statistics(maps: Maps) -> NDArray[np.float64]:
    """(n, feature): of each channel its mean, standard deviation and quantiles over space. Means alone would show
    little of instance-normalised maps, which have the same."""
    read = []
    for part in maps:
        values = part.astype(np.float64).reshape(*part.shape[:2], -1)
        read += [values.mean(axis=2), values.std(axis=2), *np.quantile(values, QUANTILES, axis=2)]
    return np.concatenate(read, axis=1)


def read_features(path: Path) -> Features:
    """A file of segmenters' features; InputError where it is cut, damaged or something else."""
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(file["about"].tobytes())
            maps = [file[name] for name in sorted(file.files) if name.startswith("map_")]
            domain = file["domain"].astype(np.int64)
        return Features(maps, domain, tuple(about["domains"]), tuple(about["subjects"]))
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a readable file of features ({error}); delete it and run again") from error
