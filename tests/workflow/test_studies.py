"""What a user adds to a study, and how little of it: an arm in three lines, a data set in a manifest and ten."""

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from cmrbridge.cli import main
from cmrbridge.data.phantom.generate import PhantomSettings, generate_phantom

ROOT = Path(__file__).parents[2]
MEASURED = ROOT / "docs" / "results" / "data" / "plan_phantom.csv"  # `make plan` before, and what the study then took
NEW_ARM = """\
arms: {blurred: {augment: mild, mixstyle: {chance: 0.5, alpha: 0.1}}}
run: {arms: [classic, blurred], seeds: [0]}
comparisons: {reference: classic, primary_arm: blurred}
"""
NEW_DATA = """\
study: mine
datasets:
  ours: {reader: manifest, path: "%s", licence: internal}
domains:
  ours_a: {dataset: ours, where: {vendor: A}}
  ours_b: {dataset: ours, where: {vendor: B}}
scenarios:
  a_to_b: {source: ours_a, unlabelled: [ours_b], targets: [ours_b]}
run: {scenarios: [a_to_b]}
comparisons: {primary_target: ours_b}
"""


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", *arguments, "--snakefile", str(ROOT / "Snakefile"), "--cores", "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
    result = subprocess.run(
        [*command, "--directory", str(folder), "--configfile", str(folder / "overlay.yaml")],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result


def jobs(result: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """Rule → jobs that a dry run counts."""
    text = result.stdout + result.stderr
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", text, flags=re.MULTILINE)}


def estimate(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Jobs that the estimate counts, and all that it prints."""
    rates, snakefile = ROOT / "resources" / "rates.tsv", ROOT / "Snakefile"
    with contextlib.chdir(folder):
        assert main(["plan", "overlay.yaml", "--cores", "2", "--rates", str(rates), "--snakefile", str(snakefile)]) == 0
    told = capsys.readouterr().out
    total = re.search(r"^total +(\d+) ", told, flags=re.MULTILINE)
    assert total is not None
    return int(total[1]), told


def test_a_new_arm_is_three_lines_of_yaml_and_the_estimate_counts_its_jobs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert NEW_ARM.count("\n") == 3
    (tmp_path / "overlay.yaml").write_text(NEW_ARM)
    result = snakemake(tmp_path, "-n")
    planned = jobs(result)
    assert {planned[rule] for rule in ("train_segmenter", "predict", "evaluate")} == {2}  # classic and the new arm
    assert estimate(tmp_path, capsys)[0] == planned["total"] - 1, "all of them but for the rule `all`"


def test_a_new_data_set_is_a_manifest_and_ten_lines_of_yaml(tmp_path: Path) -> None:
    assert NEW_DATA.count("\n") == 10
    files = tmp_path / "files"
    settings = PhantomSettings(scanners=("aurora", "borealis"), subjects=2)
    generate_phantom(settings=settings, folder=files, report=lambda *_, **__: None)
    (tmp_path / "overlay.yaml").write_text(NEW_DATA % files)
    planned = jobs(snakemake(tmp_path, "-n"))
    assert (planned["ingest"], planned["split_domain"], planned["report"]) == (1, 2, 1)
    assert "phantom" not in planned, "nothing of the demo's data is made"
    table = tmp_path / "results/mine/ingest/ours/subjects.csv"
    snakemake(tmp_path, str(table.relative_to(tmp_path)))
    assert pd.read_csv(table).vendor.value_counts().to_dict() == {"A": 4, "B": 4}


@pytest.mark.parametrize("name", ["wong2025", "li2025", "capstone2024"])
def test_every_study_is_planned_and_priced_before_it_starts(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the phantom and a CPU no job is without a rate, and nnU-Net, where the study has it, need not be there yet."""
    (tmp_path / "overlay.yaml").write_text(
        (ROOT / "studies" / f"{name}.yaml").read_text() + "nnunet: {python: nowhere}\n"
    )
    count, told = estimate(tmp_path, capsys)
    assert count > 100
    assert "no rate" not in told
    assert ("run `make nnunet-env` before the study" in told) == (name != "li2025")
    assert not (tmp_path / "results").exists()
    measured = pd.read_csv(MEASURED, index_col="study").cpu_hours[name]
    hours = re.search(r"^CPU hours ([0-9.]+);", told, flags=re.MULTILINE)
    assert hours is not None
    assert 0.5 <= float(hours[1]) / measured <= 2
