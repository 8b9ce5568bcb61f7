"""Segmentation networks by name.

Each is a module of this package with three members: ``STRIDE``, the multiple that an image side must be of;
``build(classes) → nn.Module``, logits (n, classes, y, x) from images (n, 1, y, x); ``features(network) → [submodule]``,
whose outputs (n, channels, y, x) a domain classifier may look at. Only the module asked for is imported, so that the
fingerprint of one network's code does not cover the others.
"""

from importlib import import_module
from types import ModuleType

from torch import nn

from cmrbridge.core.anatomy import CLASSES
from cmrbridge.errors import InputError

NAMES = ("unet2d",)


def _module(name: str) -> ModuleType:
    if name not in NAMES:
        raise InputError(f"architecture {name!r} is unknown; choose one of {', '.join(NAMES)}")
    return import_module(f"cmrbridge.segmentation.architectures.{name}")


def build(name: str, size: int) -> nn.Module:
    """The named network, freshly initialised from torch's global generator, for square images of ``size`` pixels."""
    module = _module(name)
    if size % module.STRIDE or size < 2 * module.STRIDE:
        raise InputError(
            f"architecture {name} needs an image side of {2 * module.STRIDE} or more that {module.STRIDE} divides, "
            f"not {size}: change the canonical size"
        )
    network: nn.Module = module.build(CLASSES)
    return network


def features(name: str, network: nn.Module) -> list[nn.Module]:
    """The submodules of ``build(name, …)`` whose outputs are its features."""
    found: list[nn.Module] = _module(name).features(network)
    return found
