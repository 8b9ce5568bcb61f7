"""The vanilla 2-D U-Net of MONAI: 1.6 million weights."""

from torch import nn

from cmrbridge.segmentation.architectures.fingerprint import Fingerprint
from cmrbridge.segmentation.architectures.unet import bottleneck_and_decoder, two_finest, vanilla

STRIDE = 16


def build(classes: int, data: Fingerprint) -> nn.Module:
    return vanilla(classes, 2, (2, 2, 2, 2))


def features(network: nn.Module) -> list[nn.Module]:
    return bottleneck_and_decoder(network)


def early(network: nn.Module) -> list[nn.Module]:
    return two_finest(network)
