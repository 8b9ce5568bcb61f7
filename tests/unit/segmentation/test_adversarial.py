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


def adversary_on(network: nn.Module) -> Adversary:
    torch.manual_seed(1)
    parts = architectures.features("unet2d", network)
    return Adversary(parts, feature_channels(network, parts, 32), 2, 8)


def test_every_feature_module_is_pushed_the_other_way_by_lambda() -> None:
    """Against the gradient of the plain classifier, without a reversal: the network's is −λ times it, the
    classifier's own is not touched by λ."""
    torch.manual_seed(0)
    network = architectures.build("unet2d", DATA)
    adversary, parts = adversary_on(network), architectures.features("unet2d", network)
    images, domains = torch.randn(4, 1, 32, 32), torch.tensor([0, 0, 1, 1])

    def gradients(scale: float) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        outputs: list[torch.Tensor] = []
        hooks = [part.register_forward_hook(lambda _, __, output: outputs.append(output)) for part in parts]
        network(images)
        for hook in hooks:
            hook.remove()
        loss = domain_loss(adversary(scale, 4), domains)[0]
        ours = torch.autograd.grad(loss, outputs, retain_graph=True)
        return list(ours), list(torch.autograd.grad(loss, list(adversary.parameters())))

    plain, classifier = gradients(-1.0)  # a reversal by −1 is none
    assert len(plain) == 2
    assert all(part.abs().sum() > 0 for part in plain)
    for scale in (1.0, 0.25):
        reversed_, untouched = gradients(scale)
        for ours, theirs in zip(reversed_, plain):
            assert_close(ours, -scale * theirs)
        assert_close(untouched, classifier)


def test_adversary_judges_the_last_images_of_a_batch_alone() -> None:
    torch.manual_seed(0)
    network = architectures.build("unet2d", DATA)
    adversary, images = adversary_on(network), torch.randn(6, 1, 32, 32)
    network(images)
    after_others = adversary(1.0, 4)
    network(images[2:])
    assert_close(after_others, adversary(1.0, 4))


def test_adversary_reads_spread_that_means_do_not_show() -> None:
    """Maps of equal means and different standard deviations, as instance normalisation and an affine part leave."""
    torch.manual_seed(0)
    part = nn.Identity()
    adversary = Adversary([part], [1], 2, 8)
    optimizer = torch.optim.Adam(adversary.parameters(), lr=0.02)
    domains = torch.arange(16) % 2
    for _ in range(60):
        maps = torch.randn(16, 1, 8, 8) * (1 + domains[:, None, None, None])
        part(maps - maps.mean(dim=(2, 3), keepdim=True))
        loss, accuracy = domain_loss(adversary(0.0, 16), domains)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert accuracy == 1


def test_a_step_down_the_reversed_gradient_makes_the_domain_harder_to_tell() -> None:
    torch.manual_seed(0)
    network = architectures.build("unet2d", DATA)
    adversary = adversary_on(network)
    images, domains = torch.randn(8, 1, 32, 32) + torch.linspace(0, 3, 32), torch.arange(8) % 2

    def loss() -> torch.Tensor:
        network(images)
        return domain_loss(adversary(1.0, 8), domains)[0]

    before = loss()
    before.backward()
    with torch.no_grad():
        for weight in network.parameters():
            if weight.grad is not None:
                weight -= 1e-3 * weight.grad / weight.grad.norm().clamp_min(1e-12)
        assert loss() > before


def test_stacks_give_a_domain_a_slice_and_a_coarser_z_is_repeated() -> None:
    """Two stacks of four slices: a map of two z, and one of four; neighbours share the coarse one's values."""
    coarse = torch.arange(4.0).view(2, 1, 2, 1, 1).expand(2, 1, 2, 2, 2)
    assert feature_slices(coarse, 4, (2, 2))[:, 0, 0, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    fine = torch.arange(8.0).view(2, 1, 4, 1, 1).expand(2, 1, 4, 4, 4)
    assert feature_slices(fine, 4, (2, 2))[:, 0, 1, 1].tolist() == list(range(8))
    flat = torch.rand(3, 5, 4, 4)
    assert_close(feature_slices(flat, 1, (2, 2)), nn.functional.avg_pool2d(flat, 2))
