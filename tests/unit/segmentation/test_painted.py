"""Images painted from their masks: regions by hand, greys as drawn, and nothing of the scanner's contrast left."""

import pytest
import torch
from torch.testing import assert_close

from cmrbridge.segmentation.augment import AugmentSettings, apply, draw
from cmrbridge.segmentation.painted import DEVIATIONS, MEANS, clusters, paint, regions

ALWAYS = AugmentSettings(painted_chance=1.0, painted=3)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def hearts(n: int = 8, size: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    """A ring beside a square, on a background of three greys in stripes; each structure with its own grey."""
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    radius = ((y - 16.0) ** 2 + (x - 20.0) ** 2).sqrt()
    label = torch.where(radius < 4, 1, torch.where(radius < 8, 2, torch.where((y - 16).abs() < 6, 3, 0) * (x < 10)))
    background = torch.tensor([0.1, 0.5, 0.9])[x * 3 // size]
    image = torch.where(label == 0, background, torch.tensor([0.0, 0.8, 0.3, 0.6])[label])
    return image.expand(n, 1, size, size).clone(), label.to(torch.uint8).expand(n, size, size).clone()


def test_clusters_are_the_groups_of_members_in_rising_order() -> None:
    values = torch.tensor([[0.1, 0.12, 0.5, 0.52, 0.9, 0.88, 0.3], [1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]])
    members = torch.tensor([[True] * 6 + [False], [True] * 7])
    assert clusters(values, members, 3)[0, :6].tolist() == [0, 0, 1, 1, 2, 2]
    assert clusters(values, members, 2)[1].tolist() == [1, 0, 1, 0, 0, 0, 0]


def test_clusters_are_a_fixed_point_of_k_means() -> None:
    values = torch.rand(3, 400, generator=generator())
    found = clusters(values, torch.ones_like(values, dtype=torch.bool), 4)
    for row, numbers in zip(values, found):
        means = torch.stack([row[numbers == number].mean() for number in range(4)])
        nearest = (row[:, None] - means).abs().argmin(1)
        assert (nearest == numbers).float().mean() > 0.97


def test_structures_keep_their_label_and_background_is_split_by_grey() -> None:
    images, labels = hearts(2)
    found = regions(images, labels, 3)
    for structure in (1, 2, 3):
        assert torch.equal(found == structure, labels == structure)
    x = torch.arange(32).expand(2, 32, 32) * 3 // 32
    assert torch.equal(found[labels == 0], torch.tensor([0, 4, 5])[x[labels == 0]])


def test_a_mask_without_background_is_painted_too() -> None:
    assert regions(torch.rand(1, 1, 4, 4), torch.ones(1, 4, 4, dtype=torch.uint8), 3).unique().tolist() == [1]


def test_each_region_gets_its_mean_and_deviation() -> None:
    places = torch.tensor([[[0, 1], [1, 0]]])
    means, deviations = torch.tensor([[0.2, 0.6]]), torch.tensor([[0.1, 0.0]])
    grain = torch.tensor([[[[1.0, 5.0], [-3.0, -1.0]]]])
    assert_close(paint(places, means, deviations, grain), torch.tensor([[[[0.3, 0.6], [0.6, 0.1]]]]))


def test_masks_stay_and_greys_are_those_drawn() -> None:
    images, labels = hearts()
    drawn = draw(ALWAYS, 8, 32, generator())
    painted, moved = apply(images, labels, drawn)
    assert torch.equal(moved, labels)
    paint = drawn.paint
    assert paint.means.shape == paint.deviations.shape == (8, 3 + 3)
    for image in range(8):
        for region in range(1, 4):
            greys = painted[image, 0][labels[image] == region]
            assert float(greys.mean()) == pytest.approx(float(paint.means[image, region]), abs=0.03)
    assert MEANS[0] <= paint.means.min() < MEANS[0] + 0.1 < MEANS[1] - 0.1 < paint.means.max() <= MEANS[1]
    assert DEVIATIONS[0] <= paint.deviations.min() < paint.deviations.max() <= DEVIATIONS[1]


def test_what_is_painted_does_not_know_the_contrast_of_the_scanner() -> None:
    """Structures of other greys, and a background of other greys in the same order, give the same picture."""
    images, labels = hearts()
    other = torch.where(labels.unsqueeze(1) == 0, 0.4 * images + 0.3, 1 - images)
    drawn = draw(ALWAYS, 8, 32, generator())
    assert torch.equal(apply(images, labels, drawn)[0], apply(other, labels, drawn)[0])


def test_so_many_are_painted_and_none_without_a_mask() -> None:
    images, labels = hearts(400, 16)
    drawn = draw(AugmentSettings(painted_chance=0.3, painted=2), 400, 16, generator())
    painted, _ = apply(images[..., :16, :16], labels[:, :16, :16], drawn)
    same = (painted == images[..., :16, :16]).all(-1).all(-1).squeeze(1)
    assert torch.equal(~same, drawn.paint.happens)
    assert float((~same).float().mean()) == pytest.approx(0.3, abs=0.07)
    assert torch.equal(apply(images[..., :16, :16], None, drawn)[0], images[..., :16, :16])
