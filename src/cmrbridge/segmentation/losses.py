"""Dice plus cross-entropy that never calls an unannotated structure background (marginal loss, Shi et al. 2021)."""

import torch
import torch.nn.functional as F
from torch import Tensor

SMOOTH = 1e-5  # MONAI's smoothing of numerator and denominator of the Dice


def marginal_log_probabilities(logits: Tensor, known: Tensor) -> Tensor:
    """Log-probabilities in which background takes over the probability of what a sample does not annotate.

    logits: (n, class, y, x), class 0 is background. known: (n, class) bool.
    Unknown classes come back as -1e4 (a probability of 0 that stays finite).
    """
    logs = F.log_softmax(logits.float(), dim=1)
    unknown = ~known[:, :, None, None]
    merged = unknown.clone()
    merged[:, 0] = True
    background = logs.masked_fill(~merged, -1e4).logsumexp(dim=1, keepdim=True)
    return torch.cat([background, logs[:, 1:].masked_fill(unknown[:, 1:], -1e4)], dim=1)


def marginal_dice_cross_entropy(logits: Tensor, labels: Tensor, known: Tensor) -> Tensor:
    """Cross-entropy + soft Dice loss, each class's overlap pooled over the samples of the batch that know it.

    logits: (n, class, y, x). labels: (n, y, x) integers; an unknown class's pixels count as background.
    known: (n, class) bool; a sample of which not even the background is known counts for nothing.
    With everything known this is MONAI's ``DiceCELoss`` of softmax and one-hot labels with ``batch=True``.
    """
    logs = marginal_log_probabilities(logits, known)
    shown = known.gather(1, labels.flatten(1).long()).view_as(labels)
    truth = labels.long() * shown
    cross_entropy = F.nll_loss(logs, truth) * len(known) / known[:, 0].sum()
    weight = known[:, :, None, None].float()
    one_hot = F.one_hot(truth, logits.shape[1]).movedim(-1, 1)
    probabilities = logs.exp() * weight
    overlap = (probabilities * one_hot).sum(dim=(0, 2, 3))
    total = (probabilities + one_hot * weight).sum(dim=(0, 2, 3))
    losses = 1 - (2 * overlap + SMOOTH) / (total + SMOOTH)
    somewhere = known.any(dim=0).float()
    return cross_entropy + (losses * somewhere).sum() / somewhere.sum()
