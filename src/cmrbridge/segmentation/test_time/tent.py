"""Entropy minimisation at test time (TENT, Wang et al., ICLR 2021): the subject's own slices tune batch norm."""

from dataclasses import replace

import torch
from torch import Tensor

from cmrbridge.segmentation.intensity import standardise, unit
from cmrbridge.segmentation.segmenter import Predictor, Segmenter
from cmrbridge.segmentation.test_time.adabn import batch_norms, own_statistics


def predictor(segmenter: Segmenter, steps: int, learning_rate: float) -> Predictor:
    """Lower the mean entropy of the subject's pixels by ``steps`` steps of Adam, then predict it.

    As in the paper, statistics are those of the batch (here all slices of the subject) and only the scale and the
    shift of batch norm learn. Every subject starts from the trained network.
    """
    segmenter.network.requires_grad_(False)
    weights = [weight.requires_grad_() for layer in batch_norms(segmenter.network) for weight in layer.parameters()]

    def adapted(images: Tensor, case: Tensor | None = None) -> Tensor:
        with own_statistics(segmenter.network):
            optimizer = torch.optim.Adam(weights, lr=learning_rate)
            for _ in range(steps):
                optimizer.zero_grad(set_to_none=True)
                entropy(segmenter.network(standardise(unit(images)))).backward()
                optimizer.step()
            return replace(segmenter, batch=len(images))(images, case)

    return adapted


def entropy(logits: Tensor) -> Tensor:
    """H = −Σ p log p over the classes (the paper's section 3.1), mean over pixels; logits: (n, class, y, x)."""
    logs = torch.log_softmax(logits.float(), dim=1)
    mean: Tensor = -(logs.exp() * logs).sum(dim=1).mean()
    return mean
