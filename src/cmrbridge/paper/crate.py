"""A study as an RO-Crate: what was made, from what, by which job of which code, as one folder that others can read.

RO-Crate 1.1 with the ideas of Workflow Run Crate: the Snakefile is a ComputationalWorkflow, every job a CreateAction.
Patients' images and weights stay at home unless asked for; what stays is named with its digest.
"""

import html
import json
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from cmrbridge.errors import InputError
from cmrbridge.paper.crate_graph import CONFIG, CONTEXT, METADATA, WORKFLOW, graph
from cmrbridge.paper.records import read_record

SOURCES = (WORKFLOW, "config.yaml", "CITATION.cff", "LICENSE", "workflow/**/*")
TABLES = ("evaluation/*.csv", "paper/checklist.md", "paper/tables/*", "paper/figures/**/*", "paper/model_cards/**/*")
RECORDS = ("**/record.json", "**/*.record.json", "**/metrics.jsonl")
SHOWING_PATIENTS = ("paper/figures/overlays/*", "paper/report.html", "**/*.png")  # the report embeds the galleries
WEIGHTS = ("**/*.safetensors",)


def write_crate(results: Path, folder: Path, home: Path, *, images: bool = False, weights: bool = False) -> int:
    """Write the crate of results/STUDY into ``folder``, which must be empty or absent; gives the number of its files.

    home: the repository (Snakefile, CITATION.cff). images: with the report and every picture, which show patients
    unless all data are phantoms; those always go along. weights: with the models.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder}: is not empty; name a new folder for the crate")
    citation, config = _citation(home), _config(results)
    jobs = {path: read_record(path) for path in _found(results, RECORDS[:2])}
    if not jobs:
        raise InputError(f"{results}: no record.json of any job; name a study's folder, such as results/demo")
    copied = {path.relative_to(home).as_posix(): path for path in _found(home, SOURCES)}
    for path in _wanted(results, images or _phantoms_alone(results), weights):
        copied[f"results/{results.name}/{path.relative_to(results).as_posix()}"] = path
    for name, path in copied.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / name)
    (folder / CONFIG).write_text(config, encoding="utf-8")
    entities = graph(results, folder, [*copied, CONFIG], jobs, citation)
    text = json.dumps({"@context": CONTEXT, "@graph": entities}, indent=1, ensure_ascii=False)
    (folder / METADATA).write_text(text + "\n", encoding="utf-8")
    return len(copied) + 1


def _found(folder: Path, patterns: Iterable[str]) -> list[Path]:
    """Files of these patterns, but hidden and half-written ones."""
    found = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    hidden = ("__pycache__", ".partial")
    return sorted(
        path for path in found if not path.name.startswith(".") and not any(mark in path.as_posix() for mark in hidden)
    )


def _wanted(results: Path, images: bool, weights: bool) -> list[Path]:
    showing = _found(results, SHOWING_PATIENTS[:2])
    told = [path for path in _found(results, (*TABLES, *RECORDS)) if path not in showing]
    return sorted({*told, *(_found(results, SHOWING_PATIENTS) if images else ()),
                   *(_found(results, WEIGHTS) if weights else ())})  # fmt: skip


def _phantoms_alone(results: Path) -> bool:
    """Whether every data set of the study was computed here."""
    read = {path.parent.name for path in results.glob("ingest/*/record.json")}
    return bool(read) and all((results / "phantom" / name / "record.json").is_file() for name in read)


def _citation(home: Path) -> Mapping[str, Any]:
    path = home / "CITATION.cff"
    try:
        about = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {name: about[name] for name in ("title", "version", "license", "authors")}
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: tells no title, version, license and authors ({error}); run in the repository"
        ) from error


def _config(results: Path) -> str:
    """The study's config, as its report shows it: what was run, not what an overlay says by now."""
    path = results / "paper" / "report.html"
    if not path.is_file():
        raise InputError(f"{path}: is not there; finish the study first")
    shown = re.search(r"<pre>([^<]*)</pre></details>", path.read_text(encoding="utf-8"))
    if shown is None:
        raise InputError(f"{path}: shows no config; make the report again")
    return html.unescape(shown[1]) + "\n"
