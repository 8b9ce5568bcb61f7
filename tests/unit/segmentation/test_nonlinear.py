"""A random network's look at the image's own mean and norm."""

from itertools import pairwise

import pytest
import torch
from torch.testing import assert_close

from cmrbridge.segmentation.nonlinear import CHANNELS, SLOPE, Layer, draw_layers, transform


def pictures(n: int = 4) -> torch.Tensor:
    return torch.rand(n, 1, 12, 12, generator=torch.Generator().manual_seed(0))


def layers(n: int = 4, seed: int = 1) -> tuple[Layer, ...]:
    return draw_layers(n, torch.Generator().manual_seed(seed))


def moments(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return images.mean((-2, -1)), images.std((-2, -1))


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_mean_and_norm_stay_and_the_image_does_not(share: float) -> None:
    images = pictures()
    found = transform(images, layers(), torch.full((4,), share))
    assert_close(moments(found), moments(images), atol=1e-4, rtol=1e-4)
    assert ((found - images).abs().amax((1, 2, 3)) > 0.05).sum() >= 3  # a network may come out nearly linear


def test_a_share_of_nothing_changes_nothing() -> None:
    assert_close(transform(pictures(), layers(), torch.zeros(4)), pictures())


def test_each_image_goes_through_its_own_network() -> None:
    images, drawn, shares = pictures(), layers(), torch.rand(4, generator=torch.Generator().manual_seed(3))
    whole = transform(images, drawn, shares)
    for i in range(4):
        own = [(weights[i : i + 1], biases[i : i + 1]) for weights, biases in drawn]
        assert_close(transform(images[i : i + 1], own, shares[i : i + 1]), whole[i : i + 1])


def test_a_network_of_ones_is_three_leaky_rectifiers() -> None:
    """Only the first of the channels is passed on, by 1 × 1 kernels of 1 without bias."""
    images, drawn = pictures(1), []
    for entering, leaving in pairwise(CHANNELS):
        weights = torch.zeros(1, leaving, entering, 3, 3)
        weights[0, 0, 0, 1, 1] = 1
        drawn.append((weights, torch.zeros(1, leaving)))
    centred = images - images.mean()
    expected = torch.where(centred > 0, centred, SLOPE**3 * centred)
    expected = expected - expected.mean()
    found = transform(images, drawn, torch.ones(1))
    assert_close(found, images.mean() + expected * centred.norm() / expected.norm())


def test_kernels_are_points_or_squares_with_even_chance() -> None:
    for weights, _ in layers(4000):
        edge = weights[:, :, :, 0].flatten(1)
        assert float((edge == 0).all(1).float().mean()) == pytest.approx(0.5, abs=0.03)
        assert float(weights[:, :, :, 1, 1].std()) == pytest.approx(1, abs=0.03)
