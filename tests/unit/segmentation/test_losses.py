"""The marginal loss: MONAI's where everything is known, closed forms where something is not."""

import math

import torch
from monai.losses import DiceCELoss
from torch.testing import assert_close

from cmrbridge.segmentation.losses import marginal_dice_cross_entropy, marginal_log_probabilities

EVERYTHING = [True, True, True, True]
NO_RV = [True, True, True, False]


def example(n: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    return torch.randn(n, 4, 8, 8, generator=random), torch.randint(4, (n, 8, 8), generator=random)


def test_equals_monai_where_everything_is_known() -> None:
    logits, labels = example()
    oracle = DiceCELoss(softmax=True, to_onehot_y=True, batch=True)(logits, labels[:, None])
    ours = marginal_dice_cross_entropy(logits, labels.to(torch.uint8), torch.tensor([EVERYTHING] * 3))
    assert_close(ours, oracle)


def test_equals_three_classes_where_the_fourth_is_unknown() -> None:
    logits, labels = example()
    labels[labels == 3] = 0
    merged = torch.cat([logits[:, [0, 3]].logsumexp(1, keepdim=True), logits[:, 1:3]], dim=1)
    oracle = marginal_dice_cross_entropy(merged, labels, torch.ones(3, 3, dtype=torch.bool))
    assert_close(marginal_dice_cross_entropy(logits, labels, torch.tensor([NO_RV] * 3)), oracle)


def test_finding_an_unannotated_structure_costs_nothing() -> None:
    labels = torch.zeros(1, 4, 4, dtype=torch.long)
    as_background, as_rv = torch.full((1, 4, 4, 4), -20.0), torch.full((1, 4, 4, 4), -20.0)
    as_background[:, 0], as_rv[:, 3] = 20, 20
    known = torch.tensor([NO_RV])
    assert_close(
        marginal_dice_cross_entropy(as_rv, labels, known), marginal_dice_cross_entropy(as_background, labels, known)
    )
    assert marginal_dice_cross_entropy(as_rv, labels, torch.tensor([EVERYTHING])) > 10


def test_background_takes_over_the_unknown_probability() -> None:
    logs = marginal_log_probabilities(torch.zeros(1, 4, 1, 1), torch.tensor([NO_RV]))
    assert_close(logs.flatten(), torch.tensor([math.log(0.5), math.log(0.25), math.log(0.25), -1e4]))


def test_each_sample_keeps_its_own_annotation() -> None:
    logits, labels = example(2)
    labels[1][labels[1] == 3] = 0
    logits.requires_grad_()
    marginal_dice_cross_entropy(logits, labels, torch.tensor([EVERYTHING, NO_RV])).backward()
    gradient = logits.grad
    shares = torch.softmax(logits.detach()[1, [0, 3]], dim=0)
    together = gradient[1, [0, 3]].sum(0)
    assert_close(gradient[1, [0, 3]], shares * together)  # merged: they move as one class
    assert torch.isfinite(gradient).all()
    assert gradient[0, 3].abs().sum() > 0


def test_a_sample_of_which_nothing_is_known_counts_for_nothing() -> None:
    """So does the repeat of a slice that fills up a stack: neither value nor gradient changes with it."""
    logits, labels = example()
    padded = logits.clone().requires_grad_()
    known = torch.tensor([EVERYTHING, EVERYTHING, [False] * 4])
    loss = marginal_dice_cross_entropy(padded, labels, known)
    assert_close(loss, marginal_dice_cross_entropy(logits[:2], labels[:2], known[:2]))
    loss.backward()
    assert padded.grad is not None
    assert padded.grad[2].abs().max() < 1e-7 < padded.grad[:2].abs().max()
