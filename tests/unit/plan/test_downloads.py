"""Which data sets are downloaded is settled, and what a person must do is said, before anything starts."""

import re
from pathlib import Path

import pytest

from cmrbridge.errors import InputError
from cmrbridge.fetch.dataset import sources_from
from cmrbridge.plan.catalogue import located
from cmrbridge.plan.downloads import awaited, offline, refuse_hopeless, sources_of, terms

TABLE = Path(__file__).parents[3] / "resources" / "datasets.tsv"
NAMES = ("acdc", "sunnybrook", "mnms", "mnms2")


@pytest.mark.parametrize("name", NAMES)
def test_every_row_of_the_table_can_be_fetched_or_says_where_to_ask(name: str) -> None:
    rows = sources_of(TABLE, name)
    for source in sources_from(rows):
        assert source.urls or source.registration
        assert source.form in ("archive", "file")
        assert all(url.startswith("https://") and "@" not in url for url in source.urls)
        assert re.fullmatch(r"([0-9a-f]{64})?", source.sha256)
        assert not Path(source.place).is_absolute()
        assert source.licence
    assert rows[0]["licence"] in terms(rows)


def test_challenges_with_a_form_have_no_address() -> None:
    assert not [row["file"] for name in ("mnms", "mnms2") for row in sources_of(TABLE, name) if row["urls"]]


def test_an_unknown_data_set_is_refused_with_the_names() -> None:
    with pytest.raises(InputError, match="no data set 'acdd' in it; there are acdc, sunnybrook, mnms, mnms2"):
        sources_of(TABLE, "acdd")


def test_a_broken_row_is_refused(tmp_path: Path) -> None:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    broken = tmp_path / "datasets.tsv"
    broken.write_text(f"{lines[0]}\n{lines[1].rpartition(chr(9))[0]}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"the row of 'ACDC\.zip'"):
        sources_of(broken, "acdc")


def test_a_form_is_told_of_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"MnM\.zip: is not there, and no program may .*ub\.edu/mnms/ and put it there"
    ):
        refuse_hopeless(sources_of(TABLE, "mnms"), tmp_path, without_network=False)
    (tmp_path / "mnms.files").mkdir()
    (tmp_path / "mnms.files" / "MnM.zip").write_bytes(b"x")
    refuse_hopeless(sources_of(TABLE, "mnms"), tmp_path, without_network=False)


def test_offline_names_every_file_and_where_it_goes(tmp_path: Path) -> None:
    rows = sources_of(TABLE, "sunnybrook")
    refuse_hopeless(rows, tmp_path, without_network=False)
    with pytest.raises(InputError, match="offline") as error:
        refuse_hopeless(rows, tmp_path, without_network=True)
    assert str(tmp_path / "sunnybrook.files" / "SCD_IMAGES_01.zip") in str(error.value)
    assert "likewise SCD_IMAGES_02.zip" in str(error.value)
    assert "token" not in str(error.value)


def test_offline_by_config_or_environment() -> None:
    assert offline({"offline": True}, {})
    assert offline({}, {"CMRBRIDGE_OFFLINE": "1"})
    assert not offline({}, {"CMRBRIDGE_OFFLINE": "0"})
    assert not offline({}, {})


def test_a_path_that_is_there_is_never_downloaded(tmp_path: Path) -> None:
    there = located("a", {"reader": "acdc", "path": str(tmp_path), "download": "acdc"}, "data")
    asked = located("a", {"reader": "acdc", "download": "acdc"}, str(tmp_path))
    unset = located("a", {"reader": "acdc", "path": "${NOT_SET}/acdc", "download": "acdc"}, str(tmp_path))
    assert there["path"] == str(tmp_path)
    assert asked["path"] == unset["path"] == str(tmp_path / "acdc")
    assert awaited({"datasets": {"a": there, "b": asked}}, ["a", "b"]) == ["acdc"]
    (tmp_path / "acdc").mkdir()
    assert awaited({"datasets": {"b": asked}}, ["b"]) == []


def test_without_the_key_a_missing_path_is_refused_as_before() -> None:
    with pytest.raises(InputError, match="download: acdc"):
        located("a", {"reader": "acdc", "path": "/nowhere"})
