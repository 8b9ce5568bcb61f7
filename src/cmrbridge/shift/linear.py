"""A linear reader: multinomial logistic regression, solved to its one optimum."""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]


def linear_logits(train: Floats, classes: NDArray[np.int64], test: Floats, count: int, penalty: float) -> Floats:
    """(m, count) logits of ``test`` (m, feature) by a regression on ``train`` (n, feature) with ``classes`` (n,).

    Features are standardised by the training samples. Minimised: mean cross-entropy with every class counting the
    same, plus ``penalty`` times the squared weights (intercepts are free): strictly convex in the weights, so that
    neither order nor seed matters.
    """
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    scale = np.where(deviation > 1e-8, deviation, np.inf)  # a constant feature says nothing
    inputs, asked = (torch.from_numpy((part - mean) / scale) for part in (train, test))
    labels = torch.from_numpy(classes)
    shares = torch.bincount(labels, minlength=count).double()
    weights = torch.where(shares > 0, 1 / shares.clamp_min(1), 0.0)
    slopes = torch.zeros(inputs.shape[1], count, dtype=torch.float64, requires_grad=True)
    offsets = torch.zeros(count, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [slopes, offsets], max_iter=300, tolerance_grad=1e-6, history_size=20, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        value: Tensor = F.cross_entropy(inputs @ slopes + offsets, labels, weights) + penalty * slopes.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    with torch.no_grad():
        logits: Floats = (asked @ slopes + offsets).numpy()
    return logits
