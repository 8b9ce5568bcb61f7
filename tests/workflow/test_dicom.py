"""A folder of DICOM in a study: converted by a rule of its own, then ingested like any manifest."""

import csv
import subprocess
import sys
from pathlib import Path

from scans import HABITS, NAME, PATIENT, beating, export, oblique

ROOT = Path(__file__).parents[2]
OVERLAY = """
study: clinic
datasets: {clinic: {reader: dicom, path: "IN", subjects_by: study}}
domains: {clinic: {dataset: clinic}}
scenarios: {scanners: {unlabelled: [clinic]}}
"""


def test_dicom_becomes_images_without_labels(tmp_path: Path) -> None:
    for vendor in ("Philips", "Siemens"):
        export(tmp_path / "in" / vendor, beating(), oblique(), HABITS[vendor], study=f"1.2.{ord(vendor[0])}")
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(OVERLAY.replace("IN", str(tmp_path / "in")))
    told = ["--directory", str(tmp_path), "--configfile", str(overlay), "--cores", "1"]
    target = tmp_path / "results/clinic/ingest/clinic/subjects.csv"
    run = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), *told]
    result = subprocess.run([*run, str(target.relative_to(tmp_path))], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    rows = list(csv.DictReader(target.open()))
    assert sorted((row["vendor"], row["phase"], row["annotated"]) for row in rows) == [
        ("Philips", "ED", ""),
        ("Philips", "ES", ""),
        ("Siemens", "ED", ""),
        ("Siemens", "ES", ""),
    ]
    texts = [path for path in (tmp_path / "results").rglob("*") if path.suffix in {".csv", ".json", ".jsonl", ".txt"}]
    written = "".join(path.read_text() for path in texts) + result.stdout + result.stderr
    assert not [planted for planted in (*NAME.split("^"), PATIENT, "19610203") if planted in written]
