"""Amplitudes mix as the paper's equations say, and phases stay."""

import torch
from torch.testing import assert_close

from cmrbridge.segmentation.fourier import mix_amplitudes


def pictures(n: int = 3) -> torch.Tensor:
    return torch.rand(n, 1, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_amplitudes_are_between_and_phases_are_the_image_s_own() -> None:
    images, shares = pictures(), torch.tensor([0.0, 0.25, 1.0], dtype=torch.float64)
    partners = images.flip(0)
    found, own, other = (torch.fft.fft2(part) for part in (mix_amplitudes(images, partners, shares), images, partners))
    share = shares.view(-1, 1, 1, 1)
    assert_close(found.abs(), (1 - share) * own.abs() + share * other.abs())
    assert_close(found / found.abs(), own / own.abs())


def test_a_share_of_nothing_and_oneself_change_nothing() -> None:
    images = pictures()
    assert_close(mix_amplitudes(images, images.flip(0), torch.zeros(3, dtype=torch.float64)), images)
    assert_close(mix_amplitudes(images, images, torch.full((3,), 0.7, dtype=torch.float64)), images)


def test_a_flat_partner_leaves_its_mean_alone() -> None:
    flat = torch.full((3, 1, 16, 16), 0.3, dtype=torch.float64)
    assert_close(mix_amplitudes(pictures(), flat, torch.ones(3, dtype=torch.float64)), flat)
