"""The heart is found from two phases of the image alone."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from cmrbridge.data.frames import IngestSettings
from cmrbridge.data.ingest import ingest
from cmrbridge.data.localise import TOWARDS_RIGHT_VENTRICLE, blurring, heart_centre, image_centre


def beating(centre: tuple[float, float], radius: float) -> np.ndarray:
    """A bright cavity of this radius on grey ground, with a brighter wall that shifts by a pixel; (4, 160, 160)."""
    rows, columns = np.meshgrid(np.arange(160), np.arange(160), indexing="ij")
    image = np.full((160, 160), 50.0)
    image[np.hypot(rows - centre[0], columns - centre[1]) < radius] = 200
    edge = 10 + (radius > 15)
    image[:, edge : edge + 4] = 255
    return np.repeat(image[None], 4, axis=0).astype(np.float32)


@pytest.mark.parametrize(("count", "sigma"), [(256, 16.7), (31, 3.3), (9, 16.7), (1, 2.0)])
def test_the_matrix_blurs_as_scipy_does(count: int, sigma: float) -> None:
    """To the last bit of a float32, also where the kernel is wider than the line and is mirrored several times."""
    np.testing.assert_allclose(blurring(count, sigma), gaussian_filter1d(np.eye(count), sigma, axis=0), atol=1e-15)
    image = np.random.default_rng(0).random((count, 7)).astype(np.float32)
    assert np.array_equal((blurring(count, sigma) @ image).astype(np.float32), gaussian_filter1d(image, sigma, axis=0))


@pytest.mark.parametrize("centre", [(80.0, 80.0), (60.0, 95.0), (95.0, 65.0)])
def test_an_emptying_cavity_is_found(centre: tuple[float, float]) -> None:
    pairs = [(index, index) for index in range(4)]
    row, column = heart_centre(beating(centre, 20), beating(centre, 12), pairs, (1.5, 1.5))
    assert row == pytest.approx(centre[0], abs=4)
    assert column == pytest.approx(centre[1] - TOWARDS_RIGHT_VENTRICLE / 1.5, abs=4)


def test_without_motion_it_is_the_image_s_middle() -> None:
    still = beating((60, 60), 20)
    assert heart_centre(still, still, [(0, 0)], (1.5, 1.5)) == image_centre((160, 160)) == (79.5, 79.5)


@pytest.mark.long
@pytest.mark.parametrize(("name", "reader", "worst"), [("acdc", "acdc", 0.005), ("sunnybrook", "manifest", 0.005)])
def test_crops_of_real_hearts_lose_next_to_nothing(
    real_data: Path, tmp_path: Path, name: str, reader: str, worst: float
) -> None:
    lost: list[float] = []
    ingest(
        settings=IngestSettings(dataset=name, reader=reader, size=96, spacing_mm=1.75),
        folder=real_data / name,
        subjects=tmp_path / "subjects.csv",
        prepared=tmp_path / "prepared.npz",
        picture=tmp_path / "qc.png",
        report=lambda step, total=None, **values: lost.append(values["cut_off"]),
    )
    assert max(lost) < worst
    assert np.mean(lost) < 0.001
