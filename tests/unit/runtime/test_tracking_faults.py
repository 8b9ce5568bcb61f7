"""Whatever MLflow does, no training waits for it, and nothing that a job wrote is lost: when it is back, all is fed."""

import json
import multiprocessing
import os
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from cmrbridge.core.checkpoint import write_tensors
from cmrbridge.core.loop import LoopSettings, fit
from cmrbridge.errors import InputError
from cmrbridge.runtime.entries import entries_below
from cmrbridge.runtime.job import standalone
from cmrbridge.runtime.sync import Feed, beside, sync
from faults import Tell
from mlflow_servers import free_port, hanging, mlflow_server, proxy

pytestmark = pytest.mark.long

STUDY = Path("results/toy")
JOBS = 6
LONGEST = 90.0  # seconds that a mirror may take to give up a server; 23 where a machine has nothing else to do


def add_job(name: str) -> None:
    folder = STUDY / name
    folder.mkdir(parents=True)
    record = {
        "job": f"train {name}",
        "wildcards": {"arm": name, "architecture": "unet2d"},
        "started": "2026-01-02T03:04:05+00:00",
        "wall_seconds": 2.5,
        "params": {"seed": 1},
        "inputs": {"training.npz": "ab" * 32},
        "stamp": name,
    }
    (folder / "record.json").write_text(json.dumps(record))
    (folder / "metrics.jsonl").write_text("".join(f'{{"step": {n}, "loss": {1 / n}}}\n' for n in (1, 2, 3)))
    write_tensors(folder / "model.safetensors", {"w": torch.zeros(2)}, {"architecture": "unet2d"})


@pytest.fixture(autouse=True)
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A study of its own per test: its name is in the paths of a server that all share."""
    monkeypatch.chdir(tmp_path)
    for number in range(JOBS):
        add_job(f"arm{number}")


def update(feed: Feed) -> Exception | None:
    return feed.update(entries_below(feed.folder)[0])


def assert_all_there(uri: str, name: str = STUDY.name) -> None:
    """Every job once, ended, with all its metrics, data sets and a registered model."""
    from mlflow import MlflowClient

    client = MlflowClient(uri, uri)
    experiment = client.get_experiment_by_name("cmrbridge").experiment_id
    found = client.search_runs([experiment], f"tags.\"cmrbridge.key\" LIKE 'results/{name}/%'")
    assert Counter(run.info.run_name for run in found) == Counter(f"train arm{n}" for n in range(JOBS))
    for run in found:
        assert run.info.status == "FINISHED"
        assert [m.value for m in client.get_metric_history(run.info.run_id, "loss")] == [1.0, 0.5, 1 / 3]
        assert [each.dataset.name for each in run.inputs.dataset_inputs] == ["training.npz"]
        assert len(client.search_model_versions(f"run_id = '{run.info.run_id}'")) == 1


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlflow_server(tmp_path_factory.mktemp("server")) as address:
        yield address


def gives_up(uri: str, folder: Path = STUDY) -> float:
    """Seconds until the mirror has given up and says that every job is pending."""
    import mlflow  # noqa: F401 (which takes seconds by itself)

    feed = Feed(folder, uri)
    begun = time.monotonic()
    assert update(feed) is not None
    assert feed.counts["pending"] == JOBS
    assert feed.runs == {}
    seconds = time.monotonic() - begun
    print(f"gave up after {seconds:.1f} s")
    assert seconds < LONGEST
    return seconds


def as_study(name: str) -> Path:
    """The study under another name: all tests share one server."""
    return STUDY.rename(f"results/{name}")


def assert_made_up_for(server: str, folder: Path) -> None:
    """The next look, at a server that is well, brings everything."""
    assert update(Feed(folder, server)) is None
    assert_all_there(server, folder.name)


def test_dead_at_the_start(server: str, faults: Tell) -> None:
    folder = as_study("dead")
    gives_up(f"http://127.0.0.1:{free_port()}", folder)
    assert_made_up_for(server, folder)
    faults("MLflow dead at the start: all is fed when it is back", tried=1, survived=1)


def test_hanging(server: str, faults: Tell) -> None:
    folder = as_study("hanging")
    with hanging() as uri:
        assert gives_up(uri, folder) >= 10
    assert_made_up_for(server, folder)
    faults("MLflow hangs: all is fed when it is back", tried=1, survived=1)


def test_every_answer_is_a_500(server: str, faults: Tell) -> None:
    folder = as_study("ill")
    with proxy(status=500) as (uri, _):
        gives_up(uri, folder)
    assert_made_up_for(server, folder)
    faults("MLflow answers everything with a 500: all is fed when it is back", tried=1, survived=1)


@pytest.mark.parametrize("requests", [4, 9, 23])
def test_dying_in_the_middle(server: str, requests: int, faults: Tell) -> None:
    """After so many requests; what had arrived is completed, not doubled, when the server is back."""
    folder = as_study(f"dying{requests}")
    with proxy(upstream=server.removeprefix("http://"), left=requests) as (uri, handler):
        feed = Feed(folder, uri)
        assert update(feed) is not None
        assert 0 < feed.counts["pending"] <= JOBS
        handler.left = 10_000
        assert update(feed) is None
        assert feed.counts["pending"] == 0
    assert_all_there(server, folder.name)
    faults("MLflow dies in the middle: all is fed, and once, when it is back", tried=1, survived=1)


@pytest.mark.parametrize(
    "about",
    [{"lost": 5}, {"asked": "runs/create", "deaf": 1}, {"asked": "model-versions/create", "deaf": 2}],
    ids=["every fifth", "the study's run", "a model's version, twice"],
)
def test_lost_replies_double_nothing(server: str, about: dict[str, Any], faults: Tell) -> None:
    """MLflow's client asks again for what was made already: the study's run, a job's, a model's version."""
    from mlflow import MlflowClient

    folder = as_study(f"lossy{about.get('asked', '').partition('/')[0]}")
    with proxy(upstream=server.removeprefix("http://"), left=100_000, **about) as (uri, _):
        feed = Feed(folder, uri)
        assert any(update(feed) is None for _ in range(10))
    assert_made_up_for(server, folder)
    client = MlflowClient(server, server)
    experiment = client.get_experiment_by_name("cmrbridge").experiment_id
    (above,) = client.search_runs([experiment], f"tags.\"cmrbridge.key\" = '{folder.name}'")
    assert above.info.status == "FINISHED"
    faults("MLflow's replies get lost: nothing is there twice", tried=1, survived=1)


def test_a_password_in_the_address_is_told_to_nobody(server: str, capfd: pytest.CaptureFixture[str]) -> None:
    """MLflow's client prints the address of every run that it ends."""
    sync([as_study("secret")], server.replace("//", "//user:hunter@2@"))
    with pytest.raises(InputError, match="MLflow") as told:
        sync([Path("results/secret")], f"http://user:hunter@2@127.0.0.1:{free_port()}")
    assert not [one for one in ("hunter", "@127") if one in "".join([*capfd.readouterr(), str(told.value)])]


