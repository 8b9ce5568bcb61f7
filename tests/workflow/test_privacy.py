"""A hospital's data set with names everywhere: no name in anything that a study leaves; a person is forgotten."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cmrbridge.core.keys import read_salt, subject_key
from planted import WORDS, hospital, names

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]  # test_tiny.py plants names too, on its way

ROOT = Path(__file__).parents[2]
OVERLAY = """
study: clinic
datasets: {ours: {reader: manifest, path: "IN", pseudonymise: true, licence: internal}}
domains:
  here: {dataset: ours, where: {scanner: aurora}}
  there: {dataset: ours, where: {scanner: borealis}}
scenarios: {scanners: {source: here, unlabelled: [], targets: [there]}}
run: {arms: [real]}
comparisons: {baseline: real, reference: real, primary_arm: real, primary_target: there}
shift: {probe: [], domains: [], pathology: []}
apply: {domains: [], arms: []}
export: []
presets: {cpu: {segmentation: {loop: {steps: 4, inspect_every: 4}}}}
"""
FIRST = names(1)[0]


def call(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    return subprocess.run([sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True)


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    told = ["--snakefile", str(ROOT / "Snakefile"), "--cores", "1", *arguments]
    overlays = ["--configfile", str(ROOT / "tests" / "tiny.yaml"), "overlay.yaml"]
    return call(folder, "snakemake", *told, *overlays)


def scanned(folder: Path) -> str:
    """What `cmrbridge scan` finds in all that lies where the study ran, Snakemake's own notes too."""
    (folder.parent / "words.txt").write_text("\n".join(WORDS))
    return call(folder, "cmrbridge", "scan", str(folder), "--words", str(folder.parent / "words.txt")).stdout


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of a hospital's data as far as the scores and MLflow."""
    folder = tmp_path_factory.mktemp("clinic")
    data = hospital(folder / "in", ("aurora", "borealis"), 3)
    work = folder / "work"
    work.mkdir()
    (work / "overlay.yaml").write_text(OVERLAY.replace("IN", str(data)))
    result = snakemake(work, "results/clinic/evaluation/cases.csv")
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    synced = call(work, "cmrbridge", "sync")
    assert synced.returncode == 0, synced.stderr
    (work / "told.txt").write_text(result.stdout + result.stderr + synced.stdout + synced.stderr)
    return work


def test_no_name_of_a_person_is_left_anywhere(clinic: Path) -> None:
    assert scanned(clinic.parent / "in") != "", "they are there to be found"
    assert scanned(clinic) == ""
    with (clinic / "results/clinic/evaluation/cases.csv").open() as stream:
        assert {re.fullmatch("s[0-9a-f]{12}", row["subject"]) is not None for row in csv.DictReader(stream)} == {True}


def test_the_owner_of_the_salt_can_tell_who_is_who_and_nobody_else(clinic: Path) -> None:
    salt = clinic / "results" / ".salt"
    assert salt.stat().st_mode & 0o077 == 0
    told = call(clinic, "cmrbridge", "keys", str(clinic.parent / "in")).stdout
    assert f"{subject_key(FIRST, read_salt(salt))}  {FIRST}" in told.splitlines()
    secret = salt.read_text().strip().encode()
    holders = [path for path in clinic.rglob("*") if path.is_file() and secret in path.read_bytes()]
    assert holders == [salt], "in no record, log, crate or database"


def test_a_file_that_cannot_be_used_is_named_at_the_terminal_alone(clinic: Path) -> None:
    image = next((clinic.parent / "in" / FIRST).glob("*image_ES*"))
    whole = image.read_bytes()
    image.write_bytes(whole[:-9])
    target = "results/broken/ingest/ours/subjects.csv"
    try:
        result = snakemake(clinic, target, "--config", "study=broken")
        checked = call(clinic, "cmrbridge", "check", str(clinic.parent / "in"), "-o", str(clinic.parent / "checked"))
    finally:
        image.write_bytes(whole)
    assert result.returncode == 1
    assert "the image of subject 1 of 6, ES, cannot be used; `cmrbridge check" in result.stdout + result.stderr
    assert image.name in (clinic.parent / "checked" / "problems.csv").read_text(), checked.stderr
    (clinic / "told.txt").write_text(result.stdout + result.stderr)
    assert scanned(clinic) == ""


def test_a_forgotten_person_is_gone_from_every_store_and_comes_back_into_none(clinic: Path) -> None:
    key = subject_key(FIRST, read_salt(clinic / "results" / ".salt"))
    (clinic.parent / "words.txt").write_text(key)
    look = ("cmrbridge", "scan", str(clinic / "results"), "--words", str(clinic.parent / "words.txt"))
    assert call(clinic, *look).returncode == 1
    announced = call(clinic, "cmrbridge", "forget", FIRST)
    assert announced.returncode == 0, announced.stderr
    assert "nothing has been done" in announced.stdout
    assert (clinic / "results/clinic/segmentation/scanners/real/unet2d/seed-0/model.safetensors").exists()
    done = call(clinic, "cmrbridge", "forget", FIRST, "--yes")
    assert done.returncode == 0, done.stderr
    listed = clinic / "results" / "forgotten.csv"
    assert listed.read_text() == f"dataset,key\nours,{key}\n"
    assert set(re.findall(r"^(\S+): its name|^(\S+):", call(clinic, *look).stdout, re.MULTILINE)) == {("", str(listed))}
    assert not list((clinic / "results").rglob("*.safetensors")), "its one network learnt from the person"
    assert call(clinic, "cmrbridge", "forget", FIRST, "--yes").returncode == 0, "nothing is left to be done"
    result = snakemake(clinic, "results/clinic/ingest/ours/subjects.csv")
    assert result.returncode == 0, result.stderr[-3000:]
    with (clinic / "results/clinic/ingest/ours/subjects.csv").open() as stream:
        subjects = {row["subject"] for row in csv.DictReader(stream)}
    assert len(subjects) == 5
    assert key not in subjects
