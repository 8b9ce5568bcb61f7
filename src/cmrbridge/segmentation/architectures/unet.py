"""The vanilla U-Net of MONAI in two and in three dimensions: 16-32-64-128-256 channels, two residual units a level."""

from collections.abc import Sequence

from monai.networks.layers.simplelayers import SkipConnection
from monai.networks.nets import UNet
from torch import nn

CHANNELS = (16, 32, 64, 128, 256)


def vanilla(
    classes: int, dimensions: int, strides: Sequence[int | tuple[int, ...]], norm: str = "instance"
) -> nn.Module:
    """Logits (n, classes, …) from images (n, 1, …). strides: between one level and the next. norm: MONAI's, "instance"
    (without weights) or "batch" (with)."""
    return UNet(
        spatial_dims=dimensions,
        in_channels=1,
        out_channels=classes,
        channels=CHANNELS,
        strides=strides,
        num_res_units=2,
        norm=norm,
    )


def bottleneck_and_decoder(network: nn.Module) -> list[nn.Module]:
    """What the innermost and the outermost of the nested skip connections wrap.

    The outermost ends in the decoder's last features: MONAI's last level makes logits of them and of the skip.
    """
    skips = [part for part in network.modules() if isinstance(part, SkipConnection)]
    return [skips[-1].submodule, skips[0].submodule]


def two_finest(network: nn.Module) -> list[nn.Module]:
    """The way down of the two finest levels."""
    unet = next(part for part in network.modules() if isinstance(part, UNet))
    return [unet.get_submodule("model.0"), unet.get_submodule("model.1.submodule.0")]
