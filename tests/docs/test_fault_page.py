"""The page of faults is the one that its figures give, and every figure names a test that is there."""

from pathlib import Path

import fault_page
import pytest

from faults import Row, read_rows, write_rows

ROOT = Path(__file__).parents[2]
ROW = Row("killed", 2, 2, 3, 5, "tests/a.py::test_a")


def test_the_committed_page_is_made_from_the_committed_figures() -> None:
    assert fault_page.PAGE.read_text(encoding="utf-8") == fault_page.page()


@pytest.mark.parametrize("row", read_rows(fault_page.DATA), ids=lambda row: row.fault)
def test_a_figure_is_of_a_test_that_is_there_and_lost_no_more_than_allowed(row: Row) -> None:
    file, _, name = row.test.partition("::")
    assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")
    assert row.survived == row.tried > 0
    assert row.lost <= row.allowed


def test_rows_of_one_fault_are_added_and_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "faults.csv"
    write_rows(path, [Row("disk full", 1, 1, 0, 0, "tests/b.py::test_b"), ROW])
    write_rows(path, [ROW, Row("killed", 3, 3, 4, 5, ROW.test)])
    assert read_rows(path) == [
        Row("disk full", 1, 1, 0, 0, "tests/b.py::test_b"),
        Row("killed", 5, 5, 4, 5, ROW.test),
    ]
