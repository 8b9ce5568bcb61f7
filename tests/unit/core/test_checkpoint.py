"""Files of tensors: whole, checked, atomic."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from cmrbridge.core.checkpoint import (
    Resume,
    load_weights,
    read_resume,
    read_tensors,
    restore_training_state,
    training_state,
    write_model,
    write_resume,
    write_tensors,
)
from cmrbridge.errors import InputError
from faults import Tell

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(7), "c": torch.tensor([1.5], dtype=torch.bfloat16)}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "gewichte ä.safetensors"
    write_tensors(path, TENSORS, {"kind": "test", "n": 3})
    tensors, about = read_tensors(path)
    assert about == {"kind": "test", "n": 3}
    assert all(torch.equal(tensors[name], value) for name, value in TENSORS.items())
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_equal_contents_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_tensors(tmp_path / name, TENSORS, {"kind": "test"})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_every_flipped_bit_and_every_cut_is_refused_by_name(tmp_path: Path, faults: Tell) -> None:
    path = tmp_path / "state.safetensors"
    write_tensors(path, TENSORS, {"kind": "test"})
    whole = path.read_bytes()
    flipped, cut = range(8, len(whole), 3), (0, 7, 100, len(whole) - 1)
    for position in flipped:
        damaged = bytearray(whole)
        damaged[position] ^= 1 << (position % 8)
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"state\.safetensors"):
            read_tensors(path)
    for length in cut:
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"state\.safetensors"):
            read_tensors(path)
    faults("a flipped bit in a checkpoint, anywhere: refused by name", tried=len(flipped), survived=len(flipped))
    faults("a checkpoint cut short: refused by name", tried=len(cut), survived=len(cut))


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(InputError, match="not a readable safetensors file"):
        read_tensors(path)


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    path = tmp_path / "model.safetensors"
    write_tensors(path, TENSORS, {"version": 1})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, full)
    with pytest.raises(OSError, match="No space"):
        write_tensors(path, TENSORS, {"version": 2})
    monkeypatch.undo()
    assert read_tensors(path)[1] == {"version": 1}
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


class Crash(BaseException):
    """The process ends here: nothing after it is run, but what the system was given stays."""


@pytest.mark.parametrize(
    ("owner", "name", "nth", "kept"),
    [(Path, "open", 1, 20), (os, "fsync", 1, 20), (os, "replace", 1, 20), (os, "replace", 2, 20), (os, "fsync", 2, 30)],
)
def test_a_crash_at_any_call_leaves_a_whole_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: object, name: str, nth: int, kept: int, faults: Tell
) -> None:
    """Between the two renames the older state alone has a name; before them both have, after them the new one too."""
    resume = Resume(tmp_path / "state", "stamp")
    for step in (10, 20):
        write_resume(resume, {"w": torch.tensor(float(step))}, step)
    real, calls = getattr(owner, name), []

    def crashing(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == nth:
            raise Crash
        return real(*arguments)

    monkeypatch.setattr(owner, name, crashing)
    with pytest.raises(Crash):
        write_resume(resume, {"w": torch.tensor(30.0)}, 30)
    monkeypatch.undo()
    state = read_resume(resume)
    assert state is not None
    tensors, step = state
    assert step == float(tensors["w"]) == kept
    write_resume(resume, {"w": torch.tensor(40.0)}, 40)
    resume.clear()
    assert list(tmp_path.iterdir()) == []
    faults(
        "crash at each call of a checkpoint write: a whole state is left",
        tried=1,
        survived=1,
        lost=30 - step,
        allowed=10,
    )


def test_a_full_disk_leaves_both_states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The older one makes room only once the new one is on the disk."""
    resume = Resume(tmp_path / "state", "stamp")
    for step in (10, 20):
        write_resume(resume, {"w": torch.tensor(float(step))}, step)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_resume(resume, {}, 30)
    assert [read_tensors(path)[1]["step"] for path in (resume.previous, resume.path)] == [10, 20]


def test_a_damaged_state_falls_back_on_the_previous(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    resume = Resume(tmp_path / "state", "stamp")
    for step in (10, 20):
        write_resume(resume, {"w": torch.tensor(float(step))}, step)
    resume.path.write_bytes(resume.path.read_bytes()[:-1])
    state = read_resume(resume)
    assert state is not None
    assert state[1] == 10
    assert str(resume.path) in caplog.text
    resume.aside("work").mkdir()
    (resume.aside("work") / "file").touch()
    resume.clear()
    assert read_resume(resume) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(
    not Path("/proc/self/maps").exists(), reason="runs on Linux alone, which tells what files are mapped"
)
def test_a_training_that_went_on_lets_go_of_its_old_state(tmp_path: Path) -> None:
    """A mapped file takes its room on the disk after it was replaced: beside two states and a new one, a fourth."""
    module, path = nn.Linear(64, 64), tmp_path / "state.safetensors"
    optimizer = torch.optim.AdamW(module.parameters())
    module(torch.ones(1, 64)).sum().backward()
    optimizer.step()
    extra = {"mean": torch.zeros(64)}
    write_tensors(path, training_state(module, optimizer, extra), {})
    restore_training_state(read_tensors(path)[0], module, optimizer, extra)
    assert str(path) not in Path("/proc/self/maps").read_text()


def test_a_model_is_filled_with_its_average(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average = {name: value.detach() + 1 for name, value in module.named_parameters()}
    write_model(tmp_path / "model", module, average, {})
    tensors, _ = read_tensors(tmp_path / "model")
    assert {name.split(".")[0] for name in tensors} == {"raw", "average"}
    other = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    load_weights(tensors, other)
    assert all(torch.equal(value, average[name]) for name, value in other.named_parameters())
