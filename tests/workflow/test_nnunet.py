"""The real nnU-Net end to end through Snakemake: two epochs of a few batches on a tiny phantom, in 2-D and in 3-D."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

pytestmark = pytest.mark.whole

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-nnunet/bin/python"
STUDY = """
study: caged
datasets:
  phantom: {scanners: [aurora, eclipse], subjects: 4}
  clinic: {reader: phantom, scanners: [corona], subjects: 1, seed: 7}
domains: {clinic: {dataset: clinic}}
apply: {domains: [clinic], arms: [classic]}
split: {train: 0.5, val: 0.25}
scenarios: {scanners: {source: aurora, unlabelled: [], targets: [eclipse]}}
run: {arms: [classic], architectures: [nnunet2d, nnunet3d], seeds: [0]}
comparisons: {reference: classic, primary_arm: classic}
image: {size: 32, spacing_mm: 5.0}
nnunet: {python: PYTHON, epochs: 2, iterations: 2, validation_iterations: 1, memory_gb: 0.1}
"""


def snakemake(folder: Path, study: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "study.yaml").write_text(study.replace("PYTHON", str(PYTHON)))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    command += ["--configfile", str(folder / "study.yaml"), "--cores", "2", *arguments]
    return subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)


@pytest.mark.skipif(not PYTHON.exists(), reason="nnU-Net's environment is not there: make nnunet-env")
def test_nnunet_runs_end_to_end_and_leaves_nothing_of_its_own(tmp_path: Path) -> None:
    result = snakemake(tmp_path, STUDY)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
    results = tmp_path / "results" / "caged"
    cases = pd.read_csv(results / "evaluation" / "cases.csv")
    assert set(cases.architecture) == {"nnunet2d", "nnunet3d"}
    assert set(cases.target) == {"aurora", "eclipse"}
    applied = pd.read_csv(results / "applied" / "hearts.csv")
    assert set(applied.architecture) == {"nnunet2d", "nnunet3d"}
    trained = list(results.glob("segmentation/*/*/*/*"))
    assert len(trained) == 2
    for folder in trained:
        kept = {path.name for path in folder.iterdir()}
        assert kept == {"model.safetensors", "metrics.jsonl", "record.json", "log.txt", "benchmark.tsv"}
        assert '"val_dice"' in (folder / "metrics.jsonl").read_text()
        assert str(PYTHON) not in (folder / "record.json").read_text()  # where it lies changes no result
    moved = STUDY.replace(" iterations: 2,", " iterations: 3,")
    planned = snakemake(tmp_path, moved, "-n")
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", planned.stdout + planned.stderr, flags=re.MULTILINE))
    assert (jobs["train_nnunet"], jobs["predict_nnunet"]) == ("2", "2")
    assert "ingest" not in jobs
    assert "Nothing to be done" in "".join([(again := snakemake(tmp_path, STUDY, "-n")).stdout, again.stderr])


def test_without_its_environment_the_study_is_refused_before_any_job(tmp_path: Path) -> None:
    result = snakemake(tmp_path, STUDY.replace("PYTHON", str(tmp_path / "nowhere")))
    assert result.returncode != 0
    assert "make nnunet-env" in result.stdout + result.stderr
    assert not (tmp_path / "results").exists()
