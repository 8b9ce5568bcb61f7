"""A study makes a missing data set from what a person put down, in one job; offline, it says what to put where."""

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from cmrbridge.cli import main

ROOT = Path(__file__).parents[2]
STUDY = """
datasets: {acdc: {reader: acdc, download: acdc}}
domains: {siemens: {dataset: acdc, where: {vendor: Siemens}}}
scenarios: {scanners: {source: siemens, unlabelled: [borealis]}}
"""


def put(folder: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("ACDC/database/training/patient001/Info.cfg", "ED: 1\nES: 12\n")
    files = folder / "data" / "acdc.files"
    files.mkdir(parents=True)
    (files / "ACDC.zip").write_bytes(buffer.getvalue())


def make(folder: Path, target: str) -> subprocess.CompletedProcess[str]:
    (folder / "study.yaml").write_text(STUDY)
    command = [*(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "1")]
    return subprocess.run(
        [*command, "--directory", str(folder), "--configfile", str(folder / "study.yaml"), "--", target],
        capture_output=True,
        text=True,
        env={**os.environ, "CMRBRIDGE_OFFLINE": "1"},
    )


def test_the_rule_makes_it_from_a_file_that_was_put_there(tmp_path: Path) -> None:
    put(tmp_path)
    result = make(tmp_path, "data/acdc")
    assert result.returncode == 0, result.stderr + result.stdout
    assert (tmp_path / "data" / "acdc" / "training" / "patient001" / "Info.cfg").exists()
    assert "licence CC BY-NC-SA 4.0" in result.stderr
    files = tmp_path / "data" / "acdc.files"
    assert json.loads((files / "record.json").read_text())["status"] == "done"
    assert json.loads((files / "sources.json").read_text())[0]["from"] == "put there by hand"


def test_offline_a_missing_file_stops_the_study_before_any_job(tmp_path: Path) -> None:
    result = make(tmp_path, "data/acdc")
    assert result.returncode != 0
    assert "data/acdc.files/ACDC.zip: is not there, and offline: get it from https://" in result.stderr
    assert not (tmp_path / "data").exists()


def test_one_command_does_the_same(tmp_path: Path) -> None:
    table = ["--table", str(ROOT / "resources" / "datasets.tsv")]
    command = ["download", "acdc", "-o", str(tmp_path / "data"), "--offline", *table]
    assert main(command) == 2
    put(tmp_path)
    assert main(command) == 0
    assert (tmp_path / "data" / "acdc" / "training").is_dir()
    assert main([*command[:1], "nothing", *command[2:]]) == 2
