"""Augmentation: identities, exact known moves, closed forms of each disturbance, and the draw replayed."""

import dataclasses
from pathlib import Path

import pytest
import torch
import yaml
from torch.testing import assert_close

from cmrbridge.segmentation.augment import AugmentSettings, Draw, apply, blurring, coarsening, draw
from cmrbridge.segmentation.fourier import mix_amplitudes
from cmrbridge.segmentation.intensity import standardise, unit
from cmrbridge.segmentation.nonlinear import transform

CATALOGUE = yaml.safe_load((Path(__file__).parents[3] / "config.yaml").read_text())["augmentations"]
STRONG = AugmentSettings(
    mirror_chance=0.5,
    geometry_chance=0.8,
    rotation=30,
    scale=(0.6, 1.6),
    shift=0.1,
    bias_chance=0.5,
    bias=0.4,
    blur_chance=0.5,
    blur=1.5,
    coarse_chance=0.5,
    coarse=2.5,
    contrast_chance=0.5,
    contrast=(0.5, 1.6),
    brightness_chance=0.5,
    brightness=0.2,
    gamma_chance=0.5,
    gamma=(0.5, 2.0),
    noise_chance=0.5,
    noise=0.12,
    fourier_chance=0.5,
    fourier=1.0,
    nonlinear_chance=0.5,
    nonlinear=1.0,
    painted_chance=0.5,
    painted=3,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(n: int = 6, size: int = 24) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.rand(n, 1, size, size, generator=generator(1))
    return images, torch.randint(4, (n, size, size), generator=generator(2), dtype=torch.uint8)


def test_default_settings_draw_nothing_and_change_nothing() -> None:
    images, labels = pictures()
    drawn = draw(AugmentSettings(), 6, 24, generator())
    assert drawn == Draw()
    moved, moved_labels = apply(images, labels, drawn)
    assert torch.equal(moved, images)
    assert torch.equal(moved_labels, labels)


def test_strengths_of_nothing_change_nothing() -> None:
    names = {f.name for f in dataclasses.fields(AugmentSettings) if f.name.endswith("chance")}
    chances = dict.fromkeys(names - {"mirror_chance"}, 1.0)  # which has no strength
    images, labels = pictures()
    moved, moved_labels = apply(images, labels, draw(AugmentSettings(**chances), 6, 24, generator()))
    assert_close(moved, images, atol=1e-5, rtol=0)
    assert torch.equal(moved_labels, labels)


def test_the_same_seed_draws_and_applies_the_same() -> None:
    images, labels = pictures()
    first, again = (apply(images, labels, draw(STRONG, 6, 24, generator(5))) for _ in range(2))
    other, _ = apply(images, labels, draw(STRONG, 6, 24, generator(6)))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other)


def test_results_stay_in_range_and_labels_stay_labels() -> None:
    images, labels = pictures(64)
    moved, moved_labels = apply(images, labels, draw(STRONG, 64, 24, generator()))
    assert moved.min() >= 0
    assert moved.max() <= 1
    assert moved_labels.dtype == torch.uint8
    assert set(moved_labels.unique().tolist()) <= {0, 1, 2, 3}


def test_a_quarter_turn_moves_image_and_labels_alike() -> None:
    images, labels = pictures(1)
    turn = torch.tensor([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]])
    moved, moved_labels = apply(images, labels, Draw(affine=turn))
    assert_close(moved, images.rot90(1, (2, 3)), atol=1e-5, rtol=0)
    assert torch.equal(moved_labels, labels.rot90(1, (1, 2)))


def test_images_and_labels_are_mirrored_in_all_four_ways_alike() -> None:
    images, labels = pictures(200)
    moved, moved_labels = apply(images, labels, draw(AugmentSettings(mirror_chance=0.5), 200, 24, generator()))
    counts = []
    for axes in ([], [1], [2], [1, 2]):
        mirrored = torch.isclose(moved, images.flip([axis + 1 for axis in axes]), atol=1e-5).flatten(1).all(1)
        assert torch.equal(moved_labels[mirrored], labels.flip(axes)[mirrored])
        counts.append(int(mirrored.sum()))
    assert sum(counts) == 200
    assert min(counts) > 30


def test_magnification_and_shift_are_what_the_settings_say() -> None:
    settings = AugmentSettings(geometry_chance=1.0, scale=(2.0, 2.0))
    affine = draw(settings, 3, 8, generator()).affine
    assert_close(affine, torch.tensor([[0.5, 0.0, 0.0], [0.0, 0.5, 0.0]]).expand(3, 2, 3))
    shifts = draw(AugmentSettings(geometry_chance=1.0, shift=0.1), 500, 8, generator()).affine[:, :, 2]
    assert shifts.abs().max() <= 0.2  # of a side that is 2 long
    assert shifts.abs().max() > 0.19


def test_chance_is_the_share_of_images_disturbed() -> None:
    drawn = draw(AugmentSettings(gamma_chance=0.3, gamma=(0.5, 2.0)), 5000, 4, generator())
    assert float((drawn.gamma != 1).float().mean()) == pytest.approx(0.3, abs=0.02)
    assert float(drawn.gamma.log().mean()) == pytest.approx(0, abs=0.02)


