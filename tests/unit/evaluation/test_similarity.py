import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import structural_similarity

from cmrbridge.errors import InputError
from cmrbridge.evaluation.similarity import ms_ssim, ssim

RNG = np.random.default_rng(2)
A = np.clip(ndimage.gaussian_filter(RNG.normal(128, 400, (3, 64, 80)), (0, 3, 3)), 0, 255)
B = np.clip(A + RNG.normal(0, 20, A.shape), 0, 255)


def test_ssim_is_skimages() -> None:
    expected = [
        structural_similarity(a, b, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
        for a, b in zip(A, B)
    ]
    np.testing.assert_allclose(ssim(A, B), expected, rtol=1e-6)


def test_one_scale_alone_is_ssim() -> None:
    """At 20 pixels a second scale would be smaller than the window."""
    np.testing.assert_allclose(ms_ssim(A[:, :20, :20], B[:, :20, :20]), ssim(A[:, :20, :20], B[:, :20, :20]))


def test_equal_images_have_1_and_worse_ones_less() -> None:
    np.testing.assert_allclose(ms_ssim(A, A), 1)
    worse = np.clip(A + RNG.normal(0, 60, A.shape), 0, 255)
    assert (ms_ssim(A, worse) < ms_ssim(A, B)).all()
    assert (ms_ssim(A, 255 - A) < 0.2).all()


def test_noise_weighs_less_on_coarse_scales() -> None:
    assert (ms_ssim(A, B) > ssim(A, B)).all()


def test_too_small_an_image_is_refused() -> None:
    with pytest.raises(InputError, match="at least 11"):
        ms_ssim(A[:, :8], B[:, :8])
