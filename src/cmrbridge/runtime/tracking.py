"""A study's runs in MLflow, found again and told what is new; what is told twice counts once."""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmrbridge.errors import InputError
from cmrbridge.runtime.entries import Entry
from cmrbridge.runtime.journal import Line
from cmrbridge.runtime.lock import hold

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "cmrbridge"
ARTIFACTS = "artifacts"  # folder beside a database
BEFORE_IMPORT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # a line per run, with the password that an address may hold
}
PATIENCE = 300.0  # seconds to wait for another writer of ours
LOCKED = 10.0  # seconds to wait for a stranger's lock on the database: MLflow itself would wait for most of an hour
LONGEST_VALUE = 500  # characters
SUMMARY = ("wall_seconds", "peak_memory_mb", "peak_device_memory_mb")
TAGS = ("job", "rule", "git_commit", "device", "device_name", "precision", "slurm_job_id", "sessions")
ENDED_BADLY = ("FAILED", "KILLED")
STATUS = {"running": "RUNNING", "paused": "SCHEDULED", "done": "FINISHED", "failed": "FAILED", "killed": "KILLED"}


@dataclass(frozen=True)
class Known:
    """A run that is there. began: ms; all its metrics carry this time, so that one that comes again is the same."""

    run_id: str
    status: str
    began: int


@contextmanager
def alone(uri: str, folder: Path) -> Iterator[None]:
    """One writer at a time: a new database must not be created by two at once, nor a run.

    folder: the study's, beside which the lock of a server lies. Raises where the database cannot be written.
    """
    if not uri.startswith(("sqlite:///", "http://", "https://")):
        raise InputError(
            "MLFLOW_TRACKING_URI: set it to sqlite:///FILE or to the http(s) address of a server, or leave it out"
        )
    _load(uri)
    path = database_file(uri) or folder.parent / "mlflow"
    path.parent.mkdir(parents=True, exist_ok=True)
    with hold(path.with_name(f".{path.name}.lock"), PATIENCE):
        if database_file(uri):
            with closing(sqlite3.connect(path, timeout=LOCKED)) as database:
                database.execute("BEGIN IMMEDIATE")
                database.rollback()
        yield


def _load(uri: str) -> None:
    """Import MLflow, which takes seconds: not while others wait for the lock."""
    for name, value in BEFORE_IMPORT.items():
        os.environ.setdefault(name, value)
    modules = ["mlflow"]
    if database_file(uri):
        modules += ["mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store"]
    for module in modules:
        import_module(module)


