"""The vanilla 2-D U-Net of MONAI: 16-32-64-128-256 channels, two residual units a level, 1.6 million weights."""

from monai.networks.layers.simplelayers import SkipConnection
from monai.networks.nets import UNet
from torch import nn

CHANNELS = (16, 32, 64, 128, 256)
STRIDE = 16


def build(classes: int) -> nn.Module:
    """Logits (n, classes, y, x) from standardised images (n, 1, y, x)."""
    return UNet(
        spatial_dims=2,
        in_channels=1,
        out_channels=classes,
        channels=CHANNELS,
        strides=(2,) * (len(CHANNELS) - 1),
        num_res_units=2,
        norm="instance",
    )


def features(network: nn.Module) -> list[nn.Module]:
    """The bottleneck: what the innermost of the nested skip connections wraps."""
    return [[part for part in network.modules() if isinstance(part, SkipConnection)][-1].submodule]
