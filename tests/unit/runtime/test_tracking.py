"""MLflow mirrors the records: replays change nothing, an outage loses nothing and fails nothing."""

import csv
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cmrbridge.runtime.tracking import mirror


def quiet(step: int, total: int | None = None, **values: float) -> None:
    pass


def add_job(folder: Path, stamp: str = "s1", steps: int = 3) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "job": f"train arm={folder.name}",
        "rule": "train",
        "wildcards": {"arm": folder.name},
        "started": "2026-01-02T03:04:05+00:00",
        "wall_seconds": 2.5,
        "params": {"seed": 1, "settings": {"loop": {"steps": 3}, "long": "x" * 900, "odd key(§)": None}},
        "versions": {"numpy": "2"},
        "git_commit": "abc",
        "stamp": stamp,
    }
    (folder / "record.json").write_text(json.dumps(record))
    lines = [{"step": n, "total": steps, "loss": None if n == 2 else 1 / n} for n in range(1, steps + 1)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "samples.png").write_bytes(b"picture")
    return folder / "record.json"


def feed(records: list[Path], uri: str) -> list[dict[str, str]]:
    mirror(
        records=records,
        metrics=[path.with_name("metrics.jsonl") for path in records],
        artifacts=[path.with_name("samples.png") for path in records],
        study="toy",
        uri=uri,
        runs=Path("runs.csv"),
        report=quiet,
    )
    with open("runs.csv", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    monkeypatch.chdir(tmp_path)
    return [add_job(Path("results ü") / name) for name in ("real", "dann")]


URI = "sqlite:///tracking ü/mlflow.db"


def client() -> Any:
    from mlflow import MlflowClient

    uri = f"sqlite:///{Path.cwd()}/tracking ü/mlflow.db"
    return MlflowClient(uri, uri)


def test_a_replay_neither_doubles_nor_loses(records: list[Path]) -> None:
    first = feed(records, URI)
    assert [row["status"] for row in first] == ["done", "done"]
    assert first[0]["key"] == "results ü/real/record.json"
    assert feed(records, URI) == first
    add_job(records[0].parent, stamp="s2")  # the job ran again with other params
    second = feed(records, URI)
    assert second[0]["run_id"] != first[0]["run_id"]
    assert second[1] == first[1]
    experiment = client().get_experiment_by_name("cmrbridge")
    runs = client().search_runs([experiment.experiment_id])
    assert Counter("mlflow.parentRunId" in run.data.tags for run in runs) == {False: 1, True: 3}
    run = client().get_run(first[0]["run_id"])
    assert run.data.params["settings.loop.steps"] == "3"
    assert len(run.data.params["settings.long"]) == 500
    assert run.data.tags["rule"] == "train"
    assert run.data.metrics["wall_seconds"] == 2.5
    assert [(m.step, m.value) for m in client().get_metric_history(run.info.run_id, "loss")] == [(1, 1.0), (3, 1 / 3)]
    assert Path("tracking ü/artifacts").is_dir()
    assert list(Path("tracking ü/artifacts").rglob("samples.png")) != []
    assert not Path("mlruns").exists()


def test_a_run_cut_short_is_fed_anew(records: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("cmrbridge.runtime.entries.read_journal", lambda path: [{"step": "no number", "loss": 1.0}])
        assert [row["status"] for row in feed(records, URI)] == ["pending", "pending"]
    rows = feed(records, URI)
    assert [row["status"] for row in rows] == ["done", "done"]
    assert len(client().get_metric_history(rows[0]["run_id"], "loss")) == 2


def test_an_outage_is_a_warning(records: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    start = time.monotonic()
    rows = feed(records, "http://127.0.0.1:9")
    assert [row["status"] for row in rows] == ["pending", "pending"]
    assert "2 of 2 jobs did not reach MLflow" in capsys.readouterr().err
    assert time.monotonic() - start < 30
