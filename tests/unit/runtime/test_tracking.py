"""MLflow mirrors records and journals: replays change nothing, a run goes on where it was, models carry a signature."""

import contextlib
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from cmrbridge.core.checkpoint import Paused, write_tensors
from cmrbridge.errors import InputError
from cmrbridge.runtime.job import standalone
from cmrbridge.runtime.sync import beside, mirror, sync
from reporters import silent

STUDY = Path("results ü/toy")
WEIGHTS = "3f" * 32


def add_job(folder: Path, stamp: str = "s1", steps: int = 3, model: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "job": f"train arm={folder.name}",
        "rule": "train",
        "wildcards": {"arm": folder.name, "architecture": "unet2d", "seed": "0"},
        "started": "2026-01-02T03:04:05+00:00",
        "wall_seconds": 2.5,
        "params": {"seed": 1, "settings": {"loop": {"steps": 3}, "long": "x" * 900, "odd key(§)": None}},
        "inputs": {"results/toy/data/a/training.npz": "ab" * 32, "results/toy/m.safetensors": WEIGHTS},
        "versions": {"numpy": "2"},
        "git_commit": "abc",
        "stamp": stamp,
    }
    (folder / "record.json").write_text(json.dumps(record))
    lines = [{"step": n, "total": steps, "loss": None if n == 2 else 1 / n} for n in range(1, steps + 1)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "samples.png").write_bytes(b"picture")
    if model:
        write_tensors(folder / "model.safetensors", {"w": torch.zeros(2)}, {"architecture": "unet2d"})
    return folder / "record.json"


