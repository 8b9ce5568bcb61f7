"""What a machine does to a training: after each fault the same command ends in the very bytes of an undisturbed run.

Damaged states, non-finite losses and every instant of a write are in tests/unit/core (test_checkpoint, test_loop).
"""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from cmrbridge.cli import main
from cmrbridge.core.checkpoint import read_tensors
from cmrbridge.runtime.journal import read_journal
from cmrbridge.runtime.snakelock import workers
from faults import Tell
from trainings import Session, Training, write_inputs

STEPS, EVERY = 40, 5
WRITING = ".checkpoint.partial.safetensors.partial"
ENDS = (".model.safetensors.partial", ".metrics.jsonl.partial", ".record.json.partial", "record.json")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Training:
    """A training that nothing disturbed."""
    folder = tmp_path_factory.mktemp("trainings")
    write_inputs(folder, steps=STEPS, checkpoint_every=EVERY)
    training = Training(folder, folder / "whole")
    assert training.start().end() == 0
    return training


@pytest.fixture
def training(whole: Training, tmp_path: Path) -> Training:
    """The same training, to be done elsewhere."""
    return Training(whole.inputs, tmp_path / "out")


def at_any_moment(session: Session, random: Random) -> None:
    """From the first instruction on."""
    time.sleep(random.uniform(0, 1))


def at_a_step(session: Session, random: Random) -> None:
    goal = random.randint(1, 8)
    session.watch(lambda: len(session.steps) >= goal)
    time.sleep(random.uniform(0, 0.05))


def in_a_write(session: Session, random: Random) -> None:
    session.watch(session.training.file(WRITING).exists)
    time.sleep(random.uniform(0, 0.005))


def at_the_end(session: Session, random: Random) -> None:
    session.watch(session.training.file(random.choice(ENDS)).exists)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 10))])
def test_killed_again_and_again(whole: Training, training: Training, seed: int, faults: Tell) -> None:
    random = Random(seed)
    killed = inside = lost = 0
    for instant in (at_any_moment, at_a_step, in_a_write, in_a_write, at_the_end):
        resumed = training.saved
        session = training.start()
        instant(session, random)
        killed += session.end(signal.SIGKILL) == -signal.SIGKILL
        steps = session.steps
        if steps:
            assert steps[0] == resumed + 1
            lost = max(lost, steps[-1] - training.saved)
        inside += training.file(WRITING).exists()
    assert training.start().end() == 0
    survived = training.results() == whole.results()
    faults("kill -9 at a random instant", tried=killed, survived=killed * survived, lost=lost, allowed=EVERY)
    if inside:  # a write takes milliseconds, and may be missed
        name = "kill -9 at a random instant inside the write of a checkpoint"
        faults(name, tried=inside, survived=inside * survived, allowed=EVERY)


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGUSR1, marks=pytest.mark.long)])
def test_asked_to_stop(whole: Training, training: Training, number: signal.Signals, faults: Tell) -> None:
    """Its exit code asks for a requeue, and not a step is lost."""
    lost, random = 0, Random(1)
    for _ in range(3):
        session = training.start()
        at_a_step(session, random)
        assert session.end(number) == 75
        assert "paused after step" in training.said.read_text()
        lost = max(lost, session.steps[-1] - training.saved)
    assert training.start().end() == 0
    survived = training.results() == whole.results()
    faults(f"{number.name} at a random step", tried=3, survived=3 * survived, lost=lost)


@pytest.mark.parametrize("late", [True, pytest.param(False, marks=pytest.mark.long)])
def test_started_twice(whole: Training, training: Training, late: bool, faults: Tell) -> None:
    """The second start ends at once and names the first."""
    first = training.start()
    if late:
        first.watch(lambda: bool(first.steps))
    second = Training(training.inputs, training.output.with_name("second"))
    training.output.mkdir(exist_ok=True)  # a link that leads nowhere yet would be another fault
    second.output.symlink_to(training.output, target_is_directory=True)
    rival = second.start()
    codes = {first: first.end(), rival: rival.end()}
    winner, loser = sorted(codes, key=lambda session: codes[session])
    assert sorted(codes.values()) == [0, 2]
    assert f"already runs as process {winner.process.pid} on " in loser.training.said.read_text()
    assert winner is first or not late
    faults("the same run started twice", tried=1, survived=int(training.results() == whole.results()))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A real file system of so many bytes."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mounted(size: int) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("run as root, who alone may mount a small disk")
        return folder

    yield mounted
    subprocess.run(["umount", str(folder)], capture_output=True)


def test_the_disk_is_full(whole: Training, small_disk: Callable[[int], Path], faults: Tell) -> None:
    """A tmpfs on which somebody else takes the room that the next state needs; then gives it back."""
    model = whole.file("model.safetensors").stat().st_size  # a state is three of these, and two states are kept
    disk = small_disk(11 * model)
    training = Training(whole.inputs, disk / "out")
    session = training.start()
    session.watch(lambda: len(session.steps) > EVERY)
    room = os.statvfs(disk)
    with (disk / "filler").open("wb") as filler:
        os.posix_fallocate(filler.fileno(), 0, room.f_bavail * room.f_frsize - 64 * 1024)  # some lines of journal fit
    assert session.end() == 2
    assert "the disk is full" in training.said.read_text()
    lost = session.steps[-1] - training.saved
    assert not training.file(WRITING).exists(), "half a state takes room"
    (disk / "filler").unlink()
    assert training.start().end() == 0
    survived = int(training.results() == whole.results())
    faults("disk full at a write (a small tmpfs)", tried=1, survived=survived, lost=lost, allowed=EVERY)


