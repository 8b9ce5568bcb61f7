"""MONAI's DynUNet on a planned topology: nnU-Net's network, two convolutions a stage, without deep supervision.

A stage of the decoder takes the kernel of the stage below it, where nnU-Net takes that of the stage beside it.
"""

from monai.networks.nets import DynUNet
from torch import nn

from cmrbridge.segmentation.architectures.planning import Topology


def planned(classes: int, topology: Topology) -> nn.Module:
    """Logits (n, classes, …) from images (n, 1, …) whose axes are multiples of the topology's steps."""
    network = DynUNet(
        spatial_dims=len(topology.kernels[0]),
        in_channels=1,
        out_channels=classes,
        kernel_size=topology.kernels,
        strides=topology.strides,
        upsample_kernel_size=topology.strides[1:],
        filters=topology.channels,
    )
    for second_name in ("input_block", "downsamples", "bottleneck", "upsamples"):
        delattr(network, second_name)  # of parts of skip_layers: a state would hold each weight twice
    return network


def bottleneck_and_decoder(network: nn.Module) -> list[nn.Module]:
    """The innermost of the nested layers, and the last block of the decoder."""
    layer: nn.Module = network.get_submodule("skip_layers")
    last = layer.get_submodule("upsample")
    while hasattr(layer, "next_layer"):
        layer = layer.get_submodule("next_layer")
    return [layer, last]


def two_finest(network: nn.Module) -> list[nn.Module]:
    """The blocks of the way down at the two finest levels."""
    return [network.get_submodule(f"skip_layers.{name}") for name in ("downsample", "next_layer.downsample")]
