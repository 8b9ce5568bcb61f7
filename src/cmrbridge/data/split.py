"""A domain: the rows of a data set that a study selects, each subject in one of train, val, test and unused."""

import csv
import dataclasses
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cmrbridge.core.pack import Pack, read_pack, write_pack
from cmrbridge.data.frames import read_table
from cmrbridge.errors import InputError

UNUSED = "unused"  # the split of training subjects beyond the cap: in no pack
PER_FRAME = {"phase", "annotated", "slices", "image", "label", "sha256", "centre_x", "centre_y", "cut_off"} | {
    "image_frame",
    "label_frame",
    "codes",
    "slice_axis",
    "warnings",
}
AGAIN = "run the ingest of this data set again"

Value = str | float | int
Row = dict[str, str]


@dataclass(frozen=True)
class SplitSettings:
    """where: column of subjects.csv → value or list of values; train, val: shares of the subjects, the rest is test;
    labelled: whether its labels are needed, as those of a source or a target are.
    train_subjects: how many labelled training subjects are kept, and none without labels (None: all of either);
    validation and test stay as they are, and a smaller number's subjects are among a larger number's.
    split_as: the domain of the same rows whose shuffle this one shares ("": its own name), so that domains which
    differ in train_subjects alone are nested and have the same validation and test subjects."""

    domain: str
    dataset: str
    where: dict[str, Value | list[Value]]
    train: float
    val: float
    seed: int
    labelled: bool = True
    train_subjects: int | None = None
    split_as: str = ""


def split_domain(
    *,
    settings: SplitSettings,
    subjects: Path,
    prepared: Path,
    duplicates: Path,
    training: Path,
    images: Path,
    test: Path,
    table: Path,
) -> None:
    """Select, drop copies, split by subject, and write the packs that each kind of use may see.

    A subject without any label can be neither validated nor tested on: it gives its images to the training side.
    """
    rows = _select(read_table(subjects, ["dataset", "subject", "phase", "annotated"], AGAIN), settings, subjects)
    copies = read_table(duplicates, ["dropped_dataset", "dropped_subject"], "run the search for duplicates again")
    dropped = {(copy["dropped_dataset"], copy["dropped_subject"]) for copy in copies}
    people = {row["subject"]: row for row in rows if (row["dataset"], row["subject"]) not in dropped}
    labelled = {row["subject"] for row in rows if row["annotated"]}
    pathologies = {name: row["pathology"] for name, row in people.items() if name in labelled}
    members = keep_first(assign(pathologies, settings), pathologies, settings)
    rest = "train" if settings.train_subjects is None else UNUSED
    members |= {name: rest for name in people if name not in labelled}
    pack = _named(read_pack(prepared), members, settings)
    for path in (training, images, test, table):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_pack(training, _part(pack, ("train", "val"), labelled=True))
    write_pack(images, dataclasses.replace(_part(pack, ("train",), labelled=False), labels=None))
    write_pack(test, dataclasses.replace(_part(pack, ("test",), labelled=True), labels=None))
    _write(table, people, members)


def assign(pathologies: dict[str, str], settings: SplitSettings) -> dict[str, str]:
    """Subject → split, from subject → pathology. Each pathology is spread over the splits as evenly as counts allow.

    The shuffle depends on the seed and the domain's name alone, not on the order of the subjects.
    """
    shares = {"train": settings.train, "val": settings.val, "test": 1 - settings.train - settings.val}
    shares = {name: share for name, share in shares.items() if share > 1e-9 or share < -1e-9}
    if min(shares.values()) < 0:
        raise InputError(
            f"domain {settings.domain}: train {settings.train} and val {settings.val}: shares of 1 at most together"
        )
    if not pathologies and not settings.labelled:
        return {}
    if len(pathologies) < len(shares):
        raise InputError(
            f"domain {settings.domain}: {len(pathologies)} labelled subjects cannot fill {', '.join(shares)};"
            " widen its `where`"
        )
    shuffled = _shuffled(pathologies, settings)
    members: dict[str, list[str]] = {name: [] for name in shares}
    for count, subject in enumerate(sorted(shuffled, key=lambda name: pathologies[name]), 1):
        members[max(shares, key=lambda name: shares[name] * count - len(members[name]))].append(subject)
    for empty in [name for name in shares if not members[name]]:
        members[empty].append(max(members.values(), key=len).pop())
    return {subject: name for name, group in members.items() for subject in group}


