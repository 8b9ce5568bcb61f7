import numpy as np
import pytest
from scipy import ndimage

from cmrbridge.errors import InputError
from cmrbridge.evaluation.features import image_features, mask_features, scattering

RNG = np.random.default_rng(3)
SMOOTH = ndimage.gaussian_filter(RNG.normal(0, 1, (6, 64, 64)), (0, 3, 3))
IMAGES = np.clip(100 + 300 * SMOOTH, 0, 255).astype(np.uint8)


def blob(row: int, column: int) -> np.ndarray:
    y, x = np.ogrid[:64, :64]
    radius = np.hypot(y - row, x - column)
    return np.where(radius < 8, 1, np.where(radius < 12, 2, 0)).astype(np.uint8)[None]


@pytest.mark.parametrize("shape", [(64, 64), (50, 71), (96, 96)])
def test_any_size_gives_as_many_features(shape: tuple[int, int]) -> None:
    images = RNG.integers(0, 256, (3, *shape), np.uint8)
    assert image_features(images).shape == (3, 122)
    assert mask_features(images % 4).shape == (3, 123)


def test_images_do_not_depend_on_their_neighbours() -> None:
    many = np.concatenate([IMAGES] * 7)  # more than one chunk
    np.testing.assert_allclose(image_features(many)[-1], image_features(IMAGES[-1:])[0], atol=1e-4)


def test_a_shift_changes_little_and_noise_and_blur_much() -> None:
    moved = np.linalg.norm(mask_features(blob(34, 27)) - mask_features(blob(30, 32)))
    thicker = np.linalg.norm(
        mask_features(ndimage.grey_dilation(blob(30, 32), (1, 3, 3))) - mask_features(blob(30, 32))
    )
    assert moved < 0.1 * thicker
    base = image_features(IMAGES)
    noisy = np.clip(IMAGES + RNG.normal(0, 6, IMAGES.shape), 0, 255).astype(np.uint8)
    between = np.linalg.norm(base - base.mean(0), axis=1).mean()
    assert np.linalg.norm(image_features(noisy) - base, axis=1).min() > between
    blurred = image_features(ndimage.gaussian_filter(noisy, (0, 1, 1)))
    assert np.linalg.norm(blurred - image_features(noisy), axis=1).min() > between


def test_a_wave_answers_at_its_own_scale_and_angle() -> None:
    """Wavelength 32/6 pixels: |ξ| of scale 1; along x: angle 0; of 6 orientations and 1 window."""
    x = np.arange(64)
    wave = np.tile((0.5 + 0.4 * np.cos(2 * np.pi * x * 12 / 64)).astype(np.float32), (1, 64, 1))
    features = scattering(wave, orientations=6, middle=False)[0]
    starts = {0: 1, 1: 1 + 6 + 3 * 6, 2: 1 + 2 * 6 + 5 * 6, 3: 1 + 3 * 6 + 6 * 6}  # after the pairs of order 2
    first = np.array([features[start : start + 6] for start in starts.values()])
    assert np.unravel_index(first.argmax(), first.shape) == (1, 0)
    assert np.exp(features[0]) == pytest.approx(0.5, abs=0.01)


def test_a_flat_image_has_only_a_mean() -> None:
    features = np.exp(scattering(np.full((1, 32, 32), 0.25, np.float32), orientations=4, middle=False)[0]) - 1e-3
    assert features[0] == pytest.approx(0.25, abs=1e-5)
    np.testing.assert_allclose(features[1:], 0, atol=1e-5)


def test_too_small_an_image_is_refused() -> None:
    with pytest.raises(InputError, match="at least 16"):
        image_features(np.zeros((2, 12, 64), np.uint8))
