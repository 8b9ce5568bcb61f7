"""A hospital's files come into the study under keys, through the rule; what all of it leaves is test_privacy.py's."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

from planted import WORDS, hospital

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
"""


def call(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True)


def test_files_are_admitted_without_a_name(tmp_path: Path) -> None:
    data, work = hospital(tmp_path / "in", ("aurora", "borealis"), 1), tmp_path / "work"
    work.mkdir()
    (work / "overlay.yaml").write_text(OVERLAY.replace("IN", str(data)))
    (tmp_path / "words.txt").write_text("\n".join(WORDS))
    table = work / "results" / "clinic" / "ingest" / "ours" / "subjects.csv"
    command = ["snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "1", "--configfile", "overlay.yaml"]
    result = call(work, *command, "--", str(table.relative_to(work)))
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    assert (work / "results" / "clinic" / "admitted" / "ours" / "record.json").exists()
    with table.open(encoding="utf-8") as stream:
        subjects = {row["subject"] for row in csv.DictReader(stream)}
    assert [bool(re.fullmatch("s[0-9a-f]{12}", name)) for name in subjects] == [True, True]
    told = [call(tmp_path, "cmrbridge", "scan", str(folder), "--words", "words.txt").stdout for folder in (data, work)]
    assert told[0] != "", "they are there to be found"
    assert told[1] == ""
