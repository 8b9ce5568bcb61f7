"""The page of what jobs survive, from the figures that `make prove` leaves in docs/results/data/faults.csv."""

import csv
from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT / "docs" / "results" / "data" / "faults.csv"
PAGE = ROOT / "docs" / "results" / "faults.md"

INTRODUCTION = """\
<!-- Written by `make reference` from docs/results/data/faults.csv: change that (CMRBRIDGE_FAULTS), not this. -->
# What a job survives

Each row is a test that does this to a job and then gives the same command again. *Survived* means that the end was,
byte for byte, the end of a run that nothing disturbed, or what the row says after its colon. *Lost* is the most work
that had to be done again, in steps, of what the test allowed: one checkpoint interval at most.

`make test` runs a sample of them, `make prove` all. `CMRBRIDGE_FAULTS=docs/results/data/faults.csv make prove` writes
the figures anew, a row for each fault that was tried; `make reference` then makes this page.

| fault | tried | survived | lost | allowed | test |
|---|---|---|---|---|---|
"""


def page() -> str:
    with DATA.open(newline="", encoding="utf-8") as stream:
        return INTRODUCTION + "".join(_row(row) for row in csv.DictReader(stream))


def _row(row: dict[str, str]) -> str:
    file, _, name = row["test"].rpartition(".py::")
    link = f"[{name}](../../{file}.py)"
    return f"| {row['fault']} | {row['tried']} | {row['survived']} | {row['lost']} | {row['allowed']} | {link} |\n"
