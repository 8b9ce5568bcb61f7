"""Training SPADE synthesis: snapshots through pauses and kills, and what is refused."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from cmrbridge.core.checkpoint import Paused, Resume
from cmrbridge.errors import InputError
from cmrbridge.synthesis.model import SpadeTraining, load_model
from cmrbridge.synthesis.network import SpadeUNet


def test_snapshots_survive_a_pause_and_the_last_is_the_model(
    tmp_path: Path, training: Path, train: Callable[..., Path]
) -> None:
    model = train(training, keep=(1, 4))
    early = tmp_path / "model-1.safetensors"
    whole = [path.read_bytes() for path in (early, tmp_path / "model-4.safetensors", model)]
    assert whole[1] == whole[2] != whole[0]
    assert load_model(early, "cpu").size == 16

    early.unlink()
    stops = iter([False, True])
    state = Resume(tmp_path / "state", "s", stop=lambda: next(stops))
    with pytest.raises(Paused):
        train(training, checkpoint=state, keep=(1, 4))
    assert not early.exists()
    train(training, checkpoint=Resume(tmp_path / "state", "s"), keep=(1, 4))
    assert [path.read_bytes() for path in (early, tmp_path / "model-4.safetensors", model)] == whole


def test_snapshots_outlive_a_kill_after_delivery_and_go_with_the_state(
    tmp_path: Path, training: Path, train: Callable[..., Path]
) -> None:
    """Snakemake deletes a killed job's outputs; the state says that the training is past them."""
    state = Resume(tmp_path / "state", "s")
    train(training, checkpoint=state, keep=(1, 4))
    early = tmp_path / "model-1.safetensors"
    whole = early.read_bytes()
    early.unlink()
    train(training, checkpoint=state, keep=(1, 4))
    assert early.read_bytes() == whole
    state.clear()
    assert not list(tmp_path.glob("state*"))


def test_the_remedy_for_snapshots_that_are_gone_is_one(
    tmp_path: Path, training: Path, train: Callable[..., Path]
) -> None:
    state = Resume(tmp_path / "state", "s")
    train(training, checkpoint=state, keep=(1, 4))
    state.aside("model-1.safetensors").unlink()
    with pytest.raises(InputError, match=r"state\.s\.model-1\.safetensors.*delete it and state\.previous"):
        train(training, checkpoint=state, keep=(1, 4))
    state.path.unlink()
    state.previous.unlink()
    train(training, checkpoint=state, keep=(1, 4))


def test_a_size_that_cannot_be_halved_is_named(
    tmp_path: Path, write_training: Callable[..., Path], train: Callable[..., Path]
) -> None:
    training = write_training(tmp_path / "training.npz", size=18)
    with pytest.raises(InputError, match=r"18×18.*multiple of 4"):
        train(training)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"drop": 1.0}, "drop"),
        ({"channels": (8, 12)}, "channels"),
        ({"keep": (2, 1)}, "keep"),
        ({"keep": (5,)}, "keep"),
    ],
)
def test_settings_that_cannot_be_are_named(wrong: dict[str, object], named: str, tiny: SpadeTraining) -> None:
    with pytest.raises(InputError, match=f"^{named}: "):
        dataclasses.replace(tiny, **wrong)  # type: ignore[arg-type]


def test_a_loss_that_stays_non_finite_ends_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, training: Path, train: Callable[..., Path]
) -> None:
    monkeypatch.setattr(
        SpadeUNet, "forward", lambda self, x, time, modulation: x * self.first.weight.sum() * float("nan")
    )
    with pytest.raises(InputError, match=r"not finite.*learning_rate"):
        train(training, steps=30)
    assert not (tmp_path / "model.safetensors").exists()