@pytest.mark.long
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_the_disk_is_full_at_a_call(
    whole: Training, training: Training, call: str, monkeypatch: pytest.MonkeyPatch, faults: Tell
) -> None:
    """No file system at hand runs out of room there: the call itself fails, at the third state."""
    real, states = getattr(os, call), []

    def full(*arguments: object) -> None:
        of = os.readlink(f"/proc/self/fd/{arguments[0]}") if call == "fsync" else str(arguments[0])
        states.extend([of] * of.endswith(WRITING))
        if len(states) > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(*arguments)

    monkeypatch.setattr(os, call, full)
    assert main(training.arguments) == 2
    monkeypatch.undo()
    lost = 3 * EVERY - training.saved
    assert main(training.arguments) == 0
    survived = int(training.results() == whole.results())
    faults(f"disk full at os.{call} (the call fails)", tried=1, survived=survived, lost=lost, allowed=EVERY)


@pytest.fixture
def read_only() -> Iterator[Callable[[Path], None]]:
    """Makes a folder one that nobody can write into, root neither where it may mount."""
    done = []

    def seal(folder: Path) -> None:
        done.append(folder)
        if os.getuid():
            folder.chmod(0o555)
            return
        subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)

    yield seal
    for folder in done:
        folder.chmod(0o755) if os.getuid() else subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.long
def test_odd_surroundings(whole: Training, tmp_path: Path, read_only: Callable[[Path], None], faults: Tell) -> None:
    """Input that cannot be written, no HOME, blanks and letters of other alphabets, in the shell's own command."""
    inputs = tmp_path / "données d'été 心"
    inputs.mkdir()
    write_inputs(inputs, steps=STEPS, checkpoint_every=EVERY)
    read_only(inputs)
    with pytest.raises(OSError, match=r"Read-only|Permission"):
        (inputs / "new").touch()
    training = Training(inputs, tmp_path / "résultats ü" / "lauf 1")
    without_home = {name: value for name, value in os.environ.items() if name != "HOME"}
    command = [sys.executable, "-m", "cmrbridge", *training.arguments]
    done = subprocess.run(command, env=without_home, capture_output=True, text=True)
    survived = int(done.returncode == 0 and training.results() == whole.results())
    for fault in ("read-only input", "HOME unset", "paths with blanks and non-ASCII letters"):
        faults(fault, tried=1, survived=survived)


SNAKEFILE = """
rule train:
    output:
        model="results/model.safetensors", metrics="results/metrics.jsonl", record="results/record.json",
    params: seed=0,
    script: "train.py"
"""
SCRIPT = """
import time
from pathlib import Path
import torch
from cmrbridge.core.checkpoint import write_tensors
from cmrbridge.core.loop import LoopSettings, fit
from cmrbridge.runtime.job import job

with job(snakemake, torch=True) as run:
    module = torch.nn.Linear(4, 1)
    def loss_at(step, generator):
        time.sleep(0.05)
        return module(torch.randn(8, 4, generator=generator)).square().mean(), {}
    settings = LoopSettings(steps=40, learning_rate=0.1, checkpoint_every=10, report_every=1)
    fit(loss_at, module, settings=settings, seed=0, device=run.device, report=run.report, resume=run.resume)
    write_tensors(Path(snakemake.output.model), module.state_dict(), {})
"""


@pytest.mark.long
def test_snakemake_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faults: Tell) -> None:
    """Its job sees that, saves its state and ends, instead of holding the folder for an end that nobody will take."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "train.py").write_text(SCRIPT)
    results, command = tmp_path / "results", [sys.executable, "-m", "snakemake", "--cores", "1", "--rerun-incomplete"]

    def steps() -> list[int]:
        return [line["step"] for line in read_journal(results / ".journal.jsonl") if "step" in line]

    snakemake = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    while len(steps()) < 15:
        assert snakemake.poll() is None
        time.sleep(0.01)
    snakemake.kill()
    snakemake.wait()
    while not any(line.get("event") == "paused" for line in read_journal(results / ".journal.jsonl")):
        time.sleep(0.01)
    while workers(tmp_path):
        time.sleep(0.05)
    lost = steps()[-1] - read_tensors(results / "checkpoint.partial.safetensors")[1]["step"]
    monkeypatch.chdir(tmp_path)
    assert subprocess.run(command, capture_output=True).returncode != 0, "locked"
    assert main(["unlock"]) == 0
    assert subprocess.run(command, capture_output=True).returncode == 0
    metrics = [line["step"] for line in read_journal(results / "metrics.jsonl")]
    survived = int(metrics == list(range(1, 41)) and '"sessions": 2' in (results / "record.json").read_text())
    faults("kill -9 of Snakemake under its job", tried=1, survived=survived, lost=lost, allowed=10)
