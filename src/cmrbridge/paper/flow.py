"""Where every subject went: counts from files found to subjects scored, which add up or are refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cmrbridge.errors import InputError


@dataclass(frozen=True)
class DomainFlow:
    """Subjects of one domain. roles: what the study does with it; training, validation, test: with outlines;
    images_only: without any, whose images alone can be used; unused: beyond the cap of training subjects;
    scored: test subjects that have a score as a target (None: never tested)."""

    name: str
    roles: tuple[str, ...]
    training: int
    images_only: int
    validation: int
    test: int
    unused: int
    scored: int | None

    @property
    def subjects(self) -> int:
        return self.training + self.images_only + self.validation + self.test + self.unused


@dataclass(frozen=True)
class DatasetFlow:
    """Subjects of one data set: found = copies + elsewhere (in no domain of the study) + used (in one at least).

    frames: images found, one per subject and phase; not_annotated: subjects without any outline; shared: memberships
    beyond one, so that the domains' subjects add up to used + shared.
    """

    name: str
    frames: int
    found: int
    not_annotated: int
    copies: int
    elsewhere: int
    used: int
    shared: int
    domains: tuple[DomainFlow, ...]


def count_flow(
    *,
    subjects: Sequence[Path],
    duplicates: Path,
    splits: Mapping[str, Path],
    roles: Mapping[str, Sequence[str]],
    cases: pd.DataFrame,
) -> list[DatasetFlow]:
    """Counts per data set, in the order of ``subjects`` (one subjects.csv each); InputError where they do not add up.

    splits: domain → split.csv; roles: domain → what the study does with it; cases: the table of scores.
    """
    dropped = _read(duplicates)
    members = {domain: _read(path) for domain, path in splits.items()}
    flows = []
    for path in subjects:
        frame = _read(path)
        for dataset, rows in frame.groupby("dataset"):
            own = {name: split for name, split in members.items() if set(split.dataset) == {dataset}}
            copies = set(dropped.dropped_subject[dropped.dropped_dataset == dataset])
            domains = [_domain(name, rows, split, roles[name], cases) for name, split in own.items()]
            flows.append(_dataset(str(dataset), rows, copies, own, domains, path))
    return flows


def _dataset(
    name: str,
    rows: pd.DataFrame,
    copies: set[str],
    members: Mapping[str, pd.DataFrame],
    domains: Sequence[DomainFlow],
    path: Path,
) -> DatasetFlow:
    found = set(rows.subject)
    used = {subject for split in members.values() for subject in split.subject}
    strangers = sorted(used - (found - copies))
    if strangers:
        raise InputError(f"{path}: a split names {strangers[0]!r}, which is not there or was dropped; split anew")
    annotated = set(rows.subject[rows.annotated != ""])
    return DatasetFlow(
        name=name,
        frames=len(rows),
        found=len(found),
        not_annotated=len(found - annotated),
        copies=len(copies & found),
        elsewhere=len(found - copies - used),
        used=len(used),
        shared=sum(domain.subjects for domain in domains) - len(used),
        domains=tuple(domains),
    )


def _domain(
    name: str, rows: pd.DataFrame, split: pd.DataFrame, roles: Sequence[str], cases: pd.DataFrame
) -> DomainFlow:
    annotated = set(rows.subject[rows.annotated != ""])
    groups: dict[Any, set[str]] = {part: set(group) for part, group in split.groupby("split").subject}
    train, test = groups.get("train", set()), groups.get("test", set())
    scored = set(cases.subject[cases.target == name])
    if scored - test:
        raise InputError(f"cases.csv: {min(scored - test)!r} is scored on {name} but is no test subject; score anew")
    return DomainFlow(
        name=name,
        roles=tuple(roles),
        training=len(train & annotated),
        images_only=len(train - annotated),
        validation=len(groups.get("val", set())),
        test=len(test),
        unused=len(groups.get("unused", set())),
        scored=len(scored) if scored else None,
    )


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)
