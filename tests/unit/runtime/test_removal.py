"""Runs taken out of MLflow's database for good: rows, artifacts, models, and the bytes of freed pages."""

import os
from pathlib import Path

import pytest
import torch

from cmrbridge.core.checkpoint import write_tensors
from cmrbridge.runtime.job import standalone
from cmrbridge.runtime.removal import remove_runs
from cmrbridge.runtime.sync import beside, sync

STUDY = Path("results ü/toy")


@pytest.mark.parametrize("moved", [False, True], ids=["in place", "results moved since"])
def test_a_job_s_run_goes_with_all_its_bytes_and_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name in ("gone", "kept"):
        folder = STUDY / name
        with standalone(folder, {"marker": f"marker-of-{name}"}, [], name) as run:
            write_tensors(folder / "model.safetensors", {"w": torch.zeros(2)}, {"architecture": "unet2d"})
            (folder / "samples.png").write_bytes(f"picture of {name}".encode())
            run.report(1, 1, loss=0.5)
    sync([STUDY], None)
    if moved:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "results ü").rename(tmp_path / "elsewhere" / "results ü")
        monkeypatch.chdir(tmp_path / "elsewhere")
    keys = ["results/toy/gone/record.json"]
    assert remove_runs(beside(STUDY), STUDY, keys) == 1
    assert remove_runs(beside(STUDY), STUDY, keys) == 0
    held = b"".join(path.read_bytes() for path in _files(STUDY.parent) if STUDY not in path.parents)
    assert b"marker-of-kept" in held
    assert b"picture of kept" in held
    assert b"marker-of-gone" not in held
    assert b"picture of gone" not in held


def test_where_there_is_no_database_none_is_made(tmp_path: Path) -> None:
    assert remove_runs(beside(tmp_path / "toy"), tmp_path / "toy", ["results/toy/x/record.json"]) == 0
    assert os.listdir(tmp_path) == []


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
