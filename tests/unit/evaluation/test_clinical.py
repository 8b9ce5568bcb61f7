import numpy as np
import pytest

from cmrbridge.evaluation.clinical import chamber_function, ejection_fraction, thirds, volume_ml


def test_volume_is_voxels_times_voxel_volume() -> None:
    mask = np.zeros((20, 20, 5), bool)
    mask[2:12, 3:13, 1:3] = True
    assert volume_ml(mask, (1.5, 1.5, 8.0)) == pytest.approx(200 * 18 / 1000)


def test_ball_has_the_volume_of_the_formula() -> None:
    axes = np.ogrid[-50:51, -50:51, -50:51]
    ball = sum((0.5 * axis) ** 2 for axis in axes) <= 20**2
    assert volume_ml(ball, (0.5, 0.5, 0.5)) == pytest.approx(4 / 3 * np.pi * 20**3 / 1000, rel=0.002)


def test_ejection_fraction() -> None:
    assert ejection_fraction(120, 48) == 60
    assert ejection_fraction(50, 60) == -20
    assert ejection_fraction(0, 0) == 0


def test_function_of_a_textbook_ventricle() -> None:
    assert chamber_function(120, 48) == {"edv_ml": 120, "esv_ml": 48, "sv_ml": 72, "ef_percent": 60}


@pytest.mark.parametrize("flipped", [False, True])
def test_thirds_start_at_the_wide_end_whatever_the_order_of_the_file(flipped: bool) -> None:
    cone = np.zeros((20, 20, 10), bool)
    for index in range(1, 9):
        cone[: 20 - 2 * index, :5, index] = True
    regions = thirds(cone[..., ::-1] if flipped else cone)
    found = {name: [9 - i if flipped else i for i in slices] for name, slices in regions.items()}
    assert found == {"base": [1, 2, 3], "mid": [4, 5, 6], "apex": [7, 8]}


def test_two_slices_have_no_thirds() -> None:
    mask = np.zeros((4, 4, 6), bool)
    mask[1, 1, 2:4] = True
    assert thirds(mask) == {}
