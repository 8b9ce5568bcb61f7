"""A job leaves its journal, its record and its reasons, whatever happens to it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cmrbridge.core.checkpoint import Paused, write_tensors
from cmrbridge.errors import InputError
from cmrbridge.runtime.job import job, standalone
from cmrbridge.runtime.lock import hold


class Named(list):
    """As Snakemake's own: a list whose items may have names."""

    def __init__(self, **items: Any) -> None:
        super().__init__(items.values())
        self.named = items

    def items(self) -> Any:
        return self.named.items()

    def get(self, name: str, default: Any = None) -> Any:
        return self.named.get(name, default)


@pytest.fixture
def rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out ü").mkdir()
    (tmp_path / "in.txt").write_text("abc")
    return SimpleNamespace(
        rule="train",
        input=Named(data="in.txt"),
        output=Named(record="out ü/record.json", metrics="out ü/metrics.jsonl"),
        params=Named(seed=3, precision="auto", folder="/home/somebody/acdc"),
        wildcards=Named(arm="real"),
        log=Named(log="logs/train.log"),
        resources=Named(),
        threads=1,
    )


OUT = Path("out ü")


def metrics() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (OUT / "metrics.jsonl").read_text().splitlines()]


def test_success_leaves_record_metrics_and_log_alone(rule: SimpleNamespace, capfd: pytest.CaptureFixture[str]) -> None:
    with job(rule) as run:
        print("printed")
        os.system("echo from a child")
        run.report(1, 2, loss=0.5)
        run.report(2, 2, loss=float("nan"))
    record = json.loads((OUT / "record.json").read_text())
    assert metrics() == [{"step": 1, "total": 2, "loss": 0.5}, {"step": 2, "total": 2, "loss": None}]
    assert record["status"] == "done"
    assert record["job"] == "train arm=real"
    assert record["seed"] == 3
    assert record["inputs"] == {"in.txt": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
    assert "somebody" not in json.dumps(record)
    assert sorted(path.name for path in OUT.iterdir()) == ["metrics.jsonl", "record.json"]
    log = Path("logs/train.log").read_text()
    assert "printed\n" in log
    assert "from a child\n" in log
    assert "train arm=real: step 1 of 2 loss 0.5" in log
    shown = capfd.readouterr()
    assert "printed" not in shown.out + shown.err


def test_a_users_error_is_one_line_and_code_1(rule: SimpleNamespace, capfd: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        with job(rule) as run:
            run.report(1, 2, loss=0.5)
            raise InputError("in.txt: is empty; fill it")

    with pytest.raises(SystemExit, match="1"):
        work()
    assert capfd.readouterr().err.splitlines()[-1] == "error: in.txt: is empty; fill it"
    assert "Traceback" in Path("logs/train.log").read_text()
    journal = [json.loads(line) for line in (OUT / ".journal.jsonl").read_text().splitlines()]
    assert [line.get("event") for line in journal] == ["start", None, "failed"]
    assert journal[-1]["error"] == "InputError: in.txt: is empty; fill it"
    assert not (OUT / "record.json").exists()


def test_a_terminal_that_is_gone_stops_no_job(rule: SimpleNamespace) -> None:
    """`snakemake 2>&1 | tee …` and Ctrl-C: tee goes first, and the job still has to say that it pauses."""
    reader, writer = os.pipe()
    kept = os.dup(2)
    os.close(reader)
    os.dup2(writer, 2)
    try:
        with job(rule) as run:
            run.report(1, 1, loss=0.5)
    finally:
        os.dup2(kept, 2)
        for number in (kept, writer):
            os.close(number)
    assert (OUT / "record.json").exists()
    assert "step 1 of 1 loss 0.5" in Path("logs/train.log").read_text()


def test_any_other_error_keeps_its_traceback(rule: SimpleNamespace) -> None:
    with pytest.raises(ZeroDivisionError), job(rule):
        _ = 1 / 0
    assert "ZeroDivisionError" in Path("logs/train.log").read_text()


def test_a_rule_may_do_without_record_metrics_and_log(rule: SimpleNamespace) -> None:
    rule.output, rule.log = Named(figure="out ü/figure.png"), Named()
    with job(rule):
        assert (OUT / ".figure.png.journal.jsonl").exists()
    assert list(OUT.iterdir()) == []


def interrupted(rule: SimpleNamespace, steps: range, state: int) -> None:
    """Report some steps, leave a state of step ``state``, pause."""

    def work() -> None:
        with job(rule, torch=True) as run:
            for step in steps:
                run.report(step, 9, loss=float(step))
            write_tensors(run.resume.path, {}, {"stamp": run.resume.stamp, "step": state})
            raise Paused("paused")

    with pytest.raises(SystemExit):
        work()


def test_a_resumed_job_appends_and_doubles_no_step(rule: SimpleNamespace) -> None:
    interrupted(rule, range(1, 7), state=4)
    interrupted(rule, range(5, 9), state=6)
    assert [path.name for path in sorted(OUT.iterdir())] == [".journal.jsonl", "checkpoint.partial.safetensors"]
    with job(rule, torch=True) as run:
        for step in range(7, 10):
            run.report(step, 9, loss=float(step))
        assert run.resume.path.exists()
    assert [line["step"] for line in metrics()] == [*range(1, 10)]
    assert json.loads((OUT / "record.json").read_text())["sessions"] == 3
    assert not (OUT / "checkpoint.partial.safetensors").exists()


def test_a_changed_param_or_input_starts_a_new_journal(rule: SimpleNamespace) -> None:
    interrupted(rule, range(1, 7), state=4)
    Path("in.txt").write_text("changed")
    with job(rule, torch=True) as run:
        run.report(9, 9)
    assert [line["step"] for line in metrics()] == [9]


def test_the_seed_fixes_the_global_generators(rule: SimpleNamespace) -> None:
    import random

    import numpy as np
    import torch

    def draw() -> list[float]:
        with job(rule, torch=True):
            return [random.random(), np.random.random(), torch.rand(()).item()]

    assert draw() == draw()
    assert torch.are_deterministic_algorithms_enabled()


def test_precision_and_device(rule: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMRBRIDGE_DEVICE", "cpu")
    monkeypatch.setattr("cmrbridge.runtime.machine._cpuinfo", lambda key: "fpu amx_bf16" if key == "flags" else "chip")
    with job(rule, torch=True) as run:
        assert run.device == "cpu"
        assert run.precision("float32") == "float32"
        assert run.precision("auto") == "bfloat16"
        fast = run.stamp
    assert json.loads((OUT / "record.json").read_text())["precision"] == "bfloat16"
    monkeypatch.setattr("cmrbridge.runtime.machine._cpuinfo", lambda key: "fpu")
    with job(rule, torch=True) as run:
        assert run.precision("auto") == "float32"
        assert run.stamp != fast


def test_the_clock_pauses_a_standalone_run(tmp_path: Path) -> None:
    with standalone(tmp_path / "new", {"seed": 1}, [], "train", minutes=0) as run:
        assert run.resume.stop()
    assert (tmp_path / "new/record.json").exists()


CHILD = """
import signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
from pathlib import Path
from cmrbridge.core.checkpoint import Paused
from cmrbridge.runtime.job import standalone
with standalone(Path(sys.argv[1]), {}, [], "train") as run:
    resume = run.resume
    for step in range(1, 1000):
        run.report(step, 1000, loss=1.0)
        time.sleep(0.02)
        if resume.stop():
            raise Paused("at " + str(step))
"""


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        signal.SIGKILL,
        *(pytest.param(n, marks=pytest.mark.long) for n in (signal.SIGUSR1, signal.SIGINT, signal.SIGHUP)),
    ],
)
def test_signals(tmp_path: Path, number: signal.Signals) -> None:
    journal = tmp_path / ".journal.jsonl"
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stderr=subprocess.PIPE, text=True)
    while not journal.exists() or '"step"' not in journal.read_text():
        time.sleep(0.02)
    child.send_signal(number)
    error = child.communicate(timeout=60)[1]
    ends = [json.loads(line).get("event") for line in journal.read_text().splitlines()]
    if number == signal.SIGKILL:
        assert ends[-1] is None
    else:
        assert "Paused: at" in error
        assert ends[-1] == "paused"
    with hold(tmp_path / ".lock"):  # a killed process holds nothing any more
        pass


ORPHAN = """
import subprocess, sys, time
from cmrbridge.runtime.stop import Stop
if sys.argv[1:] != ["job"]:
    sys.exit(subprocess.call([sys.executable, "-c", open(sys.argv[0]).read(), "job"]))
stop = Stop(None)
stop.allow_pause()
print("goes on" if not stop() else "has no parent", flush=True)
while not stop():
    time.sleep(0.02)
print("stops", flush=True)
"""


def test_a_job_stops_when_its_snakemake_is_gone(tmp_path: Path) -> None:
    """As an orphan it would go on for days, keep everybody out, and its outputs would be deleted in the end."""
    script = tmp_path / "snakemake"
    script.write_text(ORPHAN)
    snakemake = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert snakemake.stdout.readline() == "goes on\n"
    snakemake.kill()  # and nobody asks how it ended yet, as where a container's first process never does
    assert snakemake.stdout.readline() == "stops\n"
