"""The optimisation loop: resumed equals uninterrupted, bit for bit; bad numbers never reach the weights."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cmrbridge.core.checkpoint import Paused, Resume
from cmrbridge.core.loop import PATIENCE, Average, LoopSettings, fit, learning_rate_at
from cmrbridge.errors import InputError
from faults import Tell
from reporters import silent

SETTINGS = LoopSettings(steps=30, learning_rate=1e-2, warmup=3, average=0.9, checkpoint_every=5, report_every=10)


def network() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.3), nn.Linear(8, 1))


def train(
    module: nn.Module, resume: Resume | None, settings: LoopSettings = SETTINGS, seen: list | None = None
) -> dict:
    def loss_at(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        if seen is not None:
            seen.append(step)
        x = torch.randn(16, 4, generator=generator)
        return (module(x) - x.sum(1, keepdim=True)).square().mean(), {}

    average = fit(loss_at, module, settings=settings, seed=7, device="cpu", report=silent, resume=resume)
    return {} if average is None else average.values


def stop_after(calls: int) -> object:
    count = iter(range(calls))
    return lambda: next(count, None) is None


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_resumed_equals_uninterrupted(tmp_path: Path, precision: str) -> None:
    settings = LoopSettings(**{**vars(SETTINGS), "precision": precision})
    whole = network()
    whole_average = train(whole, None, settings)
    first, second, seen = network(), network(), []
    with pytest.raises(Paused, match="step 13 of 30"):
        train(first, Resume(tmp_path / "state", "s", stop_after(12)), settings)
    second_average = train(second, Resume(tmp_path / "state", "s"), settings, seen)
    assert seen == list(range(13, 30))
    for name, value in whole.named_parameters():
        assert torch.equal(value, second.state_dict()[name])
        assert torch.equal(whole_average[name], second_average[name])


def test_a_state_of_another_stamp_is_ignored(tmp_path: Path) -> None:
    with pytest.raises(Paused):
        train(network(), Resume(tmp_path / "state", "old", stop_after(12)))
    seen: list[int] = []
    train(network(), Resume(tmp_path / "state", "new"), seen=seen)
    assert seen[0] == 0


def test_a_damaged_state_costs_only_the_steps_since_the_one_before(tmp_path: Path, faults: Tell) -> None:
    resume = Resume(tmp_path / "state", "s", stop_after(12))
    with pytest.raises(Paused):
        train(network(), resume)
    resume.path.write_bytes(b"half a file")
    seen: list[int] = []
    train(network(), Resume(tmp_path / "state", "s"), seen=seen)
    assert seen[0] == 10
    faults("the last checkpoint damaged: the one before serves", tried=1, survived=1, lost=13 - seen[0], allowed=5)


def test_a_step_that_is_not_finite_changes_nothing(faults: Tell) -> None:
    """Nor do batch norm's statistics: one NaN in them would blind the network for good, outside of training alone."""
    module, reported = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 1)), []
    before = {name: value.clone() for name, value in module.state_dict().items()}

    def loss_at(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        return module(torch.full((2, 2), float("nan"))).sum(), {}

    def report(step: int, total: int | None = None, **values: float) -> None:
        reported.append(step)

    fit(loss_at, module, settings=LoopSettings(steps=5, learning_rate=1), seed=0, device="cpu", report=report)
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert reported == [1, 2, 3, 4, 5]
    faults("a loss that is NaN: the step is left out and told", tried=5, survived=len(reported))
    with pytest.raises(InputError, match=f"not finite {PATIENCE} steps running"):
        fit(loss_at, module, settings=LoopSettings(steps=50, learning_rate=1), seed=0, device="cpu", report=silent)


def test_the_average_is_applied_and_taken_back() -> None:
    module = nn.Linear(2, 1)
    average = Average(module, 0.5)
    with torch.no_grad():
        module.weight.fill_(3.0)
    raw, kept = module.weight.clone(), average.values["weight"]
    with average.applied_to(module):
        assert torch.equal(module.weight, kept)
        assert not module.training
    assert torch.equal(module.weight, raw)
    assert module.training


def test_the_average_forgets_its_start() -> None:
    """Warm-up: after n steps on constant weights, little of the initial noise is left, whatever the decay."""
    module = nn.Linear(1, 1, bias=False)
    average = Average(module, 0.9999)
    with torch.no_grad():
        module.weight.fill_(5.0)
    for step in range(100):
        average.update(module, step)
    assert abs(float(average.values["weight"]) - 5) < 1e-3


def test_inspection_runs_at_the_end_too() -> None:
    module, inspected = nn.Linear(1, 1), []

    def inspect(done: int, average: Average | None) -> dict[str, float]:
        inspected.append(done)
        return {}

    for every in (4, 0):
        settings = LoopSettings(steps=6, learning_rate=0.1, inspect_every=every)
        fit(
            lambda step, generator: (module(torch.ones(1, 1)).sum(), {}),
            module,
            settings=settings,
            seed=0,
            device="cpu",
            report=silent,
            inspect=inspect,
        )
    assert inspected == [4, 6, 6]


def test_learning_rate_rises_and_falls() -> None:
    settings = LoopSettings(steps=110, learning_rate=1.0, warmup=10)
    assert learning_rate_at(0, settings) == pytest.approx(0.1)
    assert learning_rate_at(10, settings) == pytest.approx(1.0)
    assert learning_rate_at(60, settings) == pytest.approx(0.5)
    assert learning_rate_at(110, settings) == pytest.approx(0.0)


def test_a_group_learns_at_its_own_rate_and_is_clipped_by_itself() -> None:
    """Two equal weights under equal gradients, Adam's steps being as long as the rate: one moves three times as far.
    A huge gradient of one group does not shrink the other's below its clip."""
    module = nn.ModuleDict({"slow": nn.Linear(1, 1, bias=False), "fast": nn.Linear(1, 1, bias=False)})
    for part in module.values():
        nn.init.zeros_(part.weight)
    settings = LoopSettings(steps=1, learning_rate=0.1)

    def loss_at(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        return 0.5 * module["slow"].weight.sum() + 1000 * module["fast"].weight.sum(), {}

    fit(loss_at, module, settings=settings, seed=0, device="cpu", report=silent, rates={"fast.": 3.0})
    assert module["slow"].weight.item() == pytest.approx(-0.1, rel=1e-5)
    assert module["fast"].weight.item() == pytest.approx(-0.3, rel=1e-5)
    assert float(module["slow"].weight.grad) == pytest.approx(0.5)  # alone below the clip of 1
    assert float(module["fast"].weight.grad) == pytest.approx(1.0)
