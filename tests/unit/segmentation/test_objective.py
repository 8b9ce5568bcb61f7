"""What goes through the network in one step under DANN: whose images, in which greys, and which of them teach."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from cmrbridge.core.loop import LoopSettings
from cmrbridge.segmentation.adversarial import DannSettings
from cmrbridge.segmentation.architectures.fingerprint import Fingerprint
from cmrbridge.segmentation.augment import AugmentSettings
from cmrbridge.segmentation.intensity import standardise, unit
from cmrbridge.segmentation.losses import marginal_dice_cross_entropy
from cmrbridge.segmentation.slices import Images, Slices
from cmrbridge.segmentation.train import SegmenterSettings, Trainee, build_trainee, objective

SIZE, BATCH = 32, 3
LOOP = LoopSettings(steps=10, learning_rate=1e-3)
NOISY = AugmentSettings(noise_chance=1.0, noise=0.2)
SETTINGS = SegmenterSettings("unet2d", LOOP, BATCH, NOISY, adversarial=DannSettings(alone=0.5, start=0.8))


def slices(seed: int) -> Slices:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (5, SIZE, SIZE), generator=generator).byte()
    return Slices(images, torch.arange(5), (images > 128).byte(), torch.ones(5, 4, dtype=torch.bool))


def step(settings: SegmenterSettings, number: int, train: Slices) -> tuple[Trainee, Tensor, dict[str, Tensor], Tensor]:
    """The trainee, its loss, what is reported, and the images that went through."""
    data = Fingerprint(size=SIZE, spacing_mm=2.5, slices=3, slice_mm=10.0)
    others = [Images(slices(seed).images, torch.arange(5)) for seed in (1, 2)]
    trainee, seen = build_trainee(settings, data, 3, seed=0), []
    trainee.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    loss, values = objective(trainee, settings, train, others)(number, torch.Generator().manual_seed(3))
    return trainee, loss, values, seen[0]


def test_alone_the_segmenter_sees_its_own_batch() -> None:
    _, _, values, images = step(SETTINGS, 4, slices(0))
    assert len(images) == BATCH
    assert values == {}


def test_a_whole_batch_of_every_domain_joins_in_its_own_greys() -> None:
    _, _, values, images = step(SETTINGS, 5, slices(0))
    assert len(images) == BATCH + 3 * BATCH
    assert {"domain_loss", "domain_accuracy"} <= values.keys()
    for domain, part in enumerate(images[BATCH:].split(BATCH)):
        known = standardise(unit(slices(domain).images))
        assert all((known == image).flatten(1).all(1).any() for image in part)
    noisy = standardise(unit(slices(0).images))
    assert not any((noisy == image).flatten(1).all(1).any() for image in images[:BATCH])


@pytest.mark.parametrize(("number", "reversal"), [(7, 0.0), (9, 0.25)])
def test_the_features_are_disturbed_only_once_the_classifier_has_learnt(number: int, reversal: float) -> None:
    """Without the reversal the network's gradient is that of segmentation, on the source's images in both greys."""
    trainee, loss, values, _ = step(SETTINGS, number, slices(0))
    weights = list(trainee.network.parameters())
    together = torch.autograd.grad(loss, weights, allow_unused=True)
    untold = replace(SETTINGS, adversarial=DannSettings(weight=0.0, alone=0.5, start=0.8))
    same, loss, _, _ = step(untold, number, slices(0))
    alone = torch.autograd.grad(loss, list(same.network.parameters()), allow_unused=True)
    equal = all(torch.equal(a, b) for a, b in zip(together, alone) if a is not None and b is not None)
    assert equal == (reversal == 0)
    assert (float(values["reversal"]) > 0) == (reversal > 0)


def test_the_sources_images_in_their_own_greys_teach_the_segmenter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their labels are those of the images: the toy's label is its grey above 128."""
    taught: list[Tensor] = []

    def spy(logits: Tensor, labels: Tensor, known: Tensor) -> Tensor:
        taught.append(labels)
        return marginal_dice_cross_entropy(logits, labels, known)

    monkeypatch.setattr("cmrbridge.segmentation.train.marginal_dice_cross_entropy", spy)
    train = slices(0)
    images = step(SETTINGS, 7, train)[3][BATCH : 2 * BATCH]
    known = standardise(unit(train.images))
    rows = [int((known == image).flatten(1).all(1).nonzero()) for image in images]
    assert len(taught[0]) == 2 * BATCH
    assert torch.equal(taught[0][BATCH:], train.labels[rows].long())
