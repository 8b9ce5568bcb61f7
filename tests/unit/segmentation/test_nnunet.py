"""Our side of nnU-Net's cage: what goes in, how its words are read; and, where its environment is, the cage itself."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from cmrbridge.core.checkpoint import Paused, Resume, read_tensors
from cmrbridge.core.geometry import Grid
from cmrbridge.core.pack import Case, Pack, write_pack
from cmrbridge.errors import InputError
from cmrbridge.segmentation.nnunet.cases import DATASET, check_annotated, piles_of, stacks_of, write_raw
from cmrbridge.segmentation.nnunet.predict import predict_nnunet
from cmrbridge.segmentation.nnunet.process import PROGRAM, _finish, run_caged
from cmrbridge.segmentation.nnunet.train import NnunetSettings, read_groups, train_nnunet

SIZE = 32
SETTINGS = NnunetSettings("nnunet2d", epochs=2, iterations=1, validation_iterations=1, memory_gb=0.02)
PYTHON = Path(__file__).parents[3] / ".venv-nnunet/bin/python"
needs_nnunet = pytest.mark.skipif(not PYTHON.exists(), reason="nnU-Net's environment is not there: make nnunet-env")


def tiny_pack(positions: list[list[int]], splits: list[str]) -> Pack:
    """Cases of these slice positions: a bright LV in a grey ring beside an RV on noise, other in every slice."""
    rng, count = np.random.default_rng(0), sum(map(len, positions))
    y, x = np.mgrid[:SIZE, :SIZE]
    labels = []
    for _ in range(count):
        radius = np.hypot(y - 16 - rng.integers(-2, 3), x - 18 - rng.integers(-2, 3))
        labels.append(np.select([radius < 4, radius < 8, (abs(y - 16) < 6) & (x < 9)], [1, 2, 3], 0).astype(np.uint8))
    images = [(np.array([20, 220, 90, 160])[one] + rng.integers(-15, 16, one.shape)).astype(np.uint8) for one in labels]
    grid = Grid((40, 48, 9), (1.5, 1.5, 8.0), True, True, False, (23.5, 19.5), SIZE, 1.5)
    all_of_them = ("LV", "MYO", "RV")
    table = [Case("toy", "toy", f"s{i}", "ED", s, all_of_them, (8.0, 1.5, 1.5), grid) for i, s in enumerate(splits)]
    number = np.repeat(np.arange(len(splits), dtype=np.int32), [len(one) for one in positions])
    return Pack(np.stack(images), np.stack(labels), number, np.concatenate(positions).astype(np.int32), tuple(table))


@pytest.fixture
def training(tmp_path: Path) -> Path:
    pack = tiny_pack([[0, 1, 2], [0, 1, 2, 3], [1, 2, 3, 4, 5]], ["train", "train", "val"])
    write_pack(tmp_path / "training.npz", pack)
    return tmp_path / "training.npz"


def test_a_missing_slice_makes_two_stacks_so_that_spacing_is_even() -> None:
    stacks = stacks_of(tiny_pack([[0, 1, 2], [2, 3, 6, 7, 8]], ["train", "train"]))
    assert [stack.rows.tolist() for stack in stacks] == [[0, 1, 2], [3, 4], [5, 6, 7]]
    assert [stack.case for stack in stacks] == [0, 1, 1]


def test_piles_hold_every_synthetic_slice_once() -> None:
    piles = piles_of(tiny_pack([[0]] * 7, ["train"] * 7), 3)
    assert [pile.rows.tolist() for pile in piles] == [[0, 1, 2], [3, 4, 5], [6]]


def test_planning_sees_real_training_cases_alone(training: Path, tmp_path: Path) -> None:
    write_pack(tmp_path / "pairs.npz", tiny_pack([[0]] * 9, ["train"] * 9))
    settings = NnunetSettings("nnunet2d", 1, 1, 1, ratio=9 / 7)
    groups = read_groups(settings, [training], tmp_path / "pairs.npz", None)
    names = write_raw(tmp_path, groups, ["real0"])
    assert {name: len(of_it) for name, of_it in names.items()} == {"real0": 2, "validation0": 1, "synthetic": 3}
    raw = tmp_path / "raw" / DATASET
    assert set(json.loads((raw / "dataset.json").read_text())["dataset"]) == {"real0_00000", "real0_00001"}
    assert len(json.loads((raw / "cases.json").read_text())["names"]) == 6


def test_a_stack_lies_in_its_file_as_nnunet_reads_it(training: Path, tmp_path: Path) -> None:
    """nnU-Net turns (x, y, z) files into (z, y, x) arrays, spacing included."""
    groups = read_groups(SETTINGS, [training], None, None)
    write_raw(tmp_path, groups, ["real0"])
    file = nibabel.load(tmp_path / "raw" / DATASET / "imagesTr" / "real0_00001_0000.nii")
    pack, stacks = groups["real0"]
    assert np.array_equal(np.asarray(file.dataobj).transpose(2, 1, 0), pack.images[stacks[1].rows])
    assert file.header.get_zooms()[::-1] == (8.0, 1.5, 1.5)


def test_unknown_structures_are_refused_not_learnt_as_background(tmp_path: Path) -> None:
    pack = tiny_pack([[0, 1]], ["train"])
    cases = tuple(Case(**{**vars(case), "annotated": ("LV", "MYO")}) for case in pack.cases)
    with pytest.raises(InputError, match=r"s0 \(ED\) has no RV annotated"):
        check_annotated(Pack(pack.images, pack.labels, pack.case, pack.position, cases), tmp_path)


def process(code: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_lines_of_progress_are_reported_and_failures_say_why() -> None:
    heard: list[dict[str, float]] = []
    progress = 'print("words"); print("@ " + \'{"step": 1, "total": 2, "loss": 0.5}\')'
    _finish(process(progress), lambda step, total=None, **values: heard.append({"step": step, **values}), lambda: False)
    assert heard == [{"step": 1, "loss": 0.5}]
    error = 'print("@ " + \'{"error": "too small"}\'); raise SystemExit(1)'
    with pytest.raises(InputError, match="nnU-Net: too small"):
        _finish(process(error), lambda step, total=None, **values: None, lambda: False)
    with pytest.raises(RuntimeError, match=r"(?s)exit code 3.*last words"):
        _finish(process("print('last words'); raise SystemExit(3)"), lambda step, total=None, **values: None, bool)
    with pytest.raises(Paused):
        _finish(process("raise SystemExit(1)"), lambda step, total=None, **values: None, lambda: True)


def test_an_environment_that_is_gone_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="make nnunet-env"):
        run_caged("train", tmp_path, {"threads": 1}, python=tmp_path / "python", report=lambda step: None)


CHILD = """
import sys, time
sys.path.insert(0, sys.argv[1])
import caged
caged.end_with_parent()
print("ready", flush=True)
time.sleep(99)
"""


@pytest.mark.whole
@needs_nnunet
def test_the_caged_program_ends_with_a_job_that_is_killed() -> None:
    told = ["bash", "-c", '"$0" -c "$1" "$2" & wait', str(PYTHON), CHILD, str(PROGRAM.parent)]
    with subprocess.Popen(told, stdout=subprocess.PIPE, text=True) as job:
        assert job.stdout is not None
        assert job.stdout.readline() == "ready\n"
        job.kill()
        before = time.monotonic()
        assert job.stdout.read() == ""  # the pipe is closed when both have ended
    assert time.monotonic() - before < 60


class Halted(Exception):
    pass


def train(training: Path, folder: Path, settings: NnunetSettings = SETTINGS, halt_at: int = 0) -> Path:
    """Train and give the model; ``halt_at``: what a kill after this epoch's report would leave."""
    folder.mkdir(exist_ok=True)

    def report(step: int, total: int | None = None, **values: float) -> None:
        assert {"loss", "val_dice", "val_RV"} <= values.keys()
        if step == halt_at:
            raise Halted

    train_nnunet(
        settings=settings,
        training=[training],
        synthetic=None,
        translated=None,
        model=folder / "model.safetensors",
        seed=3,
        threads=1,
        python=PYTHON,
        checkpoint=Resume(folder / "checkpoint", "stamp"),
        device="cpu",
        report=report,
    )
    Resume(folder / "checkpoint", "stamp").clear()
    assert [path.name for path in folder.iterdir()] == ["model.safetensors"]
    return folder / "model.safetensors"


