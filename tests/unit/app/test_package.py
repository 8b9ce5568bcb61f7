"""An exported folder is believed only when every file is the one that was exported."""

import json
from pathlib import Path

import pytest

from cmrbridge.app.package import read_package, read_packages
from cmrbridge.app.predict import load_network
from cmrbridge.errors import InputError
from serving import seal, write_package


def test_reads_what_was_exported(package: Path) -> None:
    found = read_package(package)
    assert (found.name, found.size, found.spacing_mm, found.card) == ("fast", 64, 2.0, "# A toy\n")
    assert found.shown()["validation_dice"] == 0.9


@pytest.mark.parametrize("name", ["model.onnx", "model.json", "card.md", "checksums.json"])
@pytest.mark.parametrize("harm", ["missing", "altered"])
def test_refuses_a_folder_that_lacks_a_file_or_holds_another(tmp_path: Path, name: str, harm: str) -> None:
    path = write_package(tmp_path / "fast") / name
    path.unlink() if harm == "missing" else path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(InputError, match=r"export it again"):
        read_package(tmp_path / "fast")


@pytest.mark.parametrize(
    ("field", "value"),
    [("format", 2), ("labels", {"LV": 3, "MYO": 2, "RV": 1}), ("image", {}), ("name", "../up"), ("name", "<b>")],
)
def test_refuses_what_it_would_misread(tmp_path: Path, field: str, value: object) -> None:
    folder = write_package(tmp_path / "fast")
    about = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(about | {field: value}))
    seal(folder)
    with pytest.raises(InputError, match="export it again"):
        read_package(folder)


def test_refuses_two_models_of_one_name(tmp_path: Path) -> None:
    folders = [write_package(tmp_path / one / "fast") for one in ("a", "b")]
    with pytest.raises(InputError, match="a second model named 'fast'"):
        read_packages(folders)


def test_a_network_that_is_none_is_told_by_name(tmp_path: Path) -> None:
    folder = write_package(tmp_path / "fast")
    (folder / "model.onnx").write_bytes(b"no network")
    seal(folder)
    with pytest.raises(InputError, match=r"model\.onnx: not a network"):
        load_network(read_package(folder), threads=1)
