"""The SPADE network and its sampler without any training: guidance, temper, vendors, the untrained estimate."""

import numpy as np
import pytest
import torch
from torch import Tensor

from cmrbridge.core.diffusion import signal_shares
from cmrbridge.synthesis.model import TEMPER, SpadeTraining, build, draw_images
from cmrbridge.synthesis.network import SPREAD, Modulation, SpadeUNet

SIZE = 16


class Constant(SpadeUNet):
    """Answers 0.1 for no mask and 0.3 for any."""

    def condition(self, mask: Tensor, domain: Tensor | None = None, moves: Tensor | None = None) -> Modulation:
        return Modulation((((mask.amax((1, 2, 3)),),),), None)

    def forward(self, x: Tensor, time: Tensor, modulation: Modulation) -> Tensor:
        return (0.1 + 0.2 * modulation.maps[0][0][0]).view(-1, 1, 1, 1).expand_as(x)


@pytest.mark.parametrize(("guidance", "signal"), [(1.0, 0.3), (1.5, 0.4), (0.0, 0.1)])
def test_guidance_goes_past_the_mask_by_its_weight(guidance: float, signal: float, tiny: SpadeTraining) -> None:
    network = Constant((8,), 1, 8, 1, "cosine")
    generator = torch.Generator().manual_seed(0)
    labels = np.zeros((2, 8, 8), np.uint8)
    drawn = draw_images(network, labels, tiny, calls=3, generator=generator, guidance=guidance)
    assert np.abs(drawn - (signal + 1) * 127.5).max() <= 1  # rounded, after a little noise was left in


def test_images_are_drawn_from_tempered_estimates(monkeypatch: pytest.MonkeyPatch, tiny: SpadeTraining) -> None:
    network, labels = build(tiny), np.zeros((2, 16, 16), np.uint8)

    def contrast(temper: float) -> float:
        monkeypatch.setattr("cmrbridge.synthesis.model.TEMPER", temper)
        return float(draw_images(network, labels, tiny, calls=5, generator=torch.Generator().manual_seed(0)).std())

    assert contrast(1.0) < contrast(TEMPER) < contrast(1.2)


def test_an_untrained_network_is_the_best_linear_estimate(tiny: SpadeTraining) -> None:
    """It draws nothing: what is left is Wiener's weight √ᾱ s² / (ᾱ s² + 1 − ᾱ) of the input, for data of spread s."""
    network, shares = build(tiny), signal_shares(tiny.schedule)
    x = torch.randn(1, 1, SIZE, SIZE)
    modulation = network.condition(torch.zeros(1, 4, SIZE, SIZE))
    for time in (0, 100, 500, 999):
        with torch.no_grad():
            found = network(x, torch.tensor([time]), modulation)
        share = shares[time]
        expected = share.sqrt() * SPREAD**2 / (share * SPREAD**2 + 1 - share)
        torch.testing.assert_close(found, expected * x)


def test_the_vendor_changes_the_image(tiny: SpadeTraining) -> None:
    network = build(tiny, ["GE", "Siemens"])
    for name, parameter in network.named_parameters():
        if name.startswith("last") or "leave" in name:
            torch.nn.init.normal_(parameter)  # they start at zero
    x, mask = torch.randn(1, 1, SIZE, SIZE), torch.zeros(1, 4, SIZE, SIZE)
    one, other = (network(x, torch.tensor([500]), network.condition(mask, torch.tensor([k]))) for k in (0, 1))
    assert not torch.allclose(one, other)