@pytest.mark.long
@needs_nnunet
def test_a_killed_training_goes_on_and_ends_in_the_same_weights(training: Path, tmp_path: Path) -> None:
    with pytest.raises(Halted):
        train(training, tmp_path / "halted", halt_at=1)
    assert list((tmp_path / "halted").glob("*/state.pth"))
    resumed, whole = (train(training, tmp_path / name).read_bytes() for name in ("halted", "whole"))
    assert resumed == whole


@pytest.mark.long
@needs_nnunet
def test_whether_predictions_mirror_changes_no_weight(training: Path, tmp_path: Path) -> None:
    short = replace(SETTINGS, epochs=1)
    models = [train(training, tmp_path / str(mirror), replace(short, mirror=mirror)) for mirror in (True, False)]
    (weights, mirrored), (same, plain) = map(read_tensors, models)
    assert all(weights[name].equal(same[name]) for name in weights)
    assert [json.loads(about["network"])["mirror"] for about in (mirrored, plain)] == [[0, 1], None]


@pytest.mark.whole
@needs_nnunet
def test_it_predicts_from_its_file_alone_and_mirrors_nothing_that_it_did_not_learn(
    training: Path, tmp_path: Path
) -> None:
    """A case that lacks a slice in the middle comes back whole, with background there."""
    model = train(training, tmp_path / "model", replace(SETTINGS, epochs=1, iterations=2, augmentation="none"))
    assert json.loads(read_tensors(model)[1]["network"])["mirror"] is None
    write_pack(tmp_path / "test.npz", tiny_pack([[0, 1, 3, 4]], ["test"]))
    nibabel.save(nibabel.Nifti1Image(np.zeros((40, 48, 9), np.int16), np.eye(4)), tmp_path / "image.nii.gz")
    (tmp_path / "subjects.csv").write_text(f"subject,phase,image\ns0,ED,{tmp_path / 'image.nii.gz'}\n")
    predict_nnunet(
        model=model,
        tests={"toy": tmp_path / "test.npz"},
        subjects={"toy": tmp_path / "subjects.csv"},
        folder=tmp_path / "out",
        threads=1,
        python=PYTHON,
        device="cpu",
        report=lambda step, total=None, **values: None,
    )
    labels = np.asarray(nibabel.load(tmp_path / "out/toy/s0_ED.nii.gz").dataobj)
    assert labels.shape == (40, 48, 9)
    assert not labels[..., [2, 5, 6, 7, 8]].any()
    assert labels[..., [0, 1, 3, 4]].any()