def database_file(uri: str) -> Path | None:
    """The file of a database that no server stands before."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


class Store:
    """The runs of one study at ``uri``: one per job, below one of the study's own."""

    def __init__(self, uri: str, study: str) -> None:
        self.study = study
        self.client = _client(uri)
        self.experiment = _experiment(self.client, uri)
        self.parent = self._study_run()
        self.known: dict[tuple[str, str], Known] = {}
        self.look()

    def look(self) -> None:
        """Learn of all runs that are there. Of two of one job, made by two hosts or by a reply that got lost, one goes:
        every host keeps the same one."""
        self.known = {}
        found = self._search(f"tags.\"mlflow.parentRunId\" = '{self.parent}'")
        for run in sorted(found, key=lambda run: (run.info.status != "FINISHED", run.info.run_id)):
            name = (run.data.tags.get("cmrbridge.key", ""), run.data.tags.get("cmrbridge.stamp", ""))
            if name in self.known:
                self.client.delete_run(run.info.run_id)
            else:
                self.known[name] = Known(run.info.run_id, run.info.status, run.info.start_time)

    def answers(self) -> bool:
        """Whether MLflow is still there: then what went wrong is the affair of one job."""
        try:
            self.client.get_experiment(self.experiment)
        except Exception:
            return False
        return True

    def place(self, entry: Entry) -> Known:
        """The entry's run, made where there is none."""
        if entry.name not in self.known:
            key, stamp = entry.name
            tags = {"cmrbridge.key": key, "cmrbridge.stamp": stamp, "mlflow.parentRunId": self.parent}
            self.known[entry.name] = self._create(str(entry.about["job"]), tags, _milliseconds(entry.about["started"]))
        return self.known[entry.name]

    def tell(self, entry: Entry, metrics: list[Line], only_curves: bool = False) -> None:
        """Bring the entry's run up to date. That it has ended is told last: a replay trusts that mark.

        only_curves: all else about it has been told before.
        """
        run = self.place(entry)
        self._measure(run, metrics)
        if not only_curves:
            self._describe(run, entry)
            self._attach(run, entry)
        self._end(run, entry)

    def _study_run(self) -> str:
        """The run above those of the jobs. It is looked for after it is made, too: a reply that got lost makes two, and
        every later look has to choose the same."""
        condition = f"tags.\"cmrbridge.key\" = '{self.study}'"
        found = self._search(condition)
        if not found:
            self._create(self.study, {"cmrbridge.key": self.study, "cmrbridge.stamp": ""}, None)
            found = self._search(condition)
        first, *others = sorted(found, key=lambda run: (run.info.start_time, run.info.run_id))
        for run in others:
            self.client.delete_run(run.info.run_id)
        if first.info.status != "FINISHED":
            self.client.set_terminated(first.info.run_id, "FINISHED")
        return str(first.info.run_id)

    def _search(self, condition: str) -> list[Any]:
        runs: list[Any] = []
        token = None
        while True:
            page = self.client.search_runs([self.experiment], condition, max_results=1000, page_token=token)
            runs += page
            token = page.token
            if not token:
                return runs

    def _create(self, name: str, tags: dict[str, str], began: int | None) -> Known:
        info = self.client.create_run(self.experiment, start_time=began, tags=tags, run_name=name).info
        return Known(str(info.run_id), info.status, info.start_time)

    def _describe(self, run: Known, entry: Entry) -> None:
        from mlflow.entities import Param, RunTag

        about = entry.about
        tags = {name: about.get(name) for name in TAGS}
        tags["error"] = about.get("error", "" if run.status in ENDED_BADLY else None)
        tags |= {f"wildcard.{name}": value for name, value in about.get("wildcards", {}).items()}
        tags |= {f"version.{name}": value for name, value in about.get("versions", {}).items()}
        named = [RunTag(_clean(k), str(v)) for k, v in tags.items() if v is not None]
        self.client.log_batch(run.run_id, tags=named[:100])
        flat = _flat(about.get("params", {}))
        params = [Param(_clean(name), str(value)[:LONGEST_VALUE]) for name, value in flat.items()]
        for start in range(0, len(params), 100):
            self.client.log_batch(run.run_id, params=params[start : start + 100])

    def _attach(self, run: Known, entry: Entry) -> None:
        from cmrbridge.runtime.registry import log_datasets, register

        self._measure(run, [{"step": 0, **{name: entry.about.get(name) for name in SUMMARY}}])
        log_datasets(self.client, run.run_id, entry.about.get("inputs", {}))
        for path in entry.artifacts:
            self.client.log_artifact(run.run_id, str(path))
        if entry.model:
            register(self.client, run.run_id, self.study, entry)

    def _measure(self, run: Known, lines: list[Line]) -> None:
        from mlflow.entities import Metric

        values = [
            Metric(_clean(name), value, run.began, line["step"])
            for line in lines
            for name, value in line.items()
            if name not in ("step", "total") and value is not None
        ]
        for start in range(0, len(values), 1000):
            self.client.log_batch(run.run_id, metrics=values[start : start + 1000])

    def _end(self, run: Known, entry: Entry) -> None:
        status = STATUS[entry.status]
        if status in ("RUNNING", "SCHEDULED"):
            if run.status != status:
                self.client.update_run(run.run_id, status)
        else:
            seconds = entry.about.get("wall_seconds")
            end = None if seconds is None else run.began + int(1000 * seconds)
            if "ended" in entry.about:
                end = int(1000 * entry.about["ended"])
            self.client.set_terminated(run.run_id, status, end_time=end)
        self.known[entry.name] = Known(run.run_id, status, run.began)


def _client(uri: str) -> "MlflowClient":
    from mlflow import MlflowClient

    path = database_file(uri)
    if path:
        uri = f"sqlite:///{path.resolve()}"  # MLflow keeps connections by this name, whatever the working directory
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _experiment(client: "MlflowClient", uri: str) -> str:
    found = client.get_experiment_by_name(EXPERIMENT)
    if found:
        return str(found.experiment_id)
    path = database_file(uri)
    beside = path.resolve().with_name(ARTIFACTS).as_uri() if path else None
    return str(client.create_experiment(EXPERIMENT, artifact_location=beside))


def _flat(params: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} → {"a.b": 1}."""
    flat: dict[str, Any] = {}
    for name, value in params.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat


def _clean(name: str) -> str:
    """A name that MLflow accepts."""
    return re.sub(r"[^\w\-. :/]", "_", name)[:250]


def _milliseconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)
