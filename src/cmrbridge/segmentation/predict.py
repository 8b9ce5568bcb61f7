"""Segment the test cases of several domains and write each result in its own image file's grid."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cmrbridge.core.anatomy import CLASSES
from cmrbridge.core.checkpoint import read_tensors
from cmrbridge.core.geometry import restore
from cmrbridge.core.header import write_like
from cmrbridge.core.loop import Report
from cmrbridge.core.pack import Case, Pack, read_pack
from cmrbridge.errors import InputError
from cmrbridge.segmentation import architectures
from cmrbridge.segmentation.architectures.fingerprint import Fingerprint
from cmrbridge.segmentation.segmenter import Predictor, Segmenter
from cmrbridge.segmentation.test_time import predictor


def predict_domains(
    *,
    model: Path,
    tests: dict[str, Path],
    subjects: dict[str, Path],
    folder: Path,
    batch: int,
    device: str,
    report: Report,
    translated: dict[str, Path] | None = None,
    ensemble: bool = False,
    test_time: dict[str, Any] | None = None,
    reference: Path | None = None,
) -> None:
    """Write ``folder``/{domain}/{subject}_{phase}.nii.gz for every case of every domain's test pack.

    tests: domain → pack. subjects: domain → the table that names each case's image file. batch: slices at
    a time; a 3-D network takes a case at a time.
    translated: domain → the test pack in the source's look, segmented in place of the original; with ``ensemble``
    the probabilities of both are averaged (DDA's self-ensembling, Gao et al. 2023). test_time: what is done anew for
    every subject, by itself (`test_time.predictor`); reference: pack of the source's training images, where that asks
    for them.
    """
    network, size = load_segmenter(model, device)
    found = predictor(Segmenter(network, batch), test_time, reference)
    looks = read_looks(tests, translated, ensemble, size)
    write_predictions(
        looks,
        subjects,
        folder,
        report=report,
        segment=lambda domain, indices: segment_subject(found, looks[domain], indices, device),
    )


def read_looks(
    tests: dict[str, Path], translated: dict[str, Path] | None, ensemble: bool, size: int
) -> dict[str, list[Pack]]:
    """Domain → the packs of equal slices whose probabilities are averaged; all of ``size`` pixels a side."""
    looks = {}
    for domain, path in tests.items():
        pack = read_pack(path)
        if pack.images.shape[1:] != (size, size):
            raise InputError(f"{path}: images of {pack.images.shape[1:]} and a model of {size} pixels a side")
        looks[domain] = _looks(pack, domain, tests, translated, ensemble)
    return looks


def write_predictions(
    looks: dict[str, list[Pack]],
    subjects: dict[str, Path],
    folder: Path,
    *,
    report: Report,
    segment: Callable[[str, list[int]], list[NDArray[np.uint8]]],
) -> None:
    """Write every case's labels; ``segment(domain, indices of a subject's cases)`` gives them on their files' grids."""
    total, done = sum(len(packs[0].cases) for packs in looks.values()), 0
    for domain, packs in looks.items():
        cases, images = packs[0].cases, image_paths(subjects[domain])
        (folder / domain).mkdir(parents=True, exist_ok=True)
        for indices in subjects_of(packs[0]):
            for case, labels in zip((cases[index] for index in indices), segment(domain, indices)):
                source = _source(images, case, subjects[domain])
                write_like(labels, source, folder / domain / f"{case.subject}_{case.phase}.nii.gz")
            done += len(indices)
            report(done, total)


def _looks(
    pack: Pack, domain: str, tests: dict[str, Path], translated: dict[str, Path] | None, ensemble: bool
) -> list[Pack]:
    """The packs of equal slices whose probabilities are averaged: the original, its translation, or both."""
    if not translated:
        return [pack]
    other = read_pack(translated[domain])
    if other.cases != pack.cases or not np.array_equal(other.case, pack.case):
        raise InputError(f"{translated[domain]}: holds other cases than {tests[domain]}; delete it and run again")
    return [pack, other] if ensemble else [other]


def load_segmenter(model: Path, device: str) -> tuple[nn.Module, int]:
    """(network ready to predict, pixels a side of its images) from a file of `train_segmenter`."""
    weights, about = read_tensors(model)
    try:
        data = Fingerprint(**about["fingerprint"])
        network = architectures.build(about["architecture"], data)
        network.load_state_dict(weights)
    except (KeyError, TypeError, RuntimeError) as error:
        raise InputError(f"{model}: not a segmenter of this version ({error}); train it again") from error
    return network.to(device).eval(), data.size


def subjects_of(pack: Pack) -> list[list[int]]:
    """Indices of the cases of each subject: its phases, one after another in the order of the pack."""
    found: dict[tuple[str, str], list[int]] = {}
    for index, case in enumerate(pack.cases):
        found.setdefault((case.dataset, case.subject), []).append(index)
    return list(found.values())


def segment_subject(
    segment: Predictor, looks: Sequence[Pack], indices: Sequence[int], device: str
) -> list[NDArray[np.uint8]]:
    """Labels (x, y, slice) of each of a subject's cases on its file's grid; slices that the pack leaves out are
    background.

    segment: sees all slices of the subject at once, and of no other. looks: packs that show the same slices; their
    probabilities are averaged. indices: the subject's cases.
    """
    pack = looks[0]
    rows = [np.flatnonzero(pack.case == index) for index in indices]
    lengths = [len(part) for part in rows]
    case = torch.arange(len(rows), device=device).repeat_interleave(torch.tensor(lengths, device=device))
    shown = [torch.from_numpy(look.images[np.concatenate(rows)]).to(device) for look in looks]
    found = torch.stack([segment(images, case) for images in shown]).mean(0).cpu().numpy()
    parts = np.split(found, np.cumsum(lengths)[:-1])
    return [whole(part, pack.position[of], pack.cases[index]) for part, of, index in zip(parts, rows, indices)]


def whole(found: NDArray[np.float32], position: NDArray[np.int32], case: Case) -> NDArray[np.uint8]:
    """Labels on the file's grid from the probabilities (n, class, y, x) of the slices at ``position``."""
    stack = np.zeros((case.grid.shape[2], CLASSES, case.grid.size, case.grid.size), np.float32)
    stack[:, 0] = 1
    stack[position] = found
    return restore(stack, case.grid)


def image_paths(subjects: Path) -> dict[tuple[str, str], Path]:
    """(subject, phase) → image file, from the table of a data set."""
    import csv

    with subjects.open(newline="", encoding="utf-8-sig") as stream:
        return {(row["subject"], row["phase"]): Path(row["image"]) for row in csv.DictReader(stream)}


def _source(images: dict[tuple[str, str], Path], case: Case, subjects: Path) -> Path:
    path = images.get((case.subject, case.phase))
    if path is None:
        raise InputError(
            f"{subjects}: no row for subject {case.subject}, phase {case.phase}; ingest the data set again"
        )
    if not path.exists():
        raise InputError(f"{path}: the image of subject {case.subject}, phase {case.phase} is gone; put it back")
    return path