def test_grey_scale_closed_forms() -> None:
    image = torch.tensor([0.2, 0.4, 0.6, 0.8]).view(1, 1, 2, 2)
    one = torch.ones(1)
    assert_close(apply(image, None, Draw(gamma=2 * one))[0], image**2)
    assert_close(apply(image, None, Draw(brightness=0.1 * one))[0], image + 0.1)
    assert_close(apply(image, None, Draw(contrast=0.5 * one))[0], 0.5 + 0.5 * (image - 0.5))
    assert_close(apply(image, None, Draw(bias=torch.full((1, 1, 4, 4), -0.5)))[0], image * torch.tensor(-0.5).exp())


@pytest.mark.parametrize("matrix", [blurring, coarsening])
def test_smoothing_keeps_a_constant_and_its_identity(matrix) -> None:
    identity = 0.0 if matrix is blurring else 1.0
    matrices = matrix(torch.tensor([identity, 1.7, 2.0]), 12)
    assert_close(matrices.sum(-1), torch.ones(3, 12))
    assert_close(matrices[0], torch.eye(12))


def test_blur_has_the_width_it_says() -> None:
    row = blurring(torch.tensor([1.5]), 41)[0, 20]
    places = torch.arange(41) - 20.0
    assert float((row * places**2).sum()) == pytest.approx(1.5**2, rel=1e-3)


def test_coarse_sampling_removes_the_finest_stripes() -> None:
    stripes = (torch.arange(16) % 2).float().expand(1, 1, 16, 16)
    coarse, _ = apply(stripes, None, Draw(coarse=torch.tensor([4.0])))
    assert_close(coarse[..., 4:12], torch.full((1, 1, 16, 8), 0.5), atol=0.1, rtol=0)


def test_standardised_images_have_mean_zero_and_deviation_one() -> None:
    images = standardise(unit(torch.tensor([[[0, 255], [255, 0]], [[7, 7], [7, 7]]], dtype=torch.uint8)))
    assert images[0].flatten().tolist() == [-1, 1, 1, -1]
    assert images[1].abs().max() == 0


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_recipe_of_the_config_draws_images(name: str) -> None:
    settings = {key: tuple(value) if isinstance(value, list) else value for key, value in CATALOGUE[name].items()}
    images, labels = pictures()
    moved, _ = apply(images, labels, draw(AugmentSettings(**settings), 6, 24, generator(4)))
    assert moved.isfinite().all()
    assert torch.equal(moved, images) == (name == "none")


def test_amplitudes_are_mixed_as_drawn() -> None:
    images, _ = pictures()
    drawn = draw(AugmentSettings(fourier_chance=1.0, fourier=1.0), 6, 24, generator())
    assert drawn.partner is not None
    assert drawn.fourier is not None
    assert (drawn.partner != torch.arange(6)).all(), "an image mixed with itself is left as it is"
    found = apply(images, None, drawn)[0]
    assert_close(found, mix_amplitudes(images, images[drawn.partner], drawn.fourier).clamp(0, 1))
    assert (found - images).abs().max() > 0.05


def test_random_networks_are_applied_as_drawn() -> None:
    images, _ = pictures()
    drawn = draw(AugmentSettings(nonlinear_chance=1.0, nonlinear=1.0), 6, 24, generator())
    assert drawn.layers is not None
    assert drawn.nonlinear is not None
    found = apply(images, None, drawn)[0]
    assert_close(found, transform(images, drawn.layers, drawn.nonlinear).clamp(0, 1))
    assert (found - images).abs().max() > 0.05


def test_the_slices_of_a_stack_are_disturbed_alike_but_for_their_noise() -> None:
    """Every parameter there is, with even chance: two stacks of three slices, each with equal parameters within."""
    chances = {f.name: 0.9 for f in dataclasses.fields(AugmentSettings) if f.name.endswith("_chance")}
    settings = dataclasses.replace(STRONG, **chances, fourier=1.0, nonlinear=1.0)
    drawn = draw(settings, 6, 24, generator(3), depth=3)
    assert drawn.partner is not None
    assert drawn.partner.tolist() == [3, 4, 5, 0, 1, 2]
    assert drawn.noise is not None
    assert len({float(one.std()) for one in drawn.noise}) == 6
    assert drawn.layers is not None
    assert len({float(one.std()) for one in drawn.paint.grain}) == 6
    shared = {**vars(drawn), **vars(drawn.paint)}
    for name, value in shared.items():
        for part in [part for layer in value for part in layer] if name == "layers" else [value]:
            if name not in ("noise", "partner", "paint", "grain"):
                assert torch.equal(part[:1].expand_as(part[:3]), part[:3]), name
                assert torch.equal(part[3:4].expand_as(part[3:]), part[3:]), name
                assert name == "happens" or not torch.equal(part[0], part[3]), name
