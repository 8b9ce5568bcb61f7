"""The feed to MLflow: from the records on disk, idempotent, and never a reason for a job to fail."""

import csv
import io
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cmrbridge.files import write_atomically
from cmrbridge.runtime.entries import Entry, entries_of
from cmrbridge.runtime.lock import hold

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "cmrbridge"
BEFORE_IMPORT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
PATIENCE = 300.0  # seconds to wait for another writer of the same database
LONGEST_PARAM = 500  # characters
FAILURES = 3  # jobs that could not be fed before the server is given up
SUMMARY = ("wall_seconds", "peak_memory_mb", "peak_device_memory_mb")
TAGS = ("job", "rule", "git_commit", "device", "device_name", "precision", "slurm_job_id")


class Report(Protocol):
    def __call__(self, step: int, total: int | None = None, **values: float) -> None: ...


def mirror(
    *,
    records: Sequence[Path],
    metrics: Sequence[Path],
    artifacts: Sequence[Path],
    study: str,
    uri: str,
    runs: Path,
    report: Report,
) -> None:
    """Feed one nested run per record under the study's run at ``uri``; what is there already is left alone.

    metrics and artifacts (.png and .json below 2 MB) belong to the record in their folder, or the nearest folder
    above. Writes ``runs``: key, run_id, status ("done" or "pending"). Pending jobs are fed by the next call.
    """
    entries = entries_of(records, metrics, artifacts)
    fed: dict[tuple[str, str], str] = {}
    try:
        with _database(uri):
            _feed(entries, study, uri, fed, report)
    except Exception as error:  # whatever the tracking server does, the science is on disk
        waiting = len(entries) - len(fed)
        print(
            f"warning: {waiting} of {len(entries)} jobs did not reach MLflow ({type(error).__name__}: {error}); they "
            f'are "pending" in {runs}: delete that file and run again to feed them',
            file=sys.stderr,
        )
    write_atomically(runs, _table(entries, fed))


@contextmanager
def _database(uri: str) -> Iterator[None]:
    """One writer at a time for a database file, which must not be created by two at once."""
    path = _database_file(uri)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
    with hold(path.with_name(f".{path.name}.lock"), PATIENCE) if path else nullcontext():
        yield


def _database_file(uri: str) -> Path | None:
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def _feed(entries: list[Entry], study: str, uri: str, fed: dict[tuple[str, str], str], report: Report) -> None:
    """Feed what is missing; ``fed`` gains the run of each job that is there. Raises where some could not be fed."""
    client = _client(uri)
    experiment = _experiment(client, uri)
    known = _known_runs(client, experiment)
    parent = known.get((study, "")) or _create(client, experiment, study, {"key": study, "stamp": ""})
    failures: list[Exception] = []
    for number, entry in enumerate(entries, start=1):
        try:
            fed[entry.name] = known.get(entry.name) or _feed_one(client, experiment, parent, entry)
        except Exception as error:  # one odd job must not keep the others out
            failures.append(error)
            if len(failures) >= FAILURES:
                break
        report(number, len(entries))
    if failures:
        raise failures[0]


def _client(uri: str) -> "MlflowClient":
    for name, value in BEFORE_IMPORT.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    path = _database_file(uri)
    if path:
        uri = f"sqlite:///{path.resolve()}"  # MLflow keeps connections by this name, whatever the working directory
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _experiment(client: "MlflowClient", uri: str) -> str:
    found = client.get_experiment_by_name(EXPERIMENT)
    if found:
        return str(found.experiment_id)
    path = _database_file(uri)
    beside = path.resolve().with_name("artifacts").as_uri() if path else None
    return str(client.create_experiment(EXPERIMENT, artifact_location=beside))


def _known_runs(client: "MlflowClient", experiment: str) -> dict[tuple[str, str], str]:
    """(key, stamp) → run id of every run fed to its end; one that was cut short is deleted, to be fed anew."""
    known: dict[tuple[str, str], str] = {}
    token = None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        for run in page:
            tags = run.data.tags
            name = (tags.get("cmrbridge.key", ""), tags.get("cmrbridge.stamp", ""))
            if run.info.status == "FINISHED":
                known[name] = run.info.run_id
            elif name[0]:
                client.delete_run(run.info.run_id)
        token = page.token
        if not token:
            return known


def _feed_one(client: "MlflowClient", experiment: str, parent: str, entry: Entry) -> str:
    return _create(
        client,
        experiment,
        entry.record["job"],
        {"key": entry.key, "stamp": entry.record["stamp"]},
        parent=parent,
        entry=entry,
    )


def _create(
    client: "MlflowClient",
    experiment: str,
    name: str,
    identity: dict[str, str],
    parent: str | None = None,
    entry: Entry | None = None,
) -> str:
    """Create a run, fill it, and only then call it finished: that mark is what a replay trusts."""
    tags = {f"cmrbridge.{key}": value for key, value in identity.items()}
    if parent:
        tags["mlflow.parentRunId"] = parent
    started = _milliseconds(entry.record["started"]) if entry else None
    run_id = str(client.create_run(experiment, start_time=started, tags=tags, run_name=name).info.run_id)
    if entry:
        _fill(client, run_id, entry)
        end = _milliseconds(entry.record["started"]) + int(1000 * entry.record.get("wall_seconds", 0))
        client.set_terminated(run_id, "FINISHED", end_time=end)
    else:
        client.set_terminated(run_id, "FINISHED")
    return run_id


def _fill(client: "MlflowClient", run_id: str, entry: Entry) -> None:
    from mlflow.entities import Metric, Param, RunTag

    record, time = entry.record, _milliseconds(entry.record["started"])
    lines = [*entry.metrics, {"step": 0, **{name: record.get(name) for name in SUMMARY}}]
    values = [
        Metric(_clean(name), value, time, line["step"])
        for line in lines
        for name, value in line.items()
        if name not in ("step", "total") and value is not None
    ]
    params = [
        Param(_clean(name), str(value)[:LONGEST_PARAM]) for name, value in _flat(record.get("params", {})).items()
    ]
    tags = {name: record.get(name) for name in TAGS}
    tags |= {f"wildcard.{name}": value for name, value in record.get("wildcards", {}).items()}
    tags |= {f"version.{name}": value for name, value in record.get("versions", {}).items()}
    client.log_batch(run_id, tags=[RunTag(_clean(k), str(v)) for k, v in tags.items() if v is not None][:100])
    for start in range(0, len(values), 1000):
        client.log_batch(run_id, metrics=values[start : start + 1000])
    for start in range(0, len(params), 100):
        client.log_batch(run_id, params=params[start : start + 100])
    for path in entry.artifacts:
        client.log_artifact(run_id, str(path))


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


def _table(entries: list[Entry], fed: dict[tuple[str, str], str]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["key", "run_id", "status"])
    for entry in entries:
        run_id = fed.get(entry.name, "")
        table.writerow([entry.key, run_id, "done" if run_id else "pending"])
    return text.getvalue()
