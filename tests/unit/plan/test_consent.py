"""The list of people who are left out, and which data sets are copied for it."""

from pathlib import Path

import pytest

from cmrbridge.errors import InputError
from cmrbridge.plan.consent import is_admitted, read_forgotten


def test_the_list_by_data_set(tmp_path: Path) -> None:
    assert read_forgotten(tmp_path) == {}
    (tmp_path / "forgotten.csv").write_text("dataset,key\nb,s2\na,s3\nb,s1\n")
    assert read_forgotten(tmp_path) == {"a": ("s3",), "b": ("s1", "s2")}


@pytest.mark.parametrize("text", ["dataset\na\n", "dataset,key\na,\n", "dataset,key,more\na,b,c\n"])
def test_a_damaged_list_stops_the_study_instead_of_letting_people_in(tmp_path: Path, text: str) -> None:
    (tmp_path / "forgotten.csv").write_text(text)
    with pytest.raises(InputError, match="restore it"):
        read_forgotten(tmp_path)


def test_data_sets_are_read_as_they_lie_unless_asked_otherwise() -> None:
    acdc = {"reader": "acdc", "path": "x"}
    assert not is_admitted("acdc", acdc, {})
    assert not is_admitted("acdc", acdc, {"other": ("s1",)})
    assert is_admitted("acdc", acdc, {"acdc": ("s1",)})
    assert is_admitted("acdc", {**acdc, "pseudonymise": True}, {})
    assert not is_admitted("d", {"reader": "dicom", "path": "x"}, {"d": ("s1",)}), "its conversion leaves them out"
