"""Files of tensors: whole, checked, atomic."""

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from cmrbridge.core.checkpoint import (
    Resume,
    load_weights,
    read_resume,
    read_tensors,
    write_model,
    write_resume,
    write_tensors,
)
from cmrbridge.errors import InputError

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


def test_every_flipped_bit_and_every_cut_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    write_tensors(path, TENSORS, {"kind": "test"})
    whole = path.read_bytes()
    for position in range(8, len(whole), 3):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << (position % 8)
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"state\.safetensors"):
            read_tensors(path)
    for length in (0, 7, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"state\.safetensors"):
            read_tensors(path)


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


def test_a_model_is_filled_with_its_average(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average = {name: value.detach() + 1 for name, value in module.named_parameters()}
    write_model(tmp_path / "model", module, average, {})
    tensors, _ = read_tensors(tmp_path / "model")
    assert {name.split(".")[0] for name in tensors} == {"raw", "average"}
    other = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    load_weights(tensors, other)
    assert all(torch.equal(value, average[name]) for name, value in other.named_parameters())
