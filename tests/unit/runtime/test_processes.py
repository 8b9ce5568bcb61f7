"""Two processes train what one trains; they pause, resume and fall together; GPUs are given out once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmrbridge.core.geometry import Grid
from cmrbridge.core.pack import Case, Pack, write_pack
from cmrbridge.errors import InputError
from cmrbridge.runtime import ranks
from cmrbridge.runtime.slots import gpus

SIZE = 32
LOOP = {"steps": 3, "learning_rate": 1e-3, "precision": "float32", "checkpoint_every": 1, "report_every": 1}
SEGMENTER = {"architecture": "unet2d", "loop": LOOP, "batch": 4, "augment": {"noise_chance": 0.5, "noise": 0.1}}
DANN = {**SEGMENTER, "adversarial": {"alone": 0.0, "start": 0.0, "hidden": 8}}
DIFFUSION = {**LOOP, "average": 0.9, "batch": 4, "channels": [8, 16], "fold": 2}
SPADE = {**DIFFUSION, "spade_channels": 8}


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with training.npz, hearts of two subjects, and images.npz, another domain's images."""
    folder = tmp_path_factory.mktemp("packs")
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    labels = np.where(np.hypot(y, x - 8) < 8, 3, 0)
    labels[np.hypot(y, x) < 9] = 2
    labels[np.hypot(y, x) < 5] = 1
    grid = Grid((SIZE, SIZE, 4), (1.5, 1.5, 8.0), False, False, False, (16.0, 16.0), SIZE, 1.5)
    cases = tuple(
        Case("toy", "toy", name, "ED", split, ("LV", "MYO", "RV"), (8.0, 1.5, 1.5), grid)
        for name, split in (("a", "train"), ("b", "val"))
    )
    noise = np.random.default_rng(0).integers(0, 60, (8, SIZE, SIZE))
    images = (labels * 60 + noise).astype(np.uint8)
    numbers, positions = np.repeat([0, 1], 4).astype(np.int32), np.tile(np.arange(4), 2).astype(np.int32)
    write_pack(
        folder / "training.npz", Pack(images, np.stack([labels.astype(np.uint8)] * 8), numbers, positions, cases)
    )
    write_pack(folder / "images.npz", Pack(255 - images, None, numbers, positions, cases))
    return folder


def command(packs: Path, what: str, settings: dict[str, Any], output: Path, *more: str) -> list[str]:
    output.mkdir(exist_ok=True)
    (output / "settings.json").write_text(json.dumps(settings))
    told = ["--data", packs / "training.npz", "--settings", output / "settings.json", "--output", output, *more]
    return [sys.executable, "-m", "cmrbridge", what, *map(str, told)]


def train(*told: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*told), capture_output=True, text=True, timeout=600)


def losses(folder: Path) -> list[list[float]]:
    """Every loss of every step. (Weights would not do: a bias before a norm has no gradient but rounding, which Adam
    blows up.)"""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [[value for name, value in line.items() if name.endswith("loss")] for line in lines]


@pytest.mark.whole
@pytest.mark.parametrize(
    ("what", "settings", "more"),
    [
        pytest.param("train-segmenter", SEGMENTER, [], id="segmenter"),
        pytest.param("train-segmenter", DANN, ["--unlabelled", "images.npz"], id="dann", marks=pytest.mark.long),
        pytest.param("train-masks", DIFFUSION, [], id="masks", marks=pytest.mark.long),
        pytest.param("train-synthesis", SPADE, [], id="synthesis", marks=pytest.mark.long),
    ],
)
def test_two_processes_train_what_one_trains(
    packs: Path, tmp_path: Path, what: str, settings: dict[str, Any], more: list[str]
) -> None:
    """Dice is pooled over the batch and the domain classifier normalises over it: shares alone would not do."""
    more = [str(packs / word) if word.endswith(".npz") else word for word in more]
    for count in ("1", "2"):
        done = train(packs, what, settings, tmp_path / count, *more, "--processes", count)
        assert done.returncode == 0, done.stderr
    one, two = losses(tmp_path / "1"), losses(tmp_path / "2")
    assert len(one) == LOOP["steps"]
    np.testing.assert_allclose(two, one, rtol=1e-4)


