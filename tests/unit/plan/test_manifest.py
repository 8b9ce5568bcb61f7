"""A manifest is read before any job as ingest reads it later, however a spreadsheet wrote it."""

from pathlib import Path

import pytest

from cmrbridge.data.frames import read_table
from cmrbridge.errors import InputError
from cmrbridge.plan.cohorts import Cohorts
from cmrbridge.plan.manifest import read_manifest, values_of

SUBJECTS = {("a", "GE"), ("b", "Philips")}


def manifest(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    (folder / "manifest.csv").write_text(text, encoding=encoding)
    return folder


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("subject,phase,image,vendor\na,ED,i,GE\nb,ED,i,Philips\n", "utf-8-sig"),
        ("subject;phase;image;vendor\r\na;ED;i;GE\r\nb;ED;i;Philips\r\n", "utf-8"),
        ("subject,phase,image,vendor\na,ED,i, GE \nb ,ED,i,Philips,,\n\n", "utf-8"),
    ],
)
def test_both_readers_find_the_same_cells(tmp_path: Path, text: str, encoding: str) -> None:
    folder = manifest(tmp_path, text, encoding)
    assert read_manifest(folder) == read_table(folder / "manifest.csv", ["subject"], "")
    assert values_of("vendor", folder, {}) == SUBJECTS


@pytest.mark.parametrize(
    ("text", "encoding", "words"),
    [
        ("subject,vendor\na,GE\nb,\nc\n", "utf-8", "no vendor is told of b, c;"),
        ("subject\na\nb\n", "utf-8", "no vendor is told of a, b;"),
        ("name,vendor\na,GE\n", "utf-8", "names a subject"),
        ("", "utf-8", "names a subject"),
        ("subject,vendor\nä,GE\n", "latin-1", "save the table as UTF-8"),
    ],
)
def test_a_table_that_leaves_a_subject_without_a_domain_is_refused(
    tmp_path: Path, text: str, encoding: str, words: str
) -> None:
    with pytest.raises(InputError, match=f"manifest.csv.*{words}"):
        values_of("vendor", manifest(tmp_path, text, encoding), {})


def test_an_empty_cell_has_the_value_of_its_data_set(tmp_path: Path) -> None:
    folder = manifest(tmp_path, "subject,vendor\na,GE\nb,\n")
    assert values_of("vendor", folder, {"vendor": "Philips"}) == SUBJECTS


def test_a_number_is_one_value_however_it_is_written(tmp_path: Path) -> None:
    folder = manifest(tmp_path, "subject;field_strength_t\na;1,5\nb;1.50\nc;3\n")
    assert values_of("field_strength_t", folder, {}) == {("a", "1.5"), ("b", "1.5"), ("c", "3")}
    split = {"dataset": "ours", "where": {"field_strength_t": 1.5}, "train": 0.5, "val": 0.0}
    cohorts = Cohorts(tmp_path / "nothing", {"ours": {"reader": "manifest", "path": folder}}, {"low": split})
    assert [cohorts.subjects("low", part) for part in ("train", "test")] == [1, 1]


@pytest.mark.parametrize("value", ["high", "unknown", "nan", "inf"])
def test_what_is_no_field_strength_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(InputError, match=f"manifest.csv: field_strength_t holds '{value}', which is no number"):
        values_of("field_strength_t", manifest(tmp_path, f"subject,field_strength_t\na,{value}\n"), {})


def test_an_empty_number_is_not_told_to_become_a_word(tmp_path: Path) -> None:
    folder = manifest(tmp_path, "subject,vendor,field_strength_t\na,,\nb,GE,3\n")
    with pytest.raises(InputError, match=r"of a; fill that column in, or divide by another"):
        values_of("field_strength_t", folder, {})
    with pytest.raises(InputError, match=r"fill that column in \(unknown is a value too\)"):
        values_of("vendor", folder, {})
