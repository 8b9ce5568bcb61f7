"""How well networks tell scanners apart by images, and pathologies by the two frames of a heart."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cmrbridge.core.loop import Report
from cmrbridge.core.pack import Pack, read_pack
from cmrbridge.errors import InputError
from cmrbridge.shift.crossed import ShiftSettings, Task, balanced_task, held_out_logits, network_reader
from cmrbridge.shift.networks import IMAGE_NETWORKS
from cmrbridge.shift.tables import CONFUSION, SCORES, Row, scored, table

PHASES = ("ED", "ES")
LEVELS = 3  # slices about the middle of the heart that a pathology is told from


def measure_domains(
    *,
    settings: ShiftSettings,
    networks: list[str],
    looks: dict[str, dict[str, Path]],
    identity: dict[str, Any],
    scores: Path,
    confusion: Path,
    device: str,
    report: Report,
) -> None:
    """Write ``scores`` and ``confusion`` (csv, `shift.tables`): which domain does a slice come from?

    looks: name of a look ("before", or what a remedy made of the images) → domain → pack. networks: names of
    `networks.IMAGE_NETWORKS`. identity: columns that both tables carry.
    """
    found, confused = [], []
    total = len(looks) * len(networks)
    for look, packs in looks.items():
        images, classes, subjects = _slices({domain: read_pack(path) for domain, path in packs.items()})
        task, rows = balanced_task(classes, subjects, list(packs), settings)
        for name in networks:
            score, matrix = _asked(task, images[rows], name, settings, device)
            about = {"task": "domain", "look": look, "shown": "slices", "reader": name, **identity}
            found.append(about | score)
            confused += [about | row for row in matrix]
            report(len(found), total)
    table(found, SCORES).to_csv(scores, index=False)
    table(confused, CONFUSION).to_csv(confusion, index=False)


def measure_pathologies(
    *,
    settings: ShiftSettings,
    networks: list[str],
    packs: list[Path],
    scores: Path,
    confusion: Path,
    device: str,
    report: Report,
) -> None:
    """Write ``scores`` and ``confusion`` (csv): which pathology has the heart, seen in ED and in ES as two channels?

    Of each subject of the ``packs`` with a known pathology the slices about the middle. One question per data set,
    which ``source`` names: a reader of several would learn whose images they are, and name that one's pathologies.
    Pathologies of fewer subjects than there are folds are left out, and a data set of which fewer than two remain.
    """
    found, confused = [], []
    asked = {name: one for name, one in _pairs([read_pack(path) for path in packs], settings.folds).items() if one}
    for dataset, (images, names, subjects) in asked.items():
        kinds = sorted(set(names))
        classes = np.array([kinds.index(one) for one in names], np.int64)
        task, rows = balanced_task(classes, subjects, kinds, settings)
        for name in networks:
            score, matrix = _asked(task, images[rows], name, settings, device)
            about = {"task": "pathology", "look": "before", "source": dataset, "shown": "ED and ES", "reader": name}
            found.append(about | score)
            confused += [about | row for row in matrix]
            report(len(found), len(asked) * len(networks))
    table(found, SCORES).to_csv(scores, index=False)
    table(confused, CONFUSION).to_csv(confusion, index=False)


def _asked(task: Task, images: Tensor, name: str, settings: ShiftSettings, device: str) -> tuple[Row, list[Row]]:
    build = IMAGE_NETWORKS[name]
    reader = network_reader(task, [images], lambda: build(images.shape[1], len(task.names)), settings, device)
    return scored(task, held_out_logits(task, reader), {}, settings.seed)


def _slices(packs: dict[str, Pack]) -> tuple[Tensor, NDArray[np.int64], list[str]]:
    """(n, 1, y, x) uint8 of all packs, (n,) domain, (n,) subject."""
    sizes = {pack.images.shape[1:] for pack in packs.values()}
    if len(sizes) > 1:
        raise InputError(f"the domains' packs differ in image size, {sorted(sizes)}: prepare them alike")
    images = torch.from_numpy(np.concatenate([pack.images for pack in packs.values()])).unsqueeze(1)
    classes = np.repeat(np.arange(len(packs)), [len(pack.images) for pack in packs.values()])
    return images, classes, [pack.cases[index].subject for pack in packs.values() for index in pack.case]


Hearts = tuple[Tensor, list[str], list[str]]  # (n, 2, y, x) uint8 of ED and ES, (n,) pathology, (n,) subject


def _pairs(packs: list[Pack], least: int) -> dict[str, Hearts | None]:
    """Data set → its hearts at equal places about the middle; None where no two pathologies have enough subjects."""
    views: dict[str, dict[str, tuple[str, NDArray[np.uint8]]]] = {}  # data set → subject → pathology, (LEVELS, 2, y, x)
    for pack in packs:
        cases = {(case.dataset, case.subject, case.phase): index for index, case in enumerate(pack.cases)}
        for (dataset, subject, phase), index in cases.items():
            other = cases.get((dataset, subject, PHASES[1]))
            if phase == PHASES[0] and other is not None and pack.cases[index].pathology:
                both = np.stack([_middle(pack, one) for one in (index, other)], axis=1)
                views.setdefault(dataset, {})[subject] = (pack.cases[index].pathology, both)
    return {dataset: _common(hearts, least) for dataset, hearts in views.items()}


def _common(hearts: Mapping[str, tuple[str, NDArray[np.uint8]]], least: int) -> Hearts | None:
    counts = Counter(pathology for pathology, _ in hearts.values())
    kept = {subject: one for subject, one in hearts.items() if counts[one[0]] >= least}
    if len({pathology for pathology, _ in kept.values()}) < 2:
        return None
    images = torch.from_numpy(np.concatenate([views for _, views in kept.values()]))
    names = [pathology for pathology, _ in kept.values() for _ in range(LEVELS)]
    return images, names, [subject for subject in kept for _ in range(LEVELS)]


def _middle(pack: Pack, case: int) -> NDArray[np.uint8]:
    """(LEVELS, y, x): slices about the middle of a case, the outermost repeated where it has too few."""
    own = np.flatnonzero(pack.case == case)
    places = len(own) // 2 + np.arange(LEVELS) - LEVELS // 2
    return pack.images[own[places.clip(0, len(own) - 1)]]
