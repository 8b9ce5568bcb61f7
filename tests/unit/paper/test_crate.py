"""The crate of a study: whole, true to the files in it, and without patients or weights unless asked."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from cmrbridge import cli
from cmrbridge.errors import InputError
from cmrbridge.paper.crate import write_crate
from recorded import finished, write_record

ROOT = Path(__file__).parents[3]
TERMS = (  # of https://w3id.org/ro/crate/1.1/context, as far as crates of ours need them
    """about actionStatus author conformsTo contentSize datePublished description encodingFormat endTime hasPart
    instrument license mainEntity mentions name object programmingLanguage result softwareRequirements softwareVersion
    startTime version"""
)
Entities = dict[str, dict[str, Any]]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return finished(tmp_path / "results" / "s")


def crate(results: Path, folder: Path, **asked: bool) -> Entities:
    """Entities by @id, each once."""
    write_crate(results, folder, ROOT, **asked)
    graph = json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]
    entities = {one["@id"]: one for one in graph}
    assert len(entities) == len(graph)
    return entities


def references(value: Any) -> Iterator[str]:
    """Every @id that an entity's values point to."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            yield item["@id"]


def test_whatever_is_named_is_there_and_every_digest_is_right(results: Path, tmp_path: Path) -> None:
    entities = crate(results, tmp_path / "crate")
    outside = {"https://w3id.org/ro/crate/1.1"}
    for one in entities.values():
        assert {name for value in one.values() for name in references(value)} <= entities.keys() | outside
    files = [one for one in entities.values() if "File" in one["@type"]]
    for one in files:
        content = (tmp_path / "crate" / unquote(one["@id"])).read_bytes()
        assert (one["sha256"], one["contentSize"]) == (hashlib.sha256(content).hexdigest(), str(len(content)))
    on_disk = {
        path.relative_to(tmp_path / "crate").as_posix() for path in (tmp_path / "crate").rglob("*") if path.is_file()
    }
    assert on_disk - {"ro-crate-metadata.json"} == {unquote(one["@id"]) for one in files}
    assert {one["@id"] for one in entities["./"]["hasPart"]} == {one["@id"] for one in files}


def test_every_word_is_defined_by_the_context(results: Path, tmp_path: Path) -> None:
    entities = crate(results, tmp_path / "crate")
    _, own = json.loads((tmp_path / "crate" / "ro-crate-metadata.json").read_text())["@context"]
    assert {key for one in entities.values() for key in one} <= {*TERMS.split(), *own, "@id", "@type"}


def test_the_root_names_licence_authors_and_the_workflow(results: Path, tmp_path: Path) -> None:
    entities = crate(results, tmp_path / "crate")
    root, citation = entities["./"], yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert entities["ro-crate-metadata.json"]["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert entities[root["license"]["@id"]]["name"] == citation["license"]
    assert [entities[one["@id"]]["name"] for one in root["author"]] == [one["name"] for one in citation["authors"]]
    assert "ComputationalWorkflow" in entities[root["mainEntity"]["@id"]]["@type"]
    assert entities["#dataset/acdc"]["license"] == "CC BY-NC-SA 4.0"
    assert (tmp_path / "crate" / "study.yaml").read_text() == "study: 's'\n"


def test_a_job_leads_from_what_it_read_to_what_it_made(results: Path, tmp_path: Path) -> None:
    entities = crate(results, tmp_path / "crate")
    trained = entities["#job/segmentation/s/dann/unet2d/seed-1/record.json"]
    assert entities[trained["instrument"]["@id"]]["softwareVersion"] == "code code-of-train_segmenter"
    assert (trained["startTime"], trained["endTime"]) == ("2026-11-20T10:00:00+00:00", "2026-11-20T10:01:30+00:00")
    made = [one["@id"] for one in trained["result"]]
    assert any("model.safetensors" in name for name in made)
    predicted = entities["#job/predictions/s/dann/unet2d/seed-1/record.json"]
    assert set(made) & {one["@id"] for one in predicted["object"]}, "the prediction reads the very model"
    compared = entities["#job/evaluation/compare.record.json"]
    assert {"@id": "results/s/evaluation/cases.csv"} in compared["object"]
    assert {"@id": "results/s/evaluation/comparisons.csv"} in compared["result"]


def test_patients_and_weights_stay_at_home_unless_asked_for(results: Path, tmp_path: Path) -> None:
    def parts(name: str, **asked: bool) -> set[str]:
        return {one["@id"] for one in crate(results, tmp_path / name, **asked)["./"]["hasPart"]}

    shy = parts("shy")
    assert "results/s/paper/figures/gap.png" in shy
    pictures = ("paper/figures/overlays/sunny.png", "paper/report.html", "ingest/acdc/qc.png")
    assert parts("shown", images=True) - shy == {f"results/s/{name}" for name in pictures}
    weights = parts("weights", weights=True) - shy
    assert {name.rpartition("/")[2] for name in weights} == {"model.safetensors"}
    assert len(weights) == 4


def test_a_phantom_has_no_patients(results: Path, tmp_path: Path) -> None:
    write_record(results / "phantom/acdc/record.json", "phantom", {}, {"dataset": "acdc"})
    assert "results/s/paper/report.html" in crate(results, tmp_path / "crate")


def test_an_unfinished_study_and_a_full_folder_are_refused(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="is not empty"):
        write_crate(results, results, ROOT)
    (results / "paper/report.html").unlink()
    arguments = ["crate", str(results), str(tmp_path / "crate"), "--snakefile", str(ROOT / "Snakefile")]
    assert cli.main(arguments) == 2
    assert "finish the study" in capsys.readouterr().err
    assert not (tmp_path / "crate").exists()
