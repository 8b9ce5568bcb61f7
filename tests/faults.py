"""The table of faults: what was done to jobs, how many survived, what it cost. Written where CMRBRIDGE_FAULTS says.

A test tells its figure by the fixture `faults`; several of one fault, those of other workers too, become one row.
"""

import csv
from collections.abc import Callable, Iterable
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path

import pytest

Tell = Callable[..., None]


@dataclass(frozen=True)
class Row:
    """fault: what was done; tried, survived: how often; lost: most steps that had to be done again, of ``allowed``;
    test: what did it."""

    fault: str
    tried: int
    survived: int
    lost: int
    allowed: int
    test: str

    def __add__(self, other: "Row") -> "Row":
        tried, survived = self.tried + other.tried, self.survived + other.survived
        return Row(self.fault, tried, survived, max(self.lost, other.lost), max(self.allowed, other.allowed), self.test)


def teller(request: pytest.FixtureRequest) -> Tell:
    """``faults(fault, tried=…, survived=…, lost=…, allowed=…)``: asserts that the fault was survived, and notes it."""

    def tell(fault: str, *, tried: int, survived: int, lost: int = 0, allowed: int = 0) -> None:
        assert survived == tried > 0, f"{fault}: survived {survived} of {tried}"
        assert 0 <= lost <= allowed, f"{fault}: {lost} steps lost, {allowed} allowed"
        row = Row(fault, tried, survived, lost, allowed, request.node.nodeid.partition("[")[0])
        request.node.user_properties.append(("fault", asdict(row)))  # which pytest-xdist brings to the first process

    return tell


class Table:
    """A pytest plugin: gathers the rows of passed tests and, if no test failed, lays them over those of the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[Row] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.rows += [Row(**about) for name, about in report.user_properties if name == "fault"]

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if self.rows and exitstatus == pytest.ExitCode.OK:
            write_rows(self.path, self.rows)


def read_rows(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as stream:
        return [
            Row(**{field.name: field.type(line[field.name]) for field in fields(Row)})
            for line in csv.DictReader(stream)
        ]


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """One row a fault, sorted; what the file tells of other faults stays."""
    merged: dict[str, Row] = {}
    for row in rows:
        merged[row.fault] = merged[row.fault] + row if row.fault in merged else row
    kept = {row.fault: row for row in read_rows(path)} if path.exists() else {}
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow([field.name for field in fields(Row)])
        table.writerows(astuple(row) for _, row in sorted((kept | merged).items()))
