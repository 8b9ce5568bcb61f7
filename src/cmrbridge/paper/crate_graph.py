"""The entities of a study's RO-Crate: files, jobs as CreateActions, software, data sets, authors."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cmrbridge.paper.lineage import OF_TABLES, Lineage, record_beside, recorded_name
from cmrbridge.paper.records import Record

METADATA, CONFIG, WORKFLOW = "ro-crate-metadata.json", "study.yaml", "Snakefile"
SPECIFICATION = "https://w3id.org/ro/crate/1.1"
CONTEXT = [  # RO-Crate 1.1 has no word for a digest, and what no context defines is lost to whoever reads JSON-LD
    f"{SPECIFICATION}/context",
    {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"},
]
PROFILES = {
    "Process Run Crate": "https://w3id.org/ro/wfrun/process/0.5",
    "Workflow Run Crate": "https://w3id.org/ro/wfrun/workflow/0.5",
    "Workflow RO-Crate": "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
}
DONE = "http://schema.org/CompletedActionStatus"
KINDS = {
    ".csv": "text/csv", ".json": "application/json", ".jsonl": "application/jsonl", ".md": "text/markdown",
    ".tex": "application/x-tex", ".png": "image/png", ".pdf": "application/pdf", ".html": "text/html",
    ".yaml": "application/yaml",
}  # fmt: skip
Entity = dict[str, Any]


def graph(
    results: Path, folder: Path, names: Sequence[str], jobs: Mapping[Path, Record], citation: Mapping[str, Any]
) -> list[Entity]:
    """Every entity of the crate in ``folder``, each once. names: its files; jobs: record.json → what it says; citation:
    title, version, license and authors of CITATION.cff."""
    files = [_file(folder, name) for name in sorted(names)]
    people = [_person(author) for author in citation["authors"]]
    licence = _named(f"https://spdx.org/licenses/{citation['license']}", "CreativeWork", citation["license"])
    made = _actions(results, {one["@id"] for one in files}, jobs)
    actions = [one for one in made if one["@type"] == "CreateAction"]
    data = [_dataset(record) for record in jobs.values() if record.get("rule") == "ingest"]
    whole = _whole(results.name, actions, files, data)
    common = {"author": _refs(people), "license": _ref(licence)}
    root = _root(results.name, str(citation["title"])) | common
    root |= {"datePublished": whole["endTime"], "hasPart": _refs(files), "mentions": _refs([whole, *actions, *data])}
    descriptor = {"@id": METADATA, "@type": "CreativeWork", "conformsTo": {"@id": SPECIFICATION}, "about": _ref(root)}
    profiles = [_named(place, "CreativeWork", name) for name, place in PROFILES.items()]
    language = _named("#snakemake", "ComputerLanguage", "Snakemake")
    entities: dict[str, Entity] = {}
    for one in [descriptor, root, *files, *people, licence, *profiles, language, whole, *data, *made]:
        entities.setdefault(one["@id"], one)
    entities[WORKFLOW] |= common | {
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "name": citation["title"],
        "version": citation["version"],
        "programmingLanguage": _ref(language),
    }
    return list(entities.values())


def _root(study: str, title: str) -> Entity:
    return {
        "@id": "./",
        "@type": "Dataset",
        "name": f"cmrbridge study {study}",
        "description": f"{title}. Tables, figures, records and provenance of the study {study}.",
        "conformsTo": [{"@id": place} for place in PROFILES.values()],
        "mainEntity": {"@id": WORKFLOW},
    }


def _whole(study: str, actions: Sequence[Entity], files: Sequence[Entity], data: Sequence[Entity]) -> Entity:
    """The run of the workflow: from the config and the data sets to all that lies below results/."""
    return {
        "@id": "#study",
        "@type": "CreateAction",
        "name": f"Study {study}",
        "instrument": {"@id": WORKFLOW},
        "object": [{"@id": CONFIG}, *_refs(data)],
        "result": _refs([one for one in files if one["@id"].startswith("results/")]),
        "startTime": min(one["startTime"] for one in actions),
        "endTime": max(one["endTime"] for one in actions),
        "actionStatus": DONE,
    }


def _actions(results: Path, inside: set[str], jobs: Mapping[Path, Record]) -> list[Entity]:
    """A CreateAction for each job, then the software and the absent files that they name."""
    lineage, made = Lineage(results, recorded_name(results)), []
    actions = {path: _action(path, results, record) for path, record in jobs.items()}
    for table in (results / "evaluation" / name for name in OF_TABLES):
        maker = record_beside(table)
        if maker in actions and _name(table, results) in inside:
            actions[maker]["result"].append({"@id": _name(table, results)})
    absent: dict[str, Entity] = {}
    for path, record in jobs.items():
        made += _software(record)
        for name, digest in (record.get("inputs") or {}).items():
            place = lineage.inside(name)
            used = {"@id": _name(place, results)} if place is not None else {}
            if used.get("@id") not in inside:
                entity = _absent(name, digest)
                used = _ref(absent.setdefault(entity["@id"], entity))
            actions[path]["object"].append(used)
            source = record_beside(place) if place is not None else None
            if source in actions and used not in actions[source]["result"]:
                actions[source]["result"].append(used)
    return [*actions.values(), *absent.values(), *made]


def _action(path: Path, results: Path, record: Record) -> Entity:
    started = datetime.fromisoformat(str(record["started"]))
    ended = started + timedelta(seconds=float(record.get("wall_seconds") or 0))
    machine = [str(record[key]) for key in ("device", "device_name", "precision") if record.get(key)]
    return {
        "@id": f"#job/{quote(path.relative_to(results).as_posix())}",
        "@type": "CreateAction",
        "name": str(record.get("job") or record.get("rule")),
        "description": f"commit {record.get('git_commit')}; {', '.join(machine) or 'unknown machine'}; "
        f"peak memory {record.get('peak_memory_mb')} MB",
        "instrument": {"@id": _software(record)[0]["@id"]},
        "object": [],
        "result": [{"@id": _name(path, results)}],
        "startTime": started.isoformat(),
        "endTime": ended.isoformat(timespec="seconds"),
        "actionStatus": DONE,
    }


def _software(record: Record) -> list[Entity]:
    """The rule as this code ran it, with the libraries that it needed."""
    rule, code = str(record.get("rule")), str((record.get("params") or {}).get("code", "unknown"))
    libraries = [
        _named(f"#software/{name}-{version}", "SoftwareApplication", name) | {"softwareVersion": version}
        for name, version in (record.get("versions") or {}).items()
    ]
    mark = hashlib.sha256("".join(one["@id"] for one in libraries).encode()).hexdigest()[:8]
    tool = {
        "@id": f"#rule/{rule}-{code}-{mark}",
        "@type": "SoftwareApplication",
        "name": f"rule {rule}",
        "softwareVersion": f"code {code}",
        "softwareRequirements": _refs(libraries),
    }
    return [tool, *libraries]


def _dataset(record: Record) -> Entity:
    """A data set that the study read; it is no part of the crate."""
    settings = record["params"]["settings"]
    licence = str(settings.get("licence") or "unknown: ask the data set's owner")
    name = str(settings["dataset"])
    return {"@id": f"#dataset/{quote(name)}", "@type": "Dataset", "name": name, "license": licence}


def _file(folder: Path, name: str) -> Entity:
    path = folder / name
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    size = {"contentSize": str(path.stat().st_size), "sha256": digest}
    kind = {"encodingFormat": KINDS[path.suffix]} if path.suffix in KINDS else {}
    return _named(quote(name), "File", name) | size | kind


def _absent(name: str, digest: str) -> Entity:
    return {
        "@id": f"#file/{quote(name)}-{digest[:16]}",
        "@type": "CreativeWork",
        "name": name,
        "sha256": digest,
        "description": "Read or made by a job; no part of this crate.",
    }


def _person(author: Mapping[str, str]) -> Entity:
    """An author of CITATION.cff: a person has a family name, an entity a name."""
    given = " ".join(author[key] for key in ("given-names", "family-names") if key in author)
    name = given or author["name"]
    kind = "Person" if given else "Organization"
    return {"@id": author.get("orcid") or f"#author/{quote(name)}", "@type": kind, "name": name}


def _name(path: Path, results: Path) -> str:
    """A result's @id in the crate, were it there."""
    return quote(f"results/{results.name}/{path.relative_to(results).as_posix()}")


def _ref(entity: Entity) -> dict[str, str]:
    return {"@id": str(entity["@id"])}


def _refs(entities: Sequence[Entity]) -> list[dict[str, str]]:
    return [_ref(one) for one in entities]


def _named(identity: str, kind: str, name: str) -> Entity:
    return {"@id": identity, "@type": kind, "name": name}
