"""The set-up's files agree with one another, and name no machine."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def locked(name: str) -> set[str]:
    lines = (ROOT / "envs" / name).read_text().splitlines()
    return {re.split(r"[=\[]", line)[0].lower() for line in lines if line and not line.startswith("-r")}


def test_every_dependency_is_in_the_lock() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {re.split(r"[<>=\[; ]", one)[0].lower() for one in wanted}
    assert names <= locked("requirements.txt")


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-nnunet.txt", "requirements-docs.txt"])
def test_the_lock_pins_exactly_and_names_no_host_or_build(lock: str) -> None:
    text = (ROOT / "envs" / lock).read_text()
    assert all(re.fullmatch(r"[\w.\-\[\]]+==[\w.]+( ;.*)?", line) for line in text.splitlines())


def test_the_slurm_lock_extends_the_other() -> None:
    assert "-r requirements.txt" in (ROOT / "envs" / "requirements-slurm.txt").read_text()
    assert "snakemake-executor-plugin-slurm" in locked("requirements-slurm.txt")


@pytest.mark.parametrize(
    ("view", "lock"), [("environment.yaml", "requirements.txt"), ("nnunet.yaml", "requirements-nnunet.txt")]
)
def test_the_conda_view_is_the_lock(view: str, lock: str) -> None:
    environment = yaml.safe_load((ROOT / "envs" / view).read_text())
    assert environment["dependencies"][-1] == {"pip": [f"-r {lock}"]}


def test_nnunet_is_locked_without_torchvision_and_with_our_torch() -> None:
    texts = [
        (ROOT / "envs" / name).read_text().splitlines() for name in ("requirements.txt", "requirements-nnunet.txt")
    ]
    ours, its = ({line for line in lines if line.startswith("torch==")} for lines in texts)
    assert ours == its
    assert {"nnunetv2", "safetensors"} <= locked("requirements-nnunet.txt")
    assert "torchvision" not in locked("requirements-nnunet.txt")


def test_no_tracked_file_is_data_or_names_this_machine() -> None:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    assert files
    assert not [name for name in files if name.endswith((".nii", ".nii.gz", ".npz", ".safetensors", ".pt", ".db"))]
    texts = [path for name in files if (path := ROOT / name).suffix in {".py", ".smk", ".yaml", ".sh", ".toml", ".txt"}]
    own = Path(__file__)
    machine = re.compile(r"/work/|/root/|/opt/")
    assert not [path for path in texts if path != own and path.exists() and machine.search(path.read_text())]