@pytest.mark.long
def test_they_pause_and_resume_bit_for_bit(packs: Path, tmp_path: Path) -> None:
    assert train(packs, "train-segmenter", SEGMENTER, tmp_path / "whole", "--processes", "2").returncode == 0
    cut = (packs, "train-segmenter", SEGMENTER, tmp_path / "cut", "--processes", "2")
    assert train(*cut, "--minutes", "0").returncode == 75
    assert train(*cut).returncode == 0
    for name in ("model.safetensors", "metrics.jsonl"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.long
def test_one_that_dies_ends_the_training_and_is_named(packs: Path, tmp_path: Path) -> None:
    endless = {**SEGMENTER, "loop": {**LOOP, "steps": 100_000}}
    told = command(packs, "train-segmenter", endless, tmp_path / "out", "--processes", "2")
    with subprocess.Popen(told, stderr=subprocess.PIPE, text=True) as leader:
        while not (tmp_path / "out" / "checkpoint.partial.safetensors").exists():
            assert leader.poll() is None, leader.stderr.read() if leader.stderr else ""
            time.sleep(0.2)
        (other,) = Path(f"/proc/{leader.pid}/task/{leader.pid}/children").read_text().split()
        os.kill(int(other), signal.SIGKILL)
        _, said = leader.communicate(timeout=120)
    assert leader.returncode != 0
    assert "process 1 with exit code -9 ended before its job was done" in said


START = """
import os, signal, time
from cmrbridge.runtime.ranks import company
if os.environ.get("CMRBRIDGE_RANK"):
    {other}
else:
    {leader}
with company(2, "cpu"):
    print("began")
"""
DIE = "os.kill(os.getpid(), signal.SIGKILL)"


def test_one_that_dies_before_it_joins_is_not_waited_for(tmp_path: Path) -> None:
    """Killed for its memory while it imports, say: torch waits for it for as long as a step may take, six hours."""
    (tmp_path / "start.py").write_text(START.format(other=DIE, leader="pass"))
    done = subprocess.run([sys.executable, tmp_path / "start.py"], capture_output=True, text=True, timeout=60)
    assert "process 1 with exit code -9 ended before its job was done" in done.stderr


def test_one_that_starts_after_its_jobs_end_ends_too(tmp_path: Path) -> None:
    """It would hold memory, and a GPU that the next job is given, for as long as a step may take."""
    other = "time.sleep(3)"
    leader = "import threading; threading.Timer(2, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()"
    (tmp_path / "start.py").write_text(START.format(other=other, leader=leader))
    with subprocess.Popen([sys.executable, tmp_path / "start.py"], stdout=subprocess.PIPE, text=True) as job:
        assert job.communicate(timeout=60) == ("", None)  # the pipe is closed when both have ended
    assert job.returncode == -signal.SIGKILL


DISAGREE = """
from cmrbridge.core.parallel import ensure_same, rank
from cmrbridge.runtime.ranks import company
with company(2, "cpu"):
    ensure_same(7 * rank(), "cpu")
    input()
"""


def test_one_that_read_another_state_ends_the_training(tmp_path: Path) -> None:
    """A read error in one process alone would otherwise average the gradients of two steps."""
    (tmp_path / "start.py").write_text(DISAGREE)
    command = [sys.executable, tmp_path / "start.py"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert "process 1 would begin at step 7, process 0 at step 0" in done.stderr


def test_all_that_hang_share_one_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slurm leaves a job seconds, whatever the number of its processes."""
    monkeypatch.setattr(ranks, "GRACE", 1.0)
    hanging = [subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) for _ in range(4)]
    before = time.monotonic()
    ranks._end(hanging)
    assert time.monotonic() - before < 3
    assert [process.returncode for process in hanging] == [-signal.SIGKILL] * 4


@pytest.mark.whole
def test_a_batch_that_can_not_be_shared_is_refused(packs: Path, tmp_path: Path) -> None:
    done = train(packs, "train-segmenter", SEGMENTER, tmp_path / "out", "--processes", "3")
    assert done.returncode == 2
    assert "a batch of 4 can't be shared equally by 3 processes" in done.stderr


HOLD = """import os, sys
from cmrbridge.runtime.slots import gpus
with gpus(int(sys.argv[1])):
    print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
    input()
"""


def test_jobs_of_one_machine_take_different_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0, 2,5")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    start = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    jobs = [subprocess.Popen([sys.executable, "-c", HOLD, "1"], **start) for _ in range(2)]
    first = [job.stdout.readline().strip() for job in jobs]
    assert sorted(first) == ["0", "2"]
    waiting = subprocess.Popen([sys.executable, "-c", HOLD, "2"], **start)
    time.sleep(2)
    jobs[first.index("0")].kill()  # its slot dies with it
    assert waiting.stdout.readline().strip() == "0,5"
    for job in (*jobs, waiting):
        job.kill()
        job.communicate()


def test_more_gpus_than_there_are_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with pytest.raises(InputError, match=r"asks for 3 GPUs and sees 2 \(0, 1\)"), gpus(3):
        pass


def test_slurm_has_given_them_out_already(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with gpus(1):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