def keep_first(members: dict[str, str], pathologies: dict[str, str], settings: SplitSettings) -> dict[str, str]:
    """``members`` of `assign` with all but the first `train_subjects` training subjects unused.

    They are ranked within their pathology, as shuffled, and taken by the share of it that comes before them: every
    number of subjects has the pathologies of all, as evenly as counts allow.
    """
    if settings.train_subjects is None:
        return members
    training = [name for name in _shuffled(pathologies, settings) if members[name] == "train"]
    if not 1 <= settings.train_subjects <= len(training):
        raise InputError(
            f"domain {settings.domain}: train_subjects is {settings.train_subjects}, its split has {len(training)} "
            "labelled training subjects; ask for 1 to as many, raise the share `train`, or widen `where`"
        )
    groups: dict[str, list[str]] = {}
    for name in training:
        groups.setdefault(pathologies[name], []).append(name)
    before = {name: (rank + 0.5) / len(group) for group in groups.values() for rank, name in enumerate(group)}
    dropped = sorted(training, key=lambda name: before[name])[settings.train_subjects :]
    return members | dict.fromkeys(dropped, UNUSED)


def _shuffled(subjects: Iterable[str], settings: SplitSettings) -> list[str]:
    digest = hashlib.sha256(f"{settings.seed}/{settings.split_as or settings.domain}".encode()).digest()
    generator = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    return [str(name) for name in generator.permutation(sorted(subjects))]


def _select(rows: list[Row], settings: SplitSettings, path: Path) -> list[Row]:
    kept = [row for row in rows if row["dataset"] == settings.dataset]
    for column, wanted in settings.where.items():
        if rows and column not in rows[0]:
            raise InputError(
                f"domain {settings.domain}: {path} has no column {column!r}; choose from {', '.join(rows[0])}"
            )
        values = wanted if isinstance(wanted, list) else [wanted]
        found = sorted({row[column] for row in kept})
        kept = [row for row in kept if any(_equal(row[column], value) for value in values)]
        if not kept:
            raise InputError(
                f"domain {settings.domain}: no subject of {settings.dataset} has {column} = {wanted!r}"
                f" (where: {settings.where}); the values are {', '.join(map(repr, found)) or 'none'}"
            )
    if not kept:
        raise InputError(
            f"domain {settings.domain}: {path} holds no subject of dataset {settings.dataset!r}; correct `dataset`"
        )
    return kept


def _equal(cell: str, value: Value) -> bool:
    if isinstance(value, str):
        return cell == value
    try:
        return float(cell) == float(value)
    except ValueError:
        return False


def _named(pack: Pack, members: dict[str, str], settings: SplitSettings) -> Pack:
    """The pack of the domain's subjects, each case stamped with domain and split."""
    pack = pack.select([index for index, case in enumerate(pack.cases) if case.subject in members])
    cases = (dataclasses.replace(case, domain=settings.domain, split=members[case.subject]) for case in pack.cases)
    return dataclasses.replace(pack, cases=tuple(cases))


def _part(pack: Pack, splits: tuple[str, ...], labelled: bool) -> Pack:
    wanted = [i for i, case in enumerate(pack.cases) if case.split in splits and (case.annotated or not labelled)]
    return pack.select(wanted)


def _write(path: Path, people: dict[str, Row], members: dict[str, str]) -> None:
    columns = [name for name in next(iter(people.values()), {}) if name not in PER_FRAME and name != "subject"]
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["subject", "split", *columns])
        table.writerows([name, members[name], *(people[name][column] for column in columns)] for name in sorted(people))
