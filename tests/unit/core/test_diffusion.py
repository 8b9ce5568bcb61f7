"""The schedule, the objective and the solvers, against closed forms."""

import pytest
import torch
from torch import Tensor

from cmrbridge.core.diffusion import BETAS, diffusion_loss, one_hot, signal_shares
from cmrbridge.errors import InputError


@pytest.mark.parametrize("schedule", BETAS)
def test_signal_falls_from_all_to_none(schedule: str) -> None:
    shares = signal_shares(schedule)
    assert len(shares) == 1000
    assert shares[0] > 0.999
    assert shares[-1] < 1e-7
    assert (shares.diff() <= 0).all()


def test_loss_is_the_error_of_the_velocity() -> None:
    """A network that is off by 0.2 √(1 − ᾱ) everywhere is off by 0.2 in the velocity."""
    shares = signal_shares("cosine")

    def off(x: Tensor, time: Tensor) -> Tensor:
        return 0.4 + 0.2 * (1 - shares[time].view(-1, 1, 1, 1)).clamp(min=0.01).sqrt() + 0 * x

    x0 = torch.full((8, 1, 4, 4), 0.4)
    loss = diffusion_loss(off, x0, shares, torch.Generator().manual_seed(0), least=0.01)
    torch.testing.assert_close(loss, torch.tensor(0.04))
    default, shape_first = (
        diffusion_loss(off, x0, shares, torch.Generator().manual_seed(0), **least) for least in ({}, {"least": 0.1})
    )
    assert default == shape_first < loss
    assert diffusion_loss(lambda x, t: x0, x0, shares, torch.Generator().manual_seed(0)) == 0


def times_of_a_step(batch: int, shift: float) -> list[int]:
    seen: list[Tensor] = []

    def network(x: Tensor, time: Tensor) -> Tensor:
        seen.append(time)
        return x

    nothing, generator = torch.zeros(batch, 1, 2, 2), torch.Generator().manual_seed(3)
    diffusion_loss(network, nothing, signal_shares("cosine"), generator, shift=shift)
    return sorted(seen[0].tolist())


def test_times_are_spread_over_the_batch() -> None:
    assert [time // 100 for time in times_of_a_step(10, shift=1)] == list(range(10))


def test_shifted_times_are_half_in_the_noisiest_quarter() -> None:
    assert sum(time >= 750 for time in times_of_a_step(1000, shift=3)) == 500


def test_unknown_names_are_refused_with_those_known() -> None:
    with pytest.raises(InputError, match=r"cosine, linear"):
        signal_shares("sigmoid")


def test_one_hot_marks_each_class_in_its_channel() -> None:
    hot = one_hot(torch.tensor([[[0, 2], [1, 3]]]), 4)
    assert hot.shape == (1, 4, 2, 2)
    assert torch.equal(hot.argmax(1), torch.tensor([[[0, 2], [1, 3]]]))
    assert (hot.sum(1) == 1).all()
