"""What MLflow keeps of a run besides its curves: the data sets that it read, and the segmenter that it trained."""

import json
import re
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cmrbridge.errors import InputError
from cmrbridge.runtime.entries import Entry

if TYPE_CHECKING:
    from mlflow import MlflowClient

FOLDER = "model"  # of the run's artifacts
SHORT = 32  # hex digits of a sha256: MLflow takes 36
LARGEST_HEADER = 100_000_000  # bytes, safetensors' own limit


def log_datasets(client: "MlflowClient", run_id: str, inputs: dict[str, str]) -> None:
    """Every input but models, by digest. inputs: portable name → sha256."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    data = {name: digest for name, digest in inputs.items() if Path(name).suffix != ".safetensors"}
    data = {name: digest for name, digest in data.items() if not Path(name).name.startswith(".")}
    sets = [
        Dataset(name[:500], digest[:SHORT], "local", json.dumps({"uri": name, "sha256": digest}))
        for name, digest in data.items()
    ]
    context = [InputTag("mlflow.data.context", "input")]
    for start in range(0, len(sets), 100):
        client.log_inputs(run_id, [DatasetInput(each, context) for each in sets[start : start + 100]])


def register(client: "MlflowClient", run_id: str, study: str, entry: Entry) -> None:
    """The entry's segmenter as a version of STUDY-ARM-ARCHITECTURE, unless it is one; other models are not registered.

    Its weights go along as safetensors, their description as JSON and the signature as an MLmodel file.
    """
    wildcards = entry.about.get("wildcards", {})
    if entry.model is None or not {"arm", "architecture"} <= wildcards.keys():
        return
    name = re.sub(r"[/:]", "_", f"{study}-{wildcards['arm']}-{wildcards['architecture']}")
    of_run = f"run_id = '{run_id}'"
    if not client.search_model_versions(of_run):
        _add_version(client, run_id, name, entry)
    versions = sorted(int(each.version) for each in client.search_model_versions(of_run))
    for double in versions[1:]:  # a reply got lost, and MLflow's client asked again
        client.delete_model_version(name, str(double))


def _add_version(client: "MlflowClient", run_id: str, name: str, entry: Entry) -> None:
    assert entry.model
    with tempfile.TemporaryDirectory() as scratch:
        _describe(Path(scratch), run_id, read_about(entry.model))
        client.log_artifacts(run_id, scratch, FOLDER)
    client.log_artifact(run_id, str(entry.model), FOLDER)
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    tags = {**entry.about["wildcards"], "stamp": entry.about["stamp"]}
    client.create_model_version(name, f"runs:/{run_id}/{FOLDER}", run_id, tags=tags, await_creation_for=0)


def _describe(folder: Path, run_id: str, about: dict[str, Any]) -> None:
    """Write model.json and the MLmodel file: grey values of slices in, one logit per class and pixel out."""
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    (folder / "model.json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    images = TensorSpec(np.dtype("float32"), (-1, 1, -1, -1), "images")
    logits = TensorSpec(np.dtype("float32"), (-1, 4, -1, -1), "logits")
    flavour = {"data": "model.safetensors", "architecture": about.get("architecture", "")}
    signature = ModelSignature(Schema([images]), Schema([logits]))
    Model(FOLDER, run_id, flavors={"cmrbridge": flavour}, signature=signature).save(folder / "MLmodel")


def read_about(path: Path) -> dict[str, Any]:
    """The description in the head of a safetensors file of ours, without reading its weights."""
    try:
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > LARGEST_HEADER:
                raise ValueError("its header is too long")
            about = json.loads(json.loads(stream.read(length))["__metadata__"]["about"])
            return dict(about)
    except (OSError, struct.error, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a model of cmrbridge ({error}); delete it and train it again") from error
