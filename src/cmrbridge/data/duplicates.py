"""Subjects whose pixels occur under another name too, found by content over all data sets."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from cmrbridge.data.frames import read_table

if TYPE_CHECKING:
    from cmrbridge.core.loop import Report

COLUMNS = ("kept_dataset", "kept_subject", "kept_phase", "dropped_dataset", "dropped_subject", "dropped_phase")

Name = tuple[str, str, str]


def find_duplicates(*, subjects: list[Path], duplicates: Path, report: "Report") -> None:
    """Write one row per frame whose voxels an earlier subject already has; the later subject is to be dropped whole.

    Earlier: by the order of the tables, then of their rows.
    """
    people: dict[tuple[str, str], dict[Name, str]] = {}
    for table in subjects:
        for row in read_table(
            table, ["dataset", "subject", "phase", "sha256"], "run the ingest of this data set again"
        ):
            person = people.setdefault((row["dataset"], row["subject"]), {})
            person[(row["dataset"], row["subject"], row["phase"])] = row["sha256"]
    owners: dict[str, Name] = {}
    copies: list[Name | tuple[str, ...]] = []
    for person in people.values():
        repeated = [(*owners[digest], *name) for name, digest in person.items() if digest in owners]
        copies += repeated
        if not repeated:
            owners |= {digest: name for name, digest in person.items()}
    duplicates.parent.mkdir(parents=True, exist_ok=True)
    with duplicates.open("w", newline="", encoding="utf-8") as stream:
        table_out = csv.writer(stream, lineterminator="\n")
        table_out.writerow(COLUMNS)
        table_out.writerows(copies)
    report(len(people), len(people), duplicated_frames=float(len(copies)))
