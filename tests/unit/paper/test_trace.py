"""From a number to the jobs and the raw data behind it, and to nothing else."""

import json
from pathlib import Path

import pytest

from cmrbridge import cli
from cmrbridge.errors import InputError
from cmrbridge.paper.trace import trace
from recorded import finished

CASE = {"arm": "dann", "seed": "1", "subject": "p2"}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return finished(tmp_path / "results" / "s")


def runs_of(steps: object) -> set[str]:
    """Arm and seed of every training among the steps."""
    return {"/".join(place.split("/")[2:5:2]) for place in steps if place.startswith("segmentation/")}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "keys", "runs"),
    [
        ("cases", CASE, {"dann/seed-1"}),
        ("comparisons", {"arm": "dann"}, {"classic/seed-0", "classic/seed-1", "dann/seed-0", "dann/seed-1"}),
        ("dice/acdc/sunny/unet2d/dann/mean", {}, {"dann/seed-0", "dann/seed-1"}),
        ("dice / acdc / sunny / unet2d / dann / mean", {}, {"dann/seed-0", "dann/seed-1"}),
        ("seeds/classic", {}, {"classic/seed-0", "classic/seed-1"}),
        ("comparisons", {}, {"classic/seed-0", "classic/seed-1", "dann/seed-0", "dann/seed-1"}),
        ("primary/acdc/sunny/unet2d/dann/mean/dice/difference", {},
         {"classic/seed-0", "classic/seed-1", "dann/seed-0", "dann/seed-1"}),
    ],
)  # fmt: skip
def test_a_number_leads_to_its_own_runs_and_to_the_raw_data(
    results: Path, name: str, keys: dict[str, str], runs: set[str]
) -> None:
    found = trace(results, name, keys)
    assert runs_of(found.steps) == runs
    assert {"data/acdc/record.json", "ingest/acdc/record.json"} <= set(found.steps)
    assert found.raw == {"/scans/acdc": "5ca9"}
    assert list(found.steps)[-1] == "ingest/acdc/record.json", "upstream comes last"


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("cases", {"gather"}),
        ("comparisons", {"gather", "compare"}),
        ("claims", {"gather", "compare_claims"}),
        ("primary/acdc/sunny/unet2d/dann/mean/dice/difference", {"gather", "compare"}),
        ("claims/acdc/sunny/unet2d/dann/mean/dice/against classic/difference", {"gather", "compare_claims"}),
    ],
)
def test_a_number_leads_through_the_table_of_tests_that_it_stands_in(results: Path, name: str, rules: set[str]) -> None:
    found = trace(results, name, CASE if name == "cases" else {})
    assert {about["rule"] for place, about in found.steps.items() if place.count("/") == 1} - {"ingest"} == rules


def test_the_command_tells_code_commit_machine_and_digests(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = [f"{key}={value}" for key, value in CASE.items()]
    assert cli.main(["trace", str(results), "cases", *keys]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "value 0.8" in lines[0]
    assert lines[-1] == "raw  sha256 5ca9  /scans/acdc"
    trained = next(line for line in lines if line.startswith("train_segmenter"))
    for told in ("code-of-train_segmenter", "0123456789ab", "cpu A Processor float32", "1 min 30 s", "arm=dann"):
        assert told in trained
    assert cli.main(["trace", str(results), "seeds/dann", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["number"]["value"] == 2
    assert told["steps"]["segmentation/s/dann/unet2d/seed-0/record.json"]["versions"]["torch"] == "2.13.0"


@pytest.mark.parametrize(
    ("name", "keys", "words"),
    [
        ("dice/acdc/sunny/unet2d/danm/mean", {}, "numbers.json: has no number .*numbers.tex"),
        ("cases", {"arm": "danm"}, "no such row has arm=danm; there is classic, dann"),
        ("cases", {"arn": "dann"}, "no column arn"),
        ("cases", {"arm": "dann"}, "4 rows are meant; .*seed, subject"),
        ("seeds/dann", {"arm": "dann"}, "stands alone"),
    ],
)
def test_what_names_no_number_is_refused(results: Path, name: str, keys: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        trace(results, name, keys)


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("segmentation/s/dann/unet2d/seed-1/record.json", "seed-1/model.safetensors: no record"),
        ("evaluation/runs/s/dann/unet2d/seed-1/record.json", "seed 1"),
        ("evaluation/gather.record.json", "evaluation/cases.csv: no record"),
        ("evaluation/cases.csv", "finish the study"),
    ],
)
def test_a_record_that_is_gone_is_named(results: Path, lost: str, words: str) -> None:
    (results / lost).unlink()
    with pytest.raises(InputError, match=words):
        trace(results, "cases", CASE)
