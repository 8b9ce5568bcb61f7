"""V-Net (Milletari et al., 3DV 2016) as MONAI has it, fitted to short-axis stacks: 46 million weights.

Its first two levels halve the plane alone, where MONAI halves all three axes at every level: six to fourteen slices
that lie four pixels apart can't be halved four times. Instance normalisation stands for MONAI's batch normalisation,
whose statistics two stacks a step do not give; MONAI's dropout, which the paper has not, is left out.
"""

from monai.networks.nets import VNet
from torch import nn

from cmrbridge.segmentation.architectures.fingerprint import Fingerprint
from cmrbridge.segmentation.architectures.stacked import Stacked

STRIDE = 16
PLANE = (1, 2, 2)


def build(classes: int, data: Fingerprint) -> nn.Module:
    network = VNet(spatial_dims=3, in_channels=1, out_channels=classes, act="prelu")
    for level in (network.down_tr32, network.down_tr64):
        level.down_conv = _in_plane(level.down_conv)
    for level in (network.up_tr32, network.up_tr64):
        level.up_conv = _in_plane(level.up_conv)
    for parent in list(network.modules()):
        for name, part in list(parent.named_children()):
            if isinstance(part, nn.BatchNorm3d):
                setattr(parent, name, nn.InstanceNorm3d(part.num_features, affine=True))
            elif isinstance(part, nn.Dropout3d):
                setattr(parent, name, nn.Identity())
    return Stacked(network, data.slices, step=4)


def _in_plane(layer: nn.Conv3d | nn.ConvTranspose3d) -> nn.Module:
    """The same layer between resolutions, for the plane alone."""
    return type(layer)(
        layer.in_channels, layer.out_channels, kernel_size=PLANE, stride=PLANE, bias=layer.bias is not None
    )


def features(network: nn.Module) -> list[nn.Module]:
    """The bottleneck and the decoder's last features, from which the output layer makes logits."""
    assert isinstance(network, Stacked)
    return [network.network.get_submodule(name) for name in ("down_tr256", "up_tr32")]


def early(network: nn.Module) -> list[nn.Module]:
    """What enters the two finest levels of the way down."""
    assert isinstance(network, Stacked)
    return [network.network.get_submodule(name) for name in ("in_tr", "down_tr32")]
