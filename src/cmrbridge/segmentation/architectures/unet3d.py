"""The vanilla U-Net of MONAI on stacks of slices: 4.8 million weights.

Slices lie four pixels apart or more, and are few: they are halved once, where a pixel has become as long as their
distance.
"""

from torch import nn

from cmrbridge.segmentation.architectures.fingerprint import Fingerprint
from cmrbridge.segmentation.architectures.stacked import Stacked
from cmrbridge.segmentation.architectures.unet import bottleneck_and_decoder, two_finest, vanilla

STRIDE = 16
STRIDES = ((1, 2, 2), (1, 2, 2), (2, 2, 2), (1, 2, 2))


def build(classes: int, data: Fingerprint) -> nn.Module:
    return Stacked(vanilla(classes, 3, STRIDES), data.slices, step=2)


def features(network: nn.Module) -> list[nn.Module]:
    return bottleneck_and_decoder(network)


def early(network: nn.Module) -> list[nn.Module]:
    return two_finest(network)
