"""The command, its three files and its exit code; the gate before the trainings."""

import csv
from pathlib import Path

import pytest

from cmrbridge.cli import main
from cmrbridge.data.check.ready import ready
from cmrbridge.errors import InputError


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_codes_of_the_command(cohort, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = cohort(2)
    out = tmp_path / "out put"
    asked = ["check", str(one.folder), "-o", str(out)]
    assert main(asked) == 0
    one.table(lambda text: text.replace("Aera", ""))
    assert main(asked) == 0
    assert "1 note: metadata_missing 1" in capsys.readouterr().out
    one.image().write_bytes(one.image().read_bytes()[:400])
    assert main(asked) == 1
    first = rows_of(out / "problems.csv")[0]
    assert (first["severity"], first["subject"], first["phase"], first["check"]) == ("error", "s00", "ED", "damaged")
    assert first["file"] == str(one.image())
    assert main(["check", str(tmp_path / "none")]) == 2
    assert main(["check", str(out)]) == 2
    assert main(["check", str(one.folder), "--labels", "LV=x", "-o", str(out)]) == 2
    for line in capsys.readouterr().err.splitlines()[-3:]:
        assert line.startswith("error: ")


def test_the_page_stands_alone_and_shows_the_case(cohort, tmp_path: Path) -> None:
    one = cohort(2)
    one.table(lambda text: text.replace("s01", "<b>x").replace("<b>x_", "s01_"))
    one.voxels(one.label(1), lambda array: array.__setitem__((2, 2, 4), 3))
    one.check()
    page = (tmp_path / "out" / "check.html").read_text()
    assert page.count("data:image/webp;base64,") == 1
    assert "<b>x" not in page
    assert "&lt;b&gt;x" in page
    assert "http" not in page.replace("http-equiv", "")
    assert len(page) < 60_000


def test_no_cell_of_the_table_is_a_formula(cohort, tmp_path: Path) -> None:
    one = cohort(2)
    one.table(lambda text: text.replace("s00,", "=cmd,"))
    one.image().unlink()
    one.check()
    cells = {cell for row in rows_of(tmp_path / "out" / "problems.csv") for cell in row.values()}
    assert "'=cmd" in cells
    assert not [cell for cell in cells if cell.startswith("=")]


def test_a_careless_table_is_read(cohort) -> None:
    """A byte-order mark, semicolons, decimal commas."""
    one = cohort(2)
    one.table(lambda text: "\ufeff" + text.replace(",", ";").replace("1.5", "1,5"))
    assert one.check() == []


@pytest.mark.parametrize(
    ("old", "new"), [("0 1 2", "0 nan 2"), ("0 1 2", "0 inf 2"), ("NOR", "N" * 200_000), ("phase", "Phase")]
)
def test_a_table_that_no_reader_can_read_is_one_error(cohort, old: str, new: str) -> None:
    """Files are read to their end all the same."""
    one = cohort(1)
    one.table(lambda text: text.replace(old, new))
    one.label().write_bytes(one.label().read_bytes()[:-9])
    assert [(row.check, row.subject) for row in one.check()] == [("layout", ""), ("damaged", "")]


def test_several_processes_tell_the_same(cohort) -> None:
    one = cohort(3)
    one.image(1).unlink()
    one.voxels(one.label(2), lambda array: array * 85)
    assert one.check(workers=2) == one.check()


def test_copies_across_data_sets(cohort, tmp_path: Path) -> None:
    one = cohort(2)
    other = tmp_path / "other"
    one.folder.rename(other)
    (tmp_path / "data").symlink_to(other)
    out = tmp_path / "out"
    assert main(["check", str(other), str(tmp_path / "data"), "-o", str(out)]) == 2  # one folder under two names
    one.folder.unlink()
    cohort(2)
    assert main(["check", str(other), str(one.folder), "-o", str(out)]) == 0
    copies = [(row["dataset"], row["subject"], row["check"]) for row in rows_of(out / "problems.csv")]
    assert copies == [("data", name, "duplicate_image") for name in ("s00", "s00", "s01", "s01")]


def test_an_error_stops_a_study(tmp_path: Path) -> None:
    split, problems, approved = (tmp_path / name for name in ("split.csv", "problems.csv", ".ready"))
    split.write_text("subject,split\na,train\n")
    head = "severity,check,file,what,remedy\n"
    problems.write_text(f"{head}note,slices,f,the stack has 2 slices,look\n")
    ready(problems=problems, splits=[split, split], approved=approved)
    assert approved.read_bytes() == 2 * split.read_bytes()
    problems.write_text(f"{head}error,damaged,x.nii,cut short,fetch it again\n")
    with pytest.raises(InputError, match=r"x\.nii: cut short; fetch it again.*problems\.csv"):
        ready(problems=problems, splits=[split], approved=approved)
