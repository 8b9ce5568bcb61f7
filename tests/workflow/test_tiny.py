"""Every rule for real on a tiny study, then what a second run does: nothing, or exactly what a change asks for."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest

from cmrbridge.custody.scan import scan
from cmrbridge.custody.words import Words
from planted import WORDS, plant_columns, plant_header
from reporters import silent

pytestmark = pytest.mark.whole

ROOT = Path(__file__).parents[2]
PARTS = [
    *("Snakefile", "config.yaml", "CITATION.cff", "workflow", "profiles", "envs", "resources", "src"),
    "tests/tiny.yaml",
]


def snakemake(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the copy of the project at ``project`` with its own library code."""
    command = [sys.executable, "-m", "snakemake", "--configfile", "tests/tiny.yaml", "--cores", "2", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(project / "src"), "OMP_NUM_THREADS": "1"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)


def planned(project: Path) -> set[str]:
    """Rules that a run would now execute."""
    result = snakemake(project, "-n")
    assert result.returncode == 0, result.stderr
    return set(re.findall(r"^(?:local)?rule (\w+):", result.stdout + result.stderr, flags=re.MULTILINE)) - {"all"}


def copied(folder: Path) -> Path:
    for part in PARTS:
        target = folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, target, ignore=ignore) if (ROOT / part).is_dir() else shutil.copy(
            ROOT / part, target
        )
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project (its path has a space and an umlaut) in which the tiny study has run.

    Before its files are read, names of patients are planted in their headers and in columns that nobody asked for.
    """
    folder = copied(tmp_path_factory.mktemp("tiny stüdy"))
    phantom = "results/tiny/phantom/phantom/files"
    result = snakemake(folder, phantom)
    assert result.returncode == 0, result.stderr[-4000:]
    for path in (folder / phantom).rglob("*.nii.gz"):
        plant_header(path)
    plant_columns(folder / phantom / "manifest.csv")
    result = snakemake(folder, "all", "export")
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
    return folder


@pytest.fixture
def edited(project: Path) -> Iterator[Path]:
    """The project, whose library code a test may edit; put back afterwards."""
    yield project
    shutil.rmtree(project / "src")
    shutil.copytree(ROOT / "src", project / "src", ignore=shutil.ignore_patterns("__pycache__"))


def test_the_chain_ends_in_scores_tables_figures_report_and_runs(project: Path) -> None:
    results = project / "results" / "tiny"
    cases = pd.read_csv(results / "evaluation" / "cases.csv")
    others = {"mixstyle", "histogram", "fewer", "multi_centre"}
    assert set(cases.arm) == {"real", "classic", "synthetic", "dann", "dg", "da", "da_ensemble", "oracle"} | others
    assert set(cases.target) == {"aurora", "borealis", "eclipse"}
    assert cases.value.notna().all()
    compared = pd.read_csv(results / "evaluation" / "comparisons.csv")
    assert compared.primary.sum() == 1
    claimed = pd.read_csv(results / "evaluation" / "claims.csv")
    assert claimed.arm.tolist() == compared.arm[compared.primary].tolist()
    page = (results / "paper" / "report.html").read_text()
    # six figures, three for each of three targets, two data sets, masks, four of the pairs, four of translation, shift
    assert page.count("data:image/webp;base64,") == 27
    applied = pd.read_csv(results / "applied" / "summary.csv")
    assert applied.subject.tolist() == sorted(applied.subject, key=applied.set_index("subject").agreement.get)
    assert len(applied) == 2
    assert "clinic" not in set(cases.target)
    assert (results / "applied" / "clinic.pdf").read_bytes().startswith(b"%PDF")
    assert (results / "atlas" / "atlas.html").read_text().count("data:image/webp;base64,") == 5
    assert "http://" not in page.replace("http://www.w3.org", "")
    pages = [f"{name}/eclipse" for name in ("distributions", "agreement", "overlays")]
    for name in ("gap", "forest", "ranks", "factors", "curves", "doses", *pages):
        assert (results / "paper" / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    for name in ("Do they copy patients?", "Generated pairs beside real ones", "How images are translated: "):
        assert name in page
    assert "<b>untested</b>" in page  # one seed
    assert "Fréchet distance along the generator" in page
    assert "| 42 | Other |" in (results / "paper" / "checklist.md").read_text()
    runs = pd.read_csv(results / "tracking" / "runs.csv")
    assert set(runs.status) == {"done"}


def test_a_number_leads_back_to_the_phantom_and_the_study_goes_out_whole(project: Path, tmp_path: Path) -> None:
    def cmrbridge(*arguments: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(project / "src")}
        command = [sys.executable, "-m", "cmrbridge", *arguments]
        result = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        return result.stdout

    traced = cmrbridge("trace", "results/tiny", "dice/aurora/eclipse/unet2d/synthetic/mean", "--json")
    behind = {step["rule"] for step in json.loads(traced)["steps"].values()}
    assert {"compare", "gather", "evaluate", "predict", "train_segmenter", "train_synthesis", "train_masks"} <= behind
    assert {"split_domain", "ingest", "phantom"} <= behind
    cmrbridge("crate", "results/tiny", str(tmp_path / "crate"))
    entities = json.loads((tmp_path / "crate" / "ro-crate-metadata.json").read_text())["@graph"]
    digests = {one["@id"]: one["sha256"] for one in entities if "File" in one["@type"]}
    cases = "results/tiny/evaluation/cases.csv"
    assert digests[cases] == hashlib.sha256((project / cases).read_bytes()).hexdigest()
    assert "results/tiny/paper/report.html" in digests, "a phantom's pictures go along"
    assert "study: tiny\n" in (tmp_path / "crate" / "study.yaml").read_text()


def test_a_second_dose_and_a_second_centre_take_what_they_say(project: Path) -> None:
    results = project / "results" / "tiny"
    doses = pd.read_csv(results / "evaluation" / "doses.csv")
    assert set(doses.target) == {"all targets", "aurora", "borealis", "eclipse"}
    assert set(zip(doses.arm, doses.ratio)) == {("classic", 0.0), ("fewer", 0.125), ("synthetic", 0.25)}
    points = pd.read_csv(results / "evaluation" / "dose_correlations.csv").set_index("variable").n_points
    assert points.to_dict() == {"ratio": 2, "subjects": 0, "images_frechet": 0, "mask_fidelity": 0}
    trained = results / "segmentation" / "scanners"
    records = {
        arm: json.loads((trained / arm / "unet2d" / "seed-0" / "record.json").read_text())
        for arm in ("classic", "synthetic", "fewer", "multi_centre")
    }
    assert records["fewer"]["inputs"] == records["synthetic"]["inputs"], "one set of pairs, of which it takes half"
    source, first, second = (
        records[arm]["people"][f"results/tiny/data/{domain}/training.npz"]
        for arm, domain in (("classic", "aurora"), ("multi_centre", "aurora_two"), ("multi_centre", "dusk"))
    )
    assert set(first["train"]) < set(source["train"]), "the source's test subjects stay out of its centre"
    assert [len(one["train"]) for one in (source, first, second)] == [3, 2, 1]


def test_the_models_of_the_endpoint_have_cards_that_name_their_weights(project: Path) -> None:
    results = project / "results" / "tiny"
    cards = sorted((results / "paper" / "model_cards").rglob("*.md"))
    assert [card.relative_to(results / "paper" / "model_cards").parts[1] for card in cards] == ["classic", "synthetic"]
    for card in cards:
        run = card.relative_to(results / "paper" / "model_cards").with_suffix("")
        weights = (results / "segmentation" / run / "model.safetensors").read_bytes()
        assert hashlib.sha256(weights).hexdigest() in card.read_text()


def test_every_finished_job_left_a_record_and_no_resume_state(project: Path) -> None:
    results = project / "results" / "tiny"
    assert len(list(results.rglob("*record.json"))) >= 20
    assert not list(results.rglob("*checkpoint*"))
    assert not list(results.rglob("*.journal.jsonl"))


def test_the_generated_set_can_leave_with_its_card(project: Path) -> None:
    for form, ending in (("nifti", ".nii.gz"), ("png", ".png")):
        folder = project / "results" / "tiny" / "export" / "aurora" / "seed-0" / "step-30" / form
        listed = json.loads((folder / "dataset.json").read_text())
        assert len(list((folder / "imagesTr").glob(f"*{ending}"))) == listed["numTraining"] > 0
        card = (folder / "README.md").read_text()
        assert [
            word for word in ("Apache-2.0", "Verdict: ", "moment of its training: step-30") if word not in card
        ] == []


def test_the_best_networks_leave_it_whole(project: Path) -> None:
    """Every file is under a checksum, the graph runs, and no arm is taken whose network needs help at test time."""
    for pick in ("fast", "accurate"):
        folder = project / "results" / "tiny" / "export" / pick
        files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        digests = json.loads(files.pop("checksums.json").read_text())
        assert digests == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
        about = json.loads(files["model.json"].read_text())
        assert about["arm"] in {"real", "classic", "mixstyle", "synthetic", "fewer", "dann", "dg"}
        assert {row["domain"] for row in about["scores"]} == {"aurora", "borealis", "eclipse"}
        assert 0 < about["unlike"]["limit"] < 100
        session = onnxruntime.InferenceSession(files["model.onnx"], providers=["CPUExecutionProvider"])
        (found,) = session.run(["probabilities"], {"image": np.zeros((2, 32, 32), np.uint8)})
        assert found.shape == (2, 4, 32, 32)
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
        assert "Apache-2.0" in files["card.md"].read_text()
        chosen = json.loads(folder.with_name(f"{pick}.adapt.json").read_text())
        assert ("adapt.onnx" in files) == ("adapt" in about) == (chosen["method"] != "none")


def test_no_planted_identifier_is_in_outputs_logs_report_or_mlflow(project: Path) -> None:
    planted = project / "results" / "tiny" / "phantom" / "phantom" / "files"
    found = [
        one for part in ("results", ".snakemake") for one in scan(project / part, Words(list(WORDS), "words"), silent)
    ]
    assert {one.file for one in found if planted in one.file.parents} >= {planted / "manifest.csv"}, "they are there"
    assert [one for one in found if planted not in one.file.parents] == []
    assert (project / "results" / "mlflow.db").exists()


def test_a_second_run_has_nothing_to_do(project: Path) -> None:
    assert planned(project) == set()


def test_a_deleted_table_is_remade_byte_for_byte(project: Path) -> None:
    """By its own rule alone: everything in it comes from the scores."""
    tables = project / "results" / "tiny" / "paper" / "tables"
    before = {path.name: path.read_bytes() for path in tables.iterdir() if path.is_file()}
    shutil.rmtree(tables)
    result = snakemake(project, "results/tiny/paper/tables")
    assert result.returncode == 0, result.stderr[-4000:]
    assert set(re.findall(r"^(?:local)?rule (\w+):", result.stdout + result.stderr, flags=re.MULTILINE)) == {"tables"}
    assert {path.name: path.read_bytes() for path in tables.iterdir() if path.is_file()} == before
    assert snakemake(project).returncode == 0  # the report, which reads them, follows


def test_a_deleted_model_reruns_exactly_what_depends_on_it(project: Path) -> None:
    """Its own arm's chain, then what reads the scores of all arms; no other training, prediction or generator."""
    model = next((project / "results" / "tiny" / "segmentation" / "scanners" / "mixstyle").rglob("model.safetensors"))
    aside = model.rename(project / "aside.safetensors")
    text = snakemake(project, "-n").stdout
    aside.rename(model)
    jobs = re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", text, flags=re.MULTILINE)
    own = {"train_segmenter", "predict", "evaluate", "apply_segmenter"}
    arms = {arm for name, about in jobs if name in own for arm in re.findall(r"wildcards: .*\barm=(\w+)", about)}
    assert arms == {"mixstyle"}
    figures = {"gap", "distributions", "agreement", "forest", "ranks", "overlays", "factors", "doses", "curves"}
    paper = {"tables", "report", "model_card", *(f"draw_{name}" for name in figures)}
    assert {name for name, _ in jobs} - {"all"} == (
        own
        | {"gather", "compare", "compare_claims", "measure_factors", "measure_doses", "track"}
        | {"measure_applied", "draw_applied"}
        | paper
    )


