"""Moves of image and mask, and the times of the solver's calls."""

import dataclasses

import numpy as np
import pytest
import torch

from cmrbridge.core.diffusion import STEPS, one_hot, signal_shares
from cmrbridge.errors import InputError
from cmrbridge.synthesis.augment import draw_moves, moved
from cmrbridge.synthesis.model import LAST, SpadeTraining, build, descent

SIZE = 16


def pair() -> tuple[torch.Tensor, torch.Tensor]:
    labels = torch.zeros((1, SIZE, SIZE), dtype=torch.uint8)
    labels[0, 4:9, 6:10] = 2
    return labels[:, None].float() * 0.4, one_hot(labels, 4)


def test_no_move_changes_nothing() -> None:
    image, mask = torch.randn(1, 1, SIZE, SIZE), pair()[1]
    there, masks = moved(image, mask, torch.zeros(1, 4), rotate=30, scale=0.2, shift=0.2)
    torch.testing.assert_close(there, image)
    assert torch.equal(masks, mask)


def test_a_shift_of_whole_pixels_takes_image_and_mask_along() -> None:
    image, mask = pair()
    move = torch.tensor([[0.0, 0.0, 1.0, -1.0]])
    there, masks = moved(image, mask, move, rotate=30, scale=0.2, shift=2 / SIZE)
    torch.testing.assert_close(there, image.roll((2, -2), (2, 3)), atol=1e-5, rtol=0)
    assert torch.equal(masks, mask.roll((2, -2), (2, 3)))


def test_a_quarter_turn_takes_image_and_mask_along() -> None:
    image, mask = pair()
    move = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    there, masks = moved(image, mask, move, rotate=90, scale=0, shift=0)
    torch.testing.assert_close(there, image.rot90(1, (2, 3)), atol=1e-5, rtol=0)
    assert torch.equal(masks, mask.rot90(1, (2, 3)))


def test_moved_masks_stay_one_hot_and_unseen_pixels_are_background() -> None:
    full = one_hot(torch.full((1, SIZE, SIZE), 3), 4)
    _, masks = moved(
        torch.zeros(1, 1, SIZE, SIZE), full, torch.tensor([[0.3, 0.2, 1, 1]]), rotate=30, scale=1, shift=0.3
    )
    assert torch.equal(masks.sum(1), torch.ones(1, SIZE, SIZE))
    assert masks[0, 0].any()


def test_the_chance_of_a_move() -> None:
    generator = torch.Generator().manual_seed(0)
    moves = draw_moves(4000, 0.25, generator)
    assert float((moves != 0).any(1).float().mean()) == pytest.approx(0.25, abs=0.03)
    assert float(moves.abs().max()) <= 1
    assert not draw_moves(10, 0.0, generator).any()


def test_a_network_told_of_no_move_is_one_that_was_told_nothing() -> None:
    network = build(SpadeTraining(steps=1, learning_rate=1e-3, channels=(8,), spade_channels=8))
    mask = pair()[1]
    told = network.condition(mask, moves=torch.zeros(1, 4)).aside
    assert told is not None
    assert not told.any()
    assert network.condition(mask).aside is None


@pytest.mark.parametrize("calls", [1, 2, 20, 200, STEPS - LAST])
def test_a_descent_falls_from_pure_noise_to_the_finest_that_is_denoised(calls: int) -> None:
    rungs, shares = descent("cosine", calls), signal_shares("cosine").double()
    times = [rung.time for rung in rungs]
    assert len(times) == calls
    assert times[0] == 999
    assert calls == 1 or times[-1] == LAST
    assert np.all(np.diff(times) < 0)
    assert [rung.share for rung in rungs] == [float(shares[time]) for time in times]
    assert [rung.after for rung in rungs] == [*[rung.share for rung in rungs[1:]], 1.0]


@pytest.mark.parametrize("calls", [0, STEPS - LAST + 1])
def test_an_impossible_number_of_calls_is_refused(calls: int) -> None:
    with pytest.raises(InputError, match="calls"):
        descent("cosine", calls)


def test_moves_are_a_chance() -> None:
    with pytest.raises(InputError, match=r"^moves: "):
        dataclasses.replace(SpadeTraining(steps=1, learning_rate=1e-3), moves=1.5)