def test_a_server_gets_everything_and_a_replay_changes_nothing(server: str) -> None:
    from mlflow.models import get_model_info

    assert update(Feed(STUDY, server)) is None
    assert_all_there(server)
    again = Feed(STUDY, server)
    assert update(again) is None
    assert again.counts == Counter(there=JOBS)
    assert_all_there(server)
    os.environ["MLFLOW_TRACKING_URI"] = server
    try:
        assert get_model_info("models:/toy-arm0-unet2d/1").signature.outputs.inputs[0].shape == (-1, 4, -1, -1)
    finally:
        del os.environ["MLFLOW_TRACKING_URI"]


def test_a_locked_database(monkeypatch: pytest.MonkeyPatch, faults: Tell) -> None:
    monkeypatch.setattr("cmrbridge.runtime.tracking.LOCKED", 1.0)
    uri = beside(STUDY)
    with sqlite3.connect("results/mlflow.db", isolation_level=None) as stranger:
        stranger.execute("BEGIN EXCLUSIVE")
        assert gives_up(uri) >= 1
        stranger.rollback()
    assert update(Feed(STUDY, uri)) is None
    assert_all_there(f"sqlite:///{Path.cwd()}/results/mlflow.db")
    faults("MLflow's database locked by a stranger: all is fed when it is free", tried=1, survived=1)


def open_with_others(start: Any) -> None:
    start.wait(300)
    failure = update(Feed(STUDY, beside(STUDY)))
    if failure:
        raise failure


@pytest.mark.parametrize("count", [4, 24])
def test_many_processes_open_a_fresh_database_at_once(
    count: int, monkeypatch: pytest.MonkeyPatch, faults: Tell
) -> None:
    """Each has its turn, and a training beside that database neither waits for its own nor ends otherwise."""
    import mlflow.store.model_registry.sqlalchemy_store
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401 (before the fork, so that all start at the same instant)

    monkeypatch.setattr("cmrbridge.runtime.tracking.PATIENCE", 1200.0)  # the machine may be busy with other tests
    context = multiprocessing.get_context("fork")
    start = context.Barrier(count + 1)
    processes = [context.Process(target=open_with_others, args=(start,)) for _ in range(count)]
    for process in processes:
        process.start()
    start.wait(300)
    beside_them = weights(Path("results/other/long"))
    assert any(process.is_alive() for process in processes), "the training ended last"
    for process in processes:
        process.join(1200)
    survived = sum(process.exitcode == 0 for process in processes)
    assert torch.equal(weights(Path("elsewhere")), beside_them)
    assert_all_there(f"sqlite:///{Path.cwd()}/results/mlflow.db")
    faults(f"{count} processes open a fresh MLflow database: all is there once", tried=count, survived=survived)


def weights(folder: Path) -> torch.Tensor:
    torch.manual_seed(0)
    network = torch.nn.Linear(8, 1)
    settings = LoopSettings(steps=40, learning_rate=0.1, report_every=1)
    with standalone(folder, {"seed": 1}, [], "train") as run:

        def loss_at(step: int, generator: torch.Generator) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
            return network(torch.randn(4, 8, generator=generator)).square().mean(), {}

        fit(loss_at, network, settings=settings, seed=1, device="cpu", report=run.report, resume=run.resume)
    return network.weight.detach()


def test_a_training_neither_waits_for_a_hanging_mirror_nor_ends_otherwise(faults: Tell) -> None:
    alone = weights(Path("elsewhere"))
    with hanging() as uri:
        mirror = threading.Thread(target=update, args=(Feed(STUDY, uri),))
        mirror.start()
        beside_it = weights(STUDY / "long")
        assert mirror.is_alive(), "the training ended first"
        mirror.join()
    assert torch.equal(alone, beside_it)
    lines = [(STUDY / "long/metrics.jsonl").read_text(), Path("elsewhere/metrics.jsonl").read_text()]
    assert lines[0] == lines[1]
    faults("a training while MLflow hangs", tried=1, survived=1)