def feed(records: list[Path], uri: str | None = None) -> list[dict[str, str]]:
    mirror(records=records, folder=STUDY, uri=uri, runs=Path("runs.csv"), report=silent)
    with open("runs.csv", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables without a row: making them takes seconds."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    uri = f"sqlite:///{path}"
    MlflowClient(uri, uri).search_experiments()
    return path


@pytest.fixture
def records(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    monkeypatch.chdir(tmp_path)
    STUDY.parent.mkdir()
    shutil.copy(empty_database, STUDY.parent)
    return [add_job(STUDY / name) for name in ("real", "dann")]


def client() -> Any:
    from mlflow import MlflowClient

    uri = f"sqlite:///{Path.cwd()}/results ü/mlflow.db"
    return MlflowClient(uri, uri)


def job_runs() -> list[Any]:
    experiment = client().get_experiment_by_name("cmrbridge")
    runs = client().search_runs([experiment.experiment_id])
    return [run for run in runs if "mlflow.parentRunId" in run.data.tags]


def losses(run_id: str) -> list[tuple[int, float]]:
    return sorted((m.step, m.value) for m in client().get_metric_history(run_id, "loss"))


def test_a_replay_neither_doubles_nor_loses(records: list[Path]) -> None:
    first = feed(records)
    assert [row["status"] for row in first] == ["done", "done"]
    assert first[0]["key"] == "results/toy/real/record.json"
    assert feed(records) == first
    add_job(records[0].parent, stamp="s2")  # the job ran again with other params
    second = feed(records)
    assert second[0]["run_id"] != first[0]["run_id"]
    assert second[1] == first[1]
    assert len(job_runs()) == 3
    run = client().get_run(first[0]["run_id"])
    assert run.info.status == "FINISHED"
    assert run.data.params["settings.loop.steps"] == "3"
    assert len(run.data.params["settings.long"]) == 500
    assert run.data.tags["rule"] == "train"
    assert run.data.metrics["wall_seconds"] == 2.5
    assert losses(run.info.run_id) == [(1, 1.0), (3, 1 / 3)]
    assert Path("results ü/artifacts").is_dir()
    assert list(Path("results ü/artifacts").rglob("samples.png")) != []
    assert not Path("mlruns").exists()
    datasets = [each.dataset for each in run.inputs.dataset_inputs]
    assert [(each.name, each.digest) for each in datasets] == [("results/toy/data/a/training.npz", "ab" * 16)]


def test_a_run_cut_short_is_filled_up(records: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("cmrbridge.runtime.entries.read_journal", lambda path: [{"step": "no number", "loss": 1.0}])
        assert [row["status"] for row in feed(records)] == ["pending", "pending"]
    rows = feed(records)
    assert [row["status"] for row in rows] == ["done", "done"]
    assert len(job_runs()) == 2
    assert len(losses(rows[0]["run_id"])) == 2


def test_segmenters_are_registered_once_with_a_signature(records: list[Path]) -> None:
    from mlflow.models import Model

    records = [add_job(STUDY / "synthetic", model=True)]
    (row,) = feed(records)
    assert feed(records) == [row]
    add_job(records[0].parent, stamp="s2", model=True)
    feed(records)
    versions = client().search_model_versions("name = 'toy-synthetic-unet2d'")
    assert sorted(int(each.version) for each in versions) == [1, 2]
    assert {each.run_id for each in versions} >= {row["run_id"]}
    kept = Path(client().download_artifacts(row["run_id"], "model"))
    assert {path.name for path in kept.iterdir()} == {"MLmodel", "model.json", "model.safetensors"}
    assert json.loads((kept / "model.json").read_text())["architecture"] == "unet2d"
    assert (kept / "model.safetensors").read_bytes() == (STUDY / "synthetic/model.safetensors").read_bytes()
    signature = Model.load(str(kept)).signature
    assert signature.inputs.inputs[0].shape == (-1, 1, -1, -1)


def test_sync_counts_and_a_damaged_record_keeps_no_other_out(
    records: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    feed(records)
    add_job(STUDY / "oracle")
    sync([STUDY], None)
    assert capsys.readouterr().out == "results ü/toy: 1 jobs fed, 2 there already, 0 pending\n"
    records[0].write_text("{")
    add_job(STUDY / "classic")
    with pytest.raises(InputError, match=r"real/record\.json: not a record"):
        sync([STUDY], None)
    assert "1 jobs fed, 2 there already" in capsys.readouterr().out


def test_odd_jobs_keep_no_other_out(records: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """However many they are: who was told in part has its turn last."""
    monkeypatch.setattr("cmrbridge.runtime.sync.FAILURES", 2)
    for name in ("a", "b", "c"):
        add_job(STUDY / name).with_name("metrics.jsonl").write_text('{"loss": 1.0}\n')
    for _ in range(3):
        with pytest.raises(InputError, match="KeyError: 'step'"):
            sync([STUDY], None)
    ended = {run.info.run_name for run in job_runs() if run.info.status == "FINISHED"}
    assert ended == {"train arm=real", "train arm=dann"}


def test_a_journal_that_cannot_be_read_keeps_no_job_out(records: list[Path]) -> None:
    from cmrbridge.runtime.entries import entries_below

    Path(STUDY, ".ill.journal.jsonl").symlink_to("/proc/self/mem")  # whoever reads it gets an I/O error
    Path(STUDY, ".odd.journal.jsonl").write_text('{"event": "start", "record": "record.json"}\n')
    entries, complaints = entries_below(STUDY)
    assert len(entries) == 2
    assert [line.partition(":")[0] for line in complaints] == [
        f"{STUDY}/.{name}.journal.jsonl" for name in ("ill", "odd")
    ]


def train(how: str, first: int) -> None:
    """Two steps from ``first`` on and a resume state, then what ``how`` says; or the last step and the end."""
    with standalone(STUDY / "long", {"seed": 1}, [], "train arm=long") as run:
        for step in range(first, 5 if how == "done" else first + 2):
            run.report(step, 4, loss=1 / step)
        write_tensors(run.resume.path, {}, {"stamp": run.stamp, "step": step})
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "fail":
            raise ZeroDivisionError("of patient007")
        if how == "pause":
            raise Paused("paused")


def train_apart(how: str, first: int) -> None:
    child = os.fork()
    if not child:
        train(how, first)
    os.waitpid(child, 0)


def test_a_job_keeps_its_run_through_kill_failure_pause_and_end(records: list[Path]) -> None:
    seen = []
    for how, first in (("kill", 1), ("fail", 2), ("pause", 3), ("done", 4)):
        with contextlib.suppress(ZeroDivisionError, Paused):
            (train_apart if how == "kill" else train)(how, first)
        sync([STUDY], None)
        (run,) = [run for run in job_runs() if run.info.run_name == "train arm=long"]
        seen.append((run.info.run_id, run.info.status, run.data.tags.get("error"), losses(run.info.run_id)))
    assert len({run_id for run_id, _, _, _ in seen}) == 1
    assert [status for _, status, _, _ in seen] == ["KILLED", "FAILED", "SCHEDULED", "FINISHED"]
    # the kind of an error alone: its text may name a patient
    assert [error for _, _, error, _ in seen] == [None, "ZeroDivisionError", "", ""]
    assert [len(lines) for _, _, _, lines in seen] == [2, 3, 4, 4], "a step that comes again counts once"
    assert run.data.metrics["peak_memory_mb"] > 0


def test_curves_grow_while_a_job_runs(records: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from cmrbridge.runtime.entries import entries_below
    from cmrbridge.runtime.sync import Feed

    monkeypatch.setattr("cmrbridge.runtime.machine.BETWEEN_SAMPLES", 0.0)
    feed = Feed(STUDY, beside(STUDY))
    with standalone(STUDY / "long", {"seed": 1}, [], "train") as run:
        for step in (1, 2, 3):
            run.report(step, 3, loss=1.0)
            assert feed.update(entries_below(STUDY)[0]) is None
            assert feed.counts["running"] == 1
            (found,) = [each for each in job_runs() if each.info.status == "RUNNING"]
            assert len(losses(found.info.run_id)) == step
            assert found.data.metrics["system/cpu_percent"] >= 0
    assert feed.update(entries_below(STUDY)[0]) is None
    assert feed.counts == Counter(fed=1)
    assert client().get_run(found.info.run_id).info.status == "FINISHED"
    assert feed.update(entries_below(STUDY)[0]) is None
    assert feed.counts == Counter()


def test_a_job_that_nobody_watched_has_its_curves_of_the_machine(
    records: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmrbridge.runtime.machine.BETWEEN_SAMPLES", 0.0)
    train("done", 1)
    sync([STUDY], None)
    (run,) = [run for run in job_runs() if run.info.run_name == "train arm=long"]
    curve = client().get_metric_history(run.info.run_id, "system/cpu_percent")
    assert [point.step for point in curve] == [1, 2, 3, 4]


def test_jobs_without_a_record_are_left_out(records: list[Path]) -> None:
    from cmrbridge.runtime.entries import entries_below

    journal = {"event": "start", "job": "draw", "stamp": "s", "started": "2026-01-02T03:04:05+00:00", "record": None}
    (STUDY / ".figure.png.journal.jsonl").write_text(json.dumps(journal) + "\n")
    assert len(entries_below(STUDY)[0]) == 2


def test_ctrl_c_ends_the_watch_without_a_word(records: list[Path]) -> None:
    command = [sys.executable, "-m", "cmrbridge", "sync", "--follow", str(STUDY)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("MLFLOW_TRACKING_URI", None)
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    hearing = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a background job's children are born deaf to it
    with subprocess.Popen(command, env=environment, preexec_fn=hearing, **pipes) as watch:
        assert watch.stdout is not None
        assert watch.stdout.readline() == "results ü/toy: 2 jobs fed, 0 there already, 0 pending\n"
        watch.send_signal(signal.SIGINT)
        _, wrong = watch.communicate(timeout=60)
    assert (watch.returncode, "Traceback" in wrong) == (0, False)
