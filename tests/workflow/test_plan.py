"""The Snakefile as a user meets it before any job: errors that name the key, and a parse that stays light."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SNAKEMAKE = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]


def plan(folder: Path, overlay: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Dry-run in an empty folder with this overlay."""
    path = folder / "overlay.yaml"
    path.write_text(overlay)
    return subprocess.run(
        [*SNAKEMAKE, "--directory", str(folder), "--configfile", str(path), "--cores", "1", "-n"],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize(
    ("overlay", "words"),
    [
        ("sedes: [1]", ["sedes"]),  # by the schema
        ("run: {arms: [real, clasic]}", ["clasic", "run.arms", "classic"]),  # by the study
        ("judge: dann", ["judge", "dann"]),  # by the rules
    ],
)
def test_a_wrong_config_is_refused_and_names_what_is_wrong(tmp_path: Path, overlay: str, words: list[str]) -> None:
    """Whatever refuses it; what is refused stands in tests/unit/plan/test_refused.py."""
    result = plan(tmp_path, overlay)
    assert result.returncode != 0
    assert all(word in result.stderr + result.stdout for word in words), result.stderr
    assert not (tmp_path / "results").exists()


def test_a_ratio_of_zero_is_the_arm_without_generated_pairs(tmp_path: Path) -> None:
    overlay = "arms: {synthetic: {synthetic: {ratio: 0}}}\nrun: {arms: [real, classic, synthetic], seeds: [0]}"
    result = plan(tmp_path, overlay)
    assert result.returncode == 0, result.stderr
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", result.stdout + result.stderr, flags=re.MULTILINE))
    assert (jobs["train_segmenter"], jobs["predict"]) == ("2", "3")
    assert not {"train_masks", "train_synthesis", "render_shard"} & jobs.keys()


def test_an_arm_can_ask_for_the_generator_as_it_was(tmp_path: Path) -> None:
    overlay = """
synthesis: {train: {keep: [100, 200]}}
arms: {early: {augment: classic, synthetic: {generator: spade, ratio: 1, step: 200}}}
run: {arms: [real, classic, synthetic, early], seeds: [0]}
"""
    result = plan(tmp_path, overlay)
    assert result.returncode == 0, result.stderr
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", result.stdout + result.stderr, flags=re.MULTILINE))
    assert (jobs["train_synthesis"], jobs["render_shard"], jobs["measure_generators"]) == ("1", "2", "2")


def test_a_missing_data_folder_names_the_path_and_how_to_get_the_data(tmp_path: Path) -> None:
    overlay = (ROOT / "studies" / "acdc_sunnybrook.yaml").read_text()
    result = plan(tmp_path, overlay, CMRBRIDGE_DATA=str(tmp_path / "nothing"))
    assert result.returncode != 0
    assert f"{tmp_path}/nothing/acdc" in result.stderr + result.stdout
    assert "register" in result.stderr + result.stdout


def test_an_unset_data_variable_is_named(tmp_path: Path) -> None:
    overlay = (ROOT / "studies" / "acdc_sunnybrook.yaml").read_text().replace("CMRBRIDGE_DATA", "CMRBRIDGE_NOWHERE")
    result = plan(tmp_path, overlay)
    assert result.returncode != 0
    assert "CMRBRIDGE_NOWHERE is not set" in result.stderr + result.stdout


def test_a_data_set_is_downloaded_where_it_is_not_there(tmp_path: Path) -> None:
    """Once it is, no rule makes it: Snakemake would empty its folder before it ran such a rule again."""
    overlay = """
datasets: {acdc: {reader: acdc, path: "${CMRBRIDGE_NOWHERE}/acdc", download: acdc}}
domains: {siemens: {dataset: acdc, where: {vendor: Siemens}}}
scenarios: {scanners: {source: siemens, unlabelled: [borealis]}}
"""
    for there in (False, True):
        if there:
            (tmp_path / "data" / "acdc").mkdir(parents=True)
        result = plan(tmp_path, overlay)
        assert result.returncode == 0, result.stderr + result.stdout
        assert bool(re.search(r"^download +1$", result.stdout + result.stderr, flags=re.MULTILINE)) != there


@pytest.mark.parametrize("profile", ["default", "slurm"])
def test_the_demo_plans_with_each_profile(tmp_path: Path, profile: str) -> None:
    knobs = ROOT / "profiles" / profile
    if profile == "slurm":  # its executor is an extra; what is planned does not depend on it
        text = (knobs / "config.yaml").read_text().replace("executor: slurm\n", "")
        knobs = tmp_path / "slurm"
        knobs.mkdir()
        (knobs / "config.yaml").write_text("\n".join(x for x in text.splitlines() if not x.startswith("slurm-")))
    result = subprocess.run(
        [*SNAKEMAKE, "--directory", str(tmp_path), "--workflow-profile", str(knobs), "-n", "--cores", "1"],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert "train_segmenter" in result.stdout + result.stderr


@pytest.mark.parametrize(("attempt", "times"), [(2, 2), (40, 3)])
def test_a_later_attempt_asks_for_more_memory_and_time_a_training_for_memory_alone(
    attempt: int, times: int, tmp_path: Path
) -> None:
    result = subprocess.run(
        [*SNAKEMAKE, "--directory", str(tmp_path), "-n", "--cores", "1", "--attempt", str(attempt)],
        capture_output=True,
        text=True,
    )
    blocks = re.split(r"^(?:local)?rule ", result.stdout + result.stderr, flags=re.MULTILINE)
    asked = {block.partition(":")[0]: block for block in blocks}
    assert {f"mem_mb={8000 * times}", "runtime=1440"} <= set(re.split(r"[ ,\n]+", asked["train_segmenter"]))
    assert {f"mem_mb={4000 * times}", f"runtime={60 * times}"} <= set(re.split(r"[ ,\n]+", asked["evaluate"]))


def test_planning_loads_no_heavy_library(tmp_path: Path) -> None:
    code = (
        "import sys; from snakemake.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print('LOADED', sorted({'torch', 'monai', 'mlflow', 'diffusers', 'nibabel', 'scipy'} & set(sys.modules)))"
    )
    arguments = ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(tmp_path), "-n", "--cores", "1"]
    result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert "LOADED []" in result.stdout, result.stderr


@pytest.mark.parametrize("preset", ["cpu", "gpu"])
def test_the_real_study_plans_at_every_size(tmp_path: Path, preset: str) -> None:
    for name in ("acdc", "sunnybrook"):
        (tmp_path / "data" / name).mkdir(parents=True)
    overlay = (ROOT / "studies" / "acdc_sunnybrook.yaml").read_text().replace("preset: cpu", f"preset: {preset}")
    result = plan(tmp_path, overlay, CMRBRIDGE_DATA=str(tmp_path / "data"))
    assert result.returncode == 0, result.stdout + result.stderr
    assert ("gpu=1" in result.stdout + result.stderr) == (preset == "gpu")
