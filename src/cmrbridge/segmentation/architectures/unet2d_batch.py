"""`unet2d` with batch norm, which has statistics and affine weights: what adapting at test time can change."""

from torch import nn

from cmrbridge.segmentation.architectures import unet2d
from cmrbridge.segmentation.architectures.fingerprint import Fingerprint
from cmrbridge.segmentation.architectures.unet import vanilla

STRIDE = unet2d.STRIDE
features = unet2d.features
early = unet2d.early


def build(classes: int, data: Fingerprint) -> nn.Module:
    return vanilla(classes, 2, (2, 2, 2, 2), norm="batch")
