"""Segmentation networks by name.

Each is a module of this package with four members: ``STRIDE``, the multiple that an image side must be of;
``build(classes, fingerprint) → nn.Module``, logits (n, classes, y, x) from images (n, 1, y, x), planned from the
training cases' geometry where the network has a plan; ``features(network) → [bottleneck, decoder's last]``, submodules
whose outputs (n, channels, y, x), of 3-D networks (stack, channels, z, y, x), a domain classifier may look at;
``early(network) → [submodule]``, whose outputs still carry the image's style (`mixstyle`). A 3-D network comes as a
`stacked.Stacked`. Only the module asked for is imported, so that the fingerprint of one network's code does not cover
the others.
"""

from importlib import import_module
from types import ModuleType

from torch import nn

from cmrbridge.core.anatomy import CLASSES
from cmrbridge.errors import InputError
from cmrbridge.segmentation.architectures.fingerprint import Fingerprint

NAMES = ("unet2d", "unet2d_batch", "unet3d", "vnet", "dynunet2d", "dynunet3d")


def _module(name: str) -> ModuleType:
    if name not in NAMES:
        raise InputError(f"architecture {name!r} is unknown; choose one of {', '.join(NAMES)}")
    return import_module(f"cmrbridge.segmentation.architectures.{name}")


def build(name: str, data: Fingerprint) -> nn.Module:
    """The named network, freshly initialised from torch's global generator, for training cases like ``data``."""
    module = _module(name)
    if data.size % module.STRIDE or data.size < 2 * module.STRIDE:
        raise InputError(
            f"architecture {name} needs an image side of {2 * module.STRIDE} or more that {module.STRIDE} divides, "
            f"not {data.size}: change the canonical size"
        )
    network: nn.Module = module.build(CLASSES, data)
    return network


def features(name: str, network: nn.Module) -> list[nn.Module]:
    """The submodules of ``build(name, …)`` whose outputs are its features: the bottleneck, then the decoder's last."""
    found: list[nn.Module] = _module(name).features(network)
    return found


def early(name: str, network: nn.Module) -> list[nn.Module]:
    """The submodules of ``build(name, …)`` after which styles are mixed: those of the finest levels."""
    found: list[nn.Module] = _module(name).early(network)
    return found
