"""The U-Net that nnU-Net's rules plan for single slices."""

from torch import nn

from cmrbridge.segmentation.architectures.dynunet import bottleneck_and_decoder, planned, two_finest
from cmrbridge.segmentation.architectures.fingerprint import Fingerprint
from cmrbridge.segmentation.architectures.planning import plan

STRIDE = 8


def build(classes: int, data: Fingerprint) -> nn.Module:
    return planned(classes, plan((data.size,) * 2, (data.spacing_mm,) * 2))


def features(network: nn.Module) -> list[nn.Module]:
    return bottleneck_and_decoder(network)


def early(network: nn.Module) -> list[nn.Module]:
    return two_finest(network)
