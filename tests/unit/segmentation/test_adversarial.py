"""Gradient reversal, its schedule, the balanced domain loss, and the feature listener."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from cmrbridge.segmentation import architectures
from cmrbridge.segmentation.adversarial import Adversary, domain_loss, feature_channels, reversal_at, reverse
from cmrbridge.segmentation.architectures.fingerprint import Fingerprint
from cmrbridge.segmentation.architectures.stacked import feature_slices

DATA = Fingerprint(size=32, spacing_mm=2.5, slices=3, slice_mm=10.0)


def test_reversal_keeps_values_and_flips_and_scales_gradients() -> None:
    values = torch.tensor([1.0, -2.0], requires_grad=True)
    out = reverse(values, 0.3)
    assert torch.equal(out, values)
    (out * torch.tensor([2.0, 5.0])).sum().backward()
    assert_close(values.grad, torch.tensor([-0.6, -1.5]))


def test_schedule_is_ganins() -> None:
    assert reversal_at(0) == 0
    assert reversal_at(0.5) == pytest.approx(0.98661, abs=1e-5)
    assert reversal_at(1) == pytest.approx(0.99991, abs=1e-5)
    assert reversal_at(0.2, start=0.25) == 0
    assert reversal_at(0.625, start=0.25) == reversal_at(0.5)


def test_each_domain_counts_the_same() -> None:
    logits = torch.tensor([[2.0, 0.0]] * 3 + [[2.0, 0.0]])
    loss, accuracy = domain_loss(logits, torch.tensor([0, 0, 0, 1]))
    right, wrong = (
        nn.functional.cross_entropy(logits[:1], torch.tensor([0])),
        nn.functional.cross_entropy(logits[:1], torch.tensor([1])),
    )
    assert_close(loss, (right + wrong) / 2)
    assert float(accuracy) == pytest.approx(0.5)


def test_adversary_hears_bottleneck_and_decoder_and_pushes_them_the_other_way() -> None:
    torch.manual_seed(0)
    network = architectures.build("unet2d", DATA)
    parts = architectures.features("unet2d", network)
    assert feature_channels(network, parts, 32) == 256 + 16
    adversary = Adversary(parts, 256 + 16, 2, 8)
    gradients = []
    for scale in (1.0, 0.25):
        network.zero_grad()
        network(torch.ones(2, 1, 32, 32) * torch.tensor([1.0, 2.0])[:, None, None, None].cumsum(-1))
        logits = adversary(scale)
        assert logits.shape == (2, 2)
        domain_loss(logits, torch.tensor([0, 1]))[0].backward()
        gradients.append(torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None]))
    assert gradients[0].abs().sum() > 0
    assert_close(gradients[1], 0.25 * gradients[0])


def test_a_step_down_the_reversed_gradient_makes_the_domain_harder_to_tell() -> None:
    torch.manual_seed(0)
    network = architectures.build("unet2d", DATA)
    adversary = Adversary(architectures.features("unet2d", network), 256 + 16, 2, 8)
    images, domains = torch.randn(8, 1, 32, 32) + torch.linspace(0, 3, 32), torch.arange(8) % 2

    def loss() -> torch.Tensor:
        network(images)
        return domain_loss(adversary(1.0), domains)[0]

    before = loss()
    before.backward()
    with torch.no_grad():
        for weight in network.parameters():
            if weight.grad is not None:
                weight -= 1e-3 * weight.grad / weight.grad.norm().clamp_min(1e-12)
        assert loss() > before


def test_the_decoder_alone_is_pushed_too() -> None:
    """Without the decoder's features, the layers after the bottleneck would get no gradient from the classifier."""
    torch.manual_seed(0)
    network = architectures.build("unet2d", DATA)
    bottleneck, decoder = architectures.features("unet2d", network)
    adversary = Adversary([bottleneck, decoder], 256 + 16, 2, 8)
    network(torch.randn(4, 1, 32, 32))
    domain_loss(adversary(1.0), torch.arange(4) % 2)[0].backward()
    after = [p for p in decoder[-1].parameters() if p.grad is not None]
    assert sum(float(p.grad.abs().sum()) for p in after) > 0


def test_stacks_give_a_domain_a_slice_and_a_coarser_z_is_repeated() -> None:
    """Two stacks of four slices: a map of two z, and one of four; neighbours share the coarse one's values."""
    coarse = torch.arange(4.0).view(2, 1, 2, 1, 1).expand(2, 1, 2, 2, 2)
    assert feature_slices(coarse, 4, (2, 2))[:, 0, 0, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    fine = torch.arange(8.0).view(2, 1, 4, 1, 1).expand(2, 1, 4, 4, 4)
    assert feature_slices(fine, 4, (2, 2))[:, 0, 1, 1].tolist() == list(range(8))
    flat = torch.rand(3, 5, 4, 4)
    assert_close(feature_slices(flat, 1, (2, 2)), nn.functional.avg_pool2d(flat, 2))
