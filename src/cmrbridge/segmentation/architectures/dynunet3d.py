"""The U-Net that nnU-Net's rules plan for stacks of slices."""

from torch import nn

from cmrbridge.segmentation.architectures.dynunet import bottleneck_and_decoder, planned, two_finest
from cmrbridge.segmentation.architectures.fingerprint import Fingerprint
from cmrbridge.segmentation.architectures.planning import plan
from cmrbridge.segmentation.architectures.stacked import Stacked

STRIDE = 8


def build(classes: int, data: Fingerprint) -> nn.Module:
    shape, spacing = (data.slices, data.size, data.size), (data.slice_mm, data.spacing_mm, data.spacing_mm)
    topology = plan(shape, spacing)
    return Stacked(planned(classes, topology), data.slices, step=topology.step(axis=0))


def features(network: nn.Module) -> list[nn.Module]:
    assert isinstance(network, Stacked)
    return bottleneck_and_decoder(network.network)


def early(network: nn.Module) -> list[nn.Module]:
    assert isinstance(network, Stacked)
    return two_finest(network.network)