def test_a_comment_or_a_touched_script_reruns_nothing(edited: Path) -> None:
    source = edited / "src" / "cmrbridge" / "core" / "loop.py"
    source.write_text("# a remark\n" + source.read_text())
    (edited / "workflow" / "scripts" / "train_segmenter.py").touch()
    assert planned(edited) == set()


def test_a_changed_constant_reruns_exactly_its_dependants(edited: Path) -> None:
    source = edited / "src" / "cmrbridge" / "evaluation" / "surface.py"
    changed = source.read_text().replace("95", "90")
    assert changed != source.read_text()
    source.write_text(changed)
    figures = {"gap", "distributions", "agreement", "forest", "ranks", "overlays", "factors", "doses"}
    paper = {"tables", "report", "model_card", *(f"draw_{name}" for name in figures)}
    scores = {"evaluate", "gather", "compare", "compare_claims", "measure_factors", "measure_doses"}
    assert planned(edited) == {*scores, "track", *paper}


def test_a_changed_recipe_retrains_its_arm_alone(project: Path) -> None:
    result = snakemake(project, "-n", "--config", "arms={dann: {augment: none}}")
    text = result.stdout + result.stderr
    trained = re.findall(r"rule train_segmenter:.*?wildcards: [^\n]*?\barm=(\w+)", text, flags=re.DOTALL)
    assert trained == ["dann"]


def test_snakemake_writes_its_own_report(project: Path) -> None:
    result = snakemake(project, "--report", "snakemake-report.html")
    assert result.returncode == 0, result.stderr
    assert (project / "snakemake-report.html").stat().st_size > 100_000


@pytest.mark.long
def test_the_same_study_from_scratch_gives_the_same_bytes(project: Path, tmp_path: Path) -> None:
    again = copied(tmp_path)
    result = snakemake(again, "results/tiny/evaluation/cases.csv")
    assert result.returncode == 0, result.stderr[-4000:]
    cases = "results/tiny/evaluation/cases.csv"
    assert (again / cases).read_bytes() == (project / cases).read_bytes()
