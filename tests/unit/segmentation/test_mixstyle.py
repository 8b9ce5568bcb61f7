"""MixStyle: the paper's formula by hand, identities, silence in evaluation, and training that repeats."""

import copy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from cmrbridge.segmentation import architectures
from cmrbridge.segmentation.architectures.fingerprint import Fingerprint
from cmrbridge.segmentation.architectures.stacked import depth_of
from cmrbridge.segmentation.mixstyle import MixStyleSettings, mix_statistics, mix_styles
from cmrbridge.segmentation.train import build_trainee, settings_from

DATA = Fingerprint(size=32, spacing_mm=2.5, slices=4, slice_mm=10.0)


def features(*shape: int, seed: int = 0) -> torch.Tensor:
    return 3 + 2 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_one_channel_by_hand() -> None:
    """x = (0, 2): mean 1, deviation 1. x̃ = (10, 16): mean 13, deviation 3. λ = 1/4: mean 10, deviation 2.5."""
    pair = torch.tensor([[[[0.0, 2.0]]], [[[10.0, 16.0]]]])
    mixed = mix_statistics(pair, torch.tensor([1, 0]), torch.tensor([0.25, 1.0]))
    assert_close(mixed, torch.tensor([[[[7.5, 12.5]]], [[[10.0, 16.0]]]]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("shape", [(4, 3, 8, 8), (4, 3, 4, 8, 8)], ids=["2-D", "3-D"])
def test_statistics_become_the_mixture_and_shapes_stay(shape: tuple[int, ...]) -> None:
    x, order, shares = features(*shape), torch.tensor([2, 3, 1, 0]), torch.tensor([0.0, 0.3, 0.8, 1.0])
    mixed = mix_statistics(x, order, shares)
    flat, before = mixed.flatten(2), x.flatten(2)
    own = shares[:, None]
    for statistic in (lambda one: one.mean(2), lambda one: one.std(2, correction=0)):
        wanted = own * statistic(before) + (1 - own) * statistic(before)[order]
        assert_close(statistic(flat), wanted, atol=1e-4, rtol=1e-4)
    whitened = [(one - one.mean(2, keepdim=True)) / one.std(2, keepdim=True) for one in (flat, before)]
    assert_close(*whitened, atol=1e-4, rtol=0)


@pytest.mark.parametrize("alone", ["order", "share"])
def test_mixed_with_itself_an_image_stays(alone: str) -> None:
    x = features(4, 3, 8, 8)
    order = torch.arange(4) if alone == "order" else torch.tensor([3, 2, 1, 0])
    shares = torch.full((4,), 0.3) if alone == "order" else torch.ones(4)
    assert_close(mix_statistics(x, order, shares), x)


def test_a_constant_map_stays_finite_and_gradients_pass_the_statistics_by() -> None:
    x = torch.zeros(2, 1, 2, 2, requires_grad=True)
    mix_statistics(x, torch.tensor([1, 0]), torch.tensor([0.5, 0.5])).sum().backward()
    assert_close(x.grad, torch.ones(2, 1, 2, 2))  # of (x − μ) · 1 + β with μ, β held fast


@pytest.mark.parametrize("name", architectures.NAMES)
def test_styles_are_mixed_in_training_alone(name: str) -> None:
    torch.manual_seed(0)
    plain = architectures.build(name, DATA)
    mixing = copy.deepcopy(plain)
    mix_styles(architectures.early(name, mixing), MixStyleSettings(chance=1.0, alpha=0.1))
    never = copy.deepcopy(plain)
    mix_styles(architectures.early(name, never), MixStyleSettings(chance=0.0, alpha=0.1))
    scales = torch.tensor([1.0, 2.0, 3.0, 4.0]).repeat_interleave(depth_of(plain))
    images = torch.randn(len(scales), 1, 32, 32) * scales.view(-1, 1, 1, 1)
    assert torch.equal(never(images), plain(images))
    assert (mixing(images) - plain(images)).abs().max() > 1e-2
    assert mixing.state_dict().keys() == plain.state_dict().keys(), "nothing of it goes into the saved network"
    mixing.load_state_dict(plain.state_dict())
    assert torch.equal(mixing.eval()(images), plain.eval()(images))


def test_half_of_the_batches_are_mixed_with_shares_near_the_ends() -> None:
    part, x = nn.Identity(), features(64, 1, 4, 4)
    mix_styles([part], MixStyleSettings(chance=0.5, alpha=0.1))
    torch.manual_seed(0)
    mixed = sum(not torch.equal(part(x), x) for _ in range(400))
    assert mixed / 400 == pytest.approx(0.5, abs=0.08)
    changed = [(part(x) - x).abs().amax((1, 2, 3)) > 0.1 for _ in range(40)]
    share = torch.stack([one for one in changed if one.any()]).float().mean()
    assert 0.4 < share < 0.75, "Beta(0.1, 0.1): half of the images take the other's style, few something between"


def test_only_an_arm_that_mixes_is_built_so() -> None:
    plain = {"architecture": "unet2d", "batch": 4, "loop": {"steps": 1, "learning_rate": 1e-3}, "augment": {}}
    images = torch.randn(4, 1, 32, 32) * torch.tensor([1.0, 2.0, 3.0, 4.0]).view(4, 1, 1, 1)
    asked = plain | {"mixstyle": {"chance": 1.0, "alpha": 0.1}}
    found = [build_trainee(settings_from(one), DATA, 1, 0)(images) for one in (plain, plain, asked)]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
