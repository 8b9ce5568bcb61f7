"""Adaptive batch norm (Li et al., 2016): layers are normalised by the statistics of the test subject's own slices."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from cmrbridge.errors import InputError
from cmrbridge.segmentation.segmenter import Predictor, Segmenter


def predictor(segmenter: Segmenter) -> Predictor:
    """Predict all slices of the subject as one batch, whose mean and variance take the training's place."""
    batch_norms(segmenter.network)

    def adapted(images: Tensor, case: Tensor | None = None) -> Tensor:
        with own_statistics(segmenter.network):
            return replace(segmenter, batch=len(images))(images, case)

    return adapted


def batch_norms(network: nn.Module) -> list[_BatchNorm]:
    """The layers that hold statistics; InputError where there are none."""
    found = [part for part in network.modules() if isinstance(part, _BatchNorm)]
    if not found:
        raise InputError("this network has no batch norm to adapt: take one that has (unet2d_batch), or no adaptation")
    return found


@contextmanager
def own_statistics(network: nn.Module) -> Iterator[None]:
    """Within, batch norm uses the statistics of the batch it sees; after, the network is as it was, bit for bit."""
    layers = batch_norms(network)
    kept = {name: value.clone() for name, value in network.state_dict().items()}
    for layer in layers:
        layer.train()
    try:
        yield
    finally:
        for layer in layers:
            layer.eval()
        network.load_state_dict(kept)
