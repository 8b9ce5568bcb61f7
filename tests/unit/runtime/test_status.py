"""Who holds what, what was interrupted, and when a folder may be unlocked: told from what jobs leave behind."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from cmrbridge.cli import main
from cmrbridge.core.checkpoint import Paused, Resume, write_resume
from cmrbridge.errors import InputError
from cmrbridge.runtime.job import standalone
from cmrbridge.runtime.lock import hold
from cmrbridge.runtime.snakelock import told, unlock
from cmrbridge.runtime.status import table, unfinished


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results"
    folder.mkdir()
    return folder


def ends(folder: Path, error: BaseException | None, step: int = 0) -> None:
    """A job in ``folder`` that reports 30 of 100 steps, keeps the state of ``step``, and ends so."""

    expected = pytest.raises(type(error)) if error else nullcontext()
    with expected, standalone(folder, {}, [], f"train {folder.name}") as run:
        run.report(30, 100, loss=1.0)
        if step:
            write_resume(Resume(run.task.checkpoint, run.stamp), {"w": torch.zeros(3)}, step)
        if error:
            raise error


def test_every_end_is_told_with_where_it_goes_on(results: Path) -> None:
    ends(results / "done", None, step=20)
    ends(results / "a", Paused("as asked"), step=20)
    ends(results / "b", InputError("x.nii: is empty; fill it\nsecond line"))
    ends(results / "c", SystemExit(143), step=10)
    jobs = unfinished(results)
    assert [(job.state, job.job, job.step, job.total) for job in jobs] == [
        ("failed", "train b", None, 100),
        ("paused", "train a", 20, 100),
        ("interrupted", "train c", 10, 100),
    ]
    lines = table(jobs).splitlines()
    assert lines[1].split("  ")[0] == "failed"
    assert "the beginning" in lines[1]
    assert lines[1].endswith("InputError: x.nii: is empty; fill it")
    assert "step 20 of 100, saved" in lines[2]


def test_who_runs_is_told_and_who_was_killed(results: Path) -> None:
    folder = results / "a"
    with standalone(folder, {}, [], "train a") as run:
        run.report(1, 9)
        (job,) = unfinished(results)
        assert (job.state, job.holder.pid) == ("running", os.getpid())
        assert f"process {os.getpid()} on {os.uname().nodename} since" in table([job])
        killed = {name: (folder / name).read_bytes() for name in (".journal.jsonl", ".lock")}
    for name, content in killed.items():
        (folder / name).write_bytes(content.replace(b'"pid": %d' % os.getpid(), b'"pid": 999999999'))
    assert [job.state for job in unfinished(results)] == ["killed"]


def test_a_holder_on_another_host_lives_as_long_as_it_beats(results: Path) -> None:
    lock = results / ".train.lock"
    lock.write_text(json.dumps({"host": "elsewhere", "pid": 7, "since": time.time(), "job": "train a"}))
    assert [(job.state, job.job) for job in unfinished(results)] == [("running", "train a")]
    os.utime(lock, (time.time() - 600,) * 2)
    assert [(job.state, job.job) for job in unfinished(results)] == [("killed", "train a")]


def test_a_damaged_state_is_told_as_the_one_before_or_none(results: Path) -> None:
    ends(results / "a", Paused("as asked"), step=10)
    state = results / "a" / "checkpoint.partial.safetensors"
    whole = state.read_bytes()
    state.write_bytes(whole[:20])
    assert unfinished(results)[0].step is None
    state.with_name(f"{state.name}.previous").write_bytes(whole)
    assert unfinished(results)[0].step == 10


def test_a_state_that_goes_while_it_is_read_is_no_error(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs end while the folder of thousands is read."""
    ends(results / "a", Paused("as asked"), step=10)
    state, loads = results / "a" / "checkpoint.partial.safetensors", json.loads

    def while_it_goes(text: str | bytes) -> object:
        if "__metadata__" in str(text):
            state.unlink()
        return loads(text)

    monkeypatch.setattr("cmrbridge.runtime.status.json.loads", while_it_goes)
    assert [(job.state, job.step) for job in unfinished(results)] == [("paused", 10)]
    assert not state.exists()


def test_the_lock_of_mlflows_database_is_no_job(results: Path, locked: list[Path]) -> None:
    """`make watch` on another host must not keep `make unlock` from its work."""
    with hold(results / ".mlflow.db.lock"):
        assert unfinished(results) == []
        assert unlock(Path.cwd(), results).startswith("unlocked")


@pytest.fixture
def locked(results: Path) -> list[Path]:
    """Snakemake's locks in the working directory, as it leaves them."""
    folder = results.parent / ".snakemake" / "locks"
    folder.mkdir(parents=True)
    files = [folder / "0.input.lock", folder / "0.output.lock"]
    for file in files:
        file.write_text("results/a\n")
    return files


@pytest.fixture
def snakemake(results: Path) -> Iterator[subprocess.Popen]:
    """A process that is, for all that can be seen, a job of Snakemake in the working directory."""
    script = results.parent / ".snakemake" / "scripts" / "tmp1.train.py"
    script.parent.mkdir(parents=True)
    script.write_text("input()")
    with subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_unlocked_where_nobody_works(results: Path, locked: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert "nobody works here" in told(Path.cwd())
    assert main(["unlock"]) == 0
    assert "removed" in capsys.readouterr().out
    assert not any(path.exists() for path in locked)
    assert main(["unlock"]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert main(["status"]) == 0
    assert "not locked" in capsys.readouterr().out


def test_not_unlocked_under_a_living_process(
    results: Path, locked: list[Path], snakemake: subprocess.Popen, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"locked by process {snakemake.pid}" in told(Path.cwd())
    assert main(["unlock"]) == 2
    assert f"process {snakemake.pid} (" in capsys.readouterr().err
    assert all(path.exists() for path in locked)


def test_not_unlocked_while_a_job_holds_its_own_lock(results: Path, locked: list[Path]) -> None:
    """Such as one that Slurm runs on another node after its Snakemake was killed."""
    with hold(results / ".lock", job="train a"), pytest.raises(InputError, match="train a as process"):
        unlock(Path.cwd(), results)
    assert all(path.exists() for path in locked)


def test_a_process_that_works_elsewhere_does_not_count(
    results: Path, locked: list[Path], snakemake: subprocess.Popen, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert told(tmp_path_factory.mktemp("other")) == "not locked"
