"""Nothing of a held-out subject reaches a trained weight: by the files that trainings name, and by poisoning them."""

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from cmrbridge.core.geometry import Grid
from cmrbridge.core.pack import Case, Pack, write_pack
from cmrbridge.data.duplicates import COLUMNS
from cmrbridge.data.split import SplitSettings, split_domain
from cmrbridge.segmentation.train import settings_from, train_segmenter

ROOT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
AT_TEST_TIME = ("test_time", "test_translation")
ARMS = {
    str({key: value for key, value in arm.items() if key not in AT_TEST_TIME}): name
    for name, arm in CONFIG["arms"].items()
    if arm.get("train_on") != "target"
}  # one arm of each training, but for the oracle
SIZE = 32
SUBJECTS = 8


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, list[str]]]:
    """Rule, inputs and outputs of every job of the demo with all arms of the catalogue."""
    folder = tmp_path_factory.mktemp("plan")
    overlay = {"run": {"arms": list(CONFIG["arms"]), "architectures": ["unet2d_batch"], "seeds": [0]}}
    (folder / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    result = subprocess.run(
        [*command, "--configfile", str(folder / "overlay.yaml"), "--cores", "1", "-n"],
        capture_output=True,
        text=True,
        env=os.environ,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    found = []
    for block in re.split(r"^(?:local)?rule ", result.stdout + result.stderr, flags=re.MULTILINE)[1:]:
        parts = {key: re.search(rf"^ +{key}: (.*)$", block, flags=re.MULTILINE) for key in ("input", "output")}
        files = {key: match[1].split(", ") if match else [] for key, match in parts.items()}
        found.append({"rule": [block.partition(":")[0]], **files})
    return found


def data_behind(path: str, jobs: list[dict[str, list[str]]]) -> set[str]:
    """The packs of domains that a file is made from, directly or through other jobs. Of data/.ready, for which all
    trainings wait, nobody reads a byte."""
    if "/data/" in path:
        return {path} - {"results/demo/data/.ready"}
    makers = [job for job in jobs if path in job["output"]]
    return set().union(*(data_behind(one, jobs) for job in makers for one in job["input"]))


def test_no_training_is_made_from_a_file_of_a_target(jobs: list[dict[str, list[str]]]) -> None:
    scenario = CONFIG["scenarios"]["scanners"]
    own = {f"results/demo/data/{scenario['source']}/training.npz"}
    unlabelled = {f"results/demo/data/{domain}/images.npz" for domain in scenario["unlabelled"]}
    labelled = {f"results/demo/data/{domain}/training.npz" for domain in scenario["targets"]}
    models = [one for job in jobs for one in job["output"] if re.search(r"/(model|step-\d+)\.safetensors$", one)]
    assert {path.split("/")[2] for path in models} == {"segmentation", "masks", "synthesis", "translation"}
    for path in models:
        arm = CONFIG["arms"].get(path.split("/")[4], {}) if "/segmentation/" in path else {}
        allowed = labelled if arm.get("train_on") == "target" else own | (unlabelled if "adversarial" in arm else set())
        assert data_behind(path, jobs) == allowed, path


def test_at_test_time_a_reference_is_the_sources_training_images(jobs: list[dict[str, list[str]]]) -> None:
    predictions = [job for job in jobs if job["rule"] == ["predict"]]
    assert len(predictions) == len(CONFIG["arms"])
    for job in predictions:
        seen = {path for path in job["input"] if "/data/" in path and not path.endswith("/test.npz")}
        matched = any("/histogram/" in path for path in job["output"])
        assert seen == ({"results/demo/data/aurora/images.npz"} if matched else set())


def cohort(dataset: str, seed: int) -> Pack:
    """Two slices of each subject: a bright disc in a ring beside a square, in noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE]
    radius = np.hypot(y - 16, x - 18)
    label = np.select([radius < 4, radius < 8, (abs(y - 16) < 6) & (x < 9)], [1, 2, 3], 0).astype(np.uint8)
    images = np.array([20, 220, 90, 160])[label] + rng.integers(-15, 16, (2 * SUBJECTS, SIZE, SIZE))
    grid = Grid((SIZE, SIZE, 2), (1.5, 1.5, 8.0), True, True, False, (15.5, 15.5), SIZE, 1.5)
    cases = [
        Case(dataset, "", f"{dataset}{number}", "ED", "", ("LV", "MYO", "RV"), (8.0, 1.5, 1.5), grid)
        for number in range(SUBJECTS)
    ]
    number = np.repeat(np.arange(SUBJECTS, dtype=np.int32), 2)
    labels = np.repeat(label[None], 2 * SUBJECTS, axis=0)
    return Pack(images.astype(np.uint8), labels, number, np.tile(np.arange(2, dtype=np.int32), SUBJECTS), tuple(cases))


def poisoned(pack: Pack, subjects: set[str], labels_too: bool = True) -> Pack:
    """The pack with noise for the images, and noise for the labels, of these subjects."""
    rng = np.random.default_rng(99)
    rows = np.isin(pack.case, [index for index, case in enumerate(pack.cases) if case.subject in subjects])
    images, labels = pack.images.copy(), pack.labels.copy()
    images[rows] = rng.integers(0, 256, images[rows].shape)
    if labels_too:
        labels[rows] = rng.integers(0, 4, labels[rows].shape)
    return dataclasses.replace(pack, images=images, labels=labels)


def split(folder: Path, pack: Pack) -> dict[str, set[str]]:
    """Write the domain's packs as the workflow does; split → subjects."""
    name = pack.cases[0].dataset
    home = folder / name
    home.mkdir(parents=True)
    write_pack(home / "prepared.npz", pack)
    rows = [f"{name},{case.subject},ED,LV MYO RV,,A" for case in pack.cases]
    (home / "subjects.csv").write_text("\n".join(["dataset,subject,phase,annotated,pathology,vendor", *rows]) + "\n")
    (home / "duplicates.csv").write_text(",".join(COLUMNS) + "\n")
    split_domain(
        settings=SplitSettings(domain=name, dataset=name, where={}, train=0.5, val=0.25, seed=0),
        duplicates=home / "duplicates.csv",
        subjects=home / "subjects.csv",
        prepared=home / "prepared.npz",
        table=home / "split.csv",
        **{part: home / f"{part}.npz" for part in ("training", "images", "test")},
    )
    members: dict[str, set[str]] = {}
    for line in (home / "split.csv").read_text().splitlines()[1:]:
        members.setdefault(line.split(",")[1], set()).add(line.split(",")[0])
    return members


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clean")
    for seed, name in enumerate(("source", "target")):
        split(folder, cohort(name, seed))
    return folder


@pytest.fixture(scope="module")
def poison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source's test subjects are noise, as are the target's, and of the target's others all labels."""
    folder = tmp_path_factory.mktemp("poison")
    for seed, name in enumerate(("source", "target")):
        pack = cohort(name, seed)
        members = split(folder / "first", pack)
        pack = poisoned(pack, members["test"])
        if name == "target":
            noise = poisoned(pack, members["train"] | members["val"]).labels
            pack = dataclasses.replace(pack, labels=noise)
        split(folder, pack)
    return folder


def train(folder: Path, arm: dict[str, Any], model: Path) -> bytes:
    """The weights' file of an arm that trains three steps on the packs in ``folder``."""
    plain: dict[str, Any] = {
        "architecture": "unet2d_batch",
        "batch": 4,
        "loop": {"steps": 3, "learning_rate": 3e-3, "inspect_every": 3},
        "augment": CONFIG["augmentations"][arm["augment"]],
    }
    chosen = {"mixstyle": arm.get("mixstyle"), "ratio": (arm.get("synthetic") or {}).get("ratio", 0.0)}
    if "adversarial" in arm:
        chosen["adversarial"] = CONFIG["adversarial"][arm["adversarial"]]
    train_segmenter(
        settings=settings_from(plain | chosen),
        training=[folder / "source" / "training.npz"],
        synthetic=folder / "source" / "training.npz" if chosen["ratio"] else None,  # pairs made from it, or itself
        translated=folder / "source" / "training.npz" if "translated" in arm else None,
        unlabelled=[folder / "target" / "images.npz"] if "adversarial" in arm else [],
        model=model,
        seed=0,
        checkpoint=None,
        device="cpu",
        report=lambda step, total=None, **values: None,
    )
    return model.read_bytes()


def test_poison_reaches_the_tests_and_nothing_that_trainings_read(clean: Path, poison: Path) -> None:
    """All trainings, generators' too, read these files and their settings; equal bytes in, equal weights out."""
    same = {path.relative_to(clean): path.read_bytes() == (poison / path.relative_to(clean)).read_bytes()
            for path in clean.rglob("*.npz")}  # fmt: skip
    assert {str(path) for path, equal in same.items() if equal} == {
        "source/training.npz", "source/images.npz", "target/images.npz"
    }  # fmt: skip


@pytest.mark.parametrize("name", ARMS.values())
def test_weights_trained_beside_poison_are_bit_equal(name: str, clean: Path, poison: Path, tmp_path: Path) -> None:
    arm = CONFIG["arms"][name]
    models = [train(folder, arm, tmp_path / f"{folder.name}.safetensors") for folder in (clean, poison)]
    assert models[0] == models[1]


@pytest.mark.parametrize(("name", "domain"), [("classic", "source"), ("dann", "source"), ("dann", "target")])
def test_poison_in_what_an_arm_may_see_does_change_it(name: str, domain: str, clean: Path, tmp_path: Path) -> None:
    """The control: with noise among its training subjects, the same comparison fails."""
    for seed, one in enumerate(("source", "target")):
        pack = cohort(one, seed)
        if one == domain:
            pack = poisoned(pack, split(tmp_path / "first", pack)["train"], labels_too=False)
        split(tmp_path, pack)
    arm = CONFIG["arms"][name]
    assert train(clean, arm, tmp_path / "clean.safetensors") != train(tmp_path, arm, tmp_path / "other.safetensors")
