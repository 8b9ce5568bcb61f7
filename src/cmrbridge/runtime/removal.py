"""Runs of jobs taken out of MLflow for good: what they say, their artifacts, their models' versions."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import Any

from cmrbridge.errors import InputError
from cmrbridge.runtime.tracking import ARTIFACTS, Store, alone, database_file

AT_ONCE = 100  # runs that one `mlflow gc` is given


def remove_runs(uri: str, folder: Path, keys: Collection[str]) -> int:
    """Remove every run of the jobs ``keys`` (see `entries.Entry.key`) of the study in ``folder``; how many there were.

    Of a database beside us nothing is left, not even in its freed pages. A server marks runs as deleted and keeps them
    until its owner calls `mlflow gc`.
    """
    file = database_file(uri)
    if file is not None and not file.exists():
        return 0
    with alone(uri, folder):
        store = Store(uri, folder.name)
        runs = [run for run in _children(store) if run.data.tags.get("cmrbridge.key") in keys]
        for run in runs:
            for version in store.client.search_model_versions(f"run_id = '{run.info.run_id}'"):
                store.client.delete_model_version(version.name, version.version)
            if run.info.lifecycle_stage == "active":
                store.client.delete_run(run.info.run_id)
        _drop_empty_models(store)
        if file is not None:
            _collect(file, [run.info.run_id for run in runs])
    return len(runs)


def _children(store: Store) -> list[Any]:
    """All runs of the study, those too that were marked as deleted before."""
    from mlflow.entities import ViewType

    condition, runs, token = f"tags.\"mlflow.parentRunId\" = '{store.parent}'", [], None
    while True:
        page = store.client.search_runs([store.experiment], condition, ViewType.ALL, page_token=token)
        runs += page
        token = page.token
        if not token:
            return runs


def _drop_empty_models(store: Store) -> None:
    for model in store.client.search_registered_models():
        if model.name.startswith(f"{store.study}-") and not store.client.search_model_versions(
            f"name = '{model.name}'"
        ):
            store.client.delete_registered_model(model.name)


def _collect(file: Path, run_ids: list[str]) -> None:
    """Rows and artifacts of runs that are marked as deleted; then the database is written anew without their bytes."""
    quiet = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_TRACKING_URI": f"sqlite:///{file.resolve()}"}
    for start in range(0, len(run_ids), AT_ONCE):
        chosen = ",".join(run_ids[start : start + AT_ONCE])
        call = ["gc", "--backend-store-uri", f"sqlite:///{file.resolve()}", "--run-ids", chosen]
        done = subprocess.run([sys.executable, "-m", "mlflow", *call], env=quiet, capture_output=True, text=True)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise InputError(f"{file}: MLflow did not remove its runs ({reason}); run the same command again")
    for run_id in run_ids:  # MLflow looks for them where the database lay when it was made
        shutil.rmtree(file.with_name(ARTIFACTS) / run_id, ignore_errors=True)
    with closing(sqlite3.connect(file)) as database:
        database.execute("VACUUM")
