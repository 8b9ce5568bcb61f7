import numpy as np
import pandas as pd
import pytest

from cmrbridge.evaluation.agreement import pooled_dice, share
from cmrbridge.evaluation.shapes import describe

PIXEL = 1.5


def heart(inner: float, outer: float, stretch: float = 1, row: float = 50, column: float = 40) -> np.ndarray:
    y, x = np.ogrid[:101, :101]
    away = np.hypot((y - row) / stretch, x - column)
    labels = np.where(away <= inner, 1, np.where(away <= outer, 2, 0)).astype(np.uint8)
    labels[(np.hypot(y - 20, x - 80) <= 10)] = 3
    return labels


def test_disc_and_ring_have_their_areas_wall_and_centre() -> None:
    row = describe(heart(15, 24)[None], PIXEL).iloc[0]
    assert row.lv_area == pytest.approx(np.pi * 15**2 * PIXEL**2, rel=0.02)
    assert row.myo_area == pytest.approx(np.pi * (24**2 - 15**2) * PIXEL**2, rel=0.02)
    assert row.rv_lv_ratio == pytest.approx(100 / 225, rel=0.03)
    assert (row.wall_mean, row.wall_min, row.wall_max) == pytest.approx((13.5, 13.5, 13.5), abs=PIXEL)
    assert row.eccentricity == pytest.approx(0, abs=1e-6)
    assert (row.centre_y, row.centre_x) == pytest.approx((0, -10 * PIXEL))


@pytest.mark.parametrize("stretch", [1.2, 1.8])
def test_an_ellipse_has_its_eccentricity(stretch: float) -> None:
    row = describe(heart(10, 22, stretch)[None], PIXEL).iloc[0]
    axes = 1 / np.sqrt(1 - row.eccentricity**2)
    assert axes == pytest.approx(stretch, rel=0.02)  # half a pixel of the 22 along the short axis


def test_what_is_not_there_has_no_shape() -> None:
    labels = np.where(heart(15, 24) == 3, 3, 0).astype(np.uint8)
    row = describe(labels[None], PIXEL).iloc[0]
    assert row.lv_area == row.myo_area == 0
    assert row.rv_area > 0
    assert pd.isna(row.drop(["lv_area", "myo_area", "rv_area"]).astype(float)).all()


def test_pooled_dice_weighs_slices_by_size_and_its_interval_is_over_units() -> None:
    """LV of 90 pixels found, of 10 pixels missed: 2 · 90 / (90 + 90 + 10)."""
    given = np.zeros((2, 10, 20), np.uint8)
    given[0, :9, :10], given[1, :1, :10] = 1, 1
    given[:, :, 10:15], given[:, :, 15:] = 2, 3
    predicted = given.copy()
    predicted[1, :1, :10] = 0
    draw = np.random.default_rng(0)
    apart = pooled_dice(predicted, given, np.arange(2), draw)
    assert apart["dice_LV"].value == pytest.approx(180 / 190)
    assert apart["dice"].value == pytest.approx((180 / 190 + 2) / 3)
    assert (apart["dice_LV"].low, apart["dice_LV"].high) == pytest.approx((0, 1))
    together = pooled_dice(predicted, given, np.array(["a", "a"]), draw)
    assert together["dice_LV"].low == together["dice_LV"].high == pytest.approx(180 / 190)


def test_a_share_and_its_interval() -> None:
    flags = np.arange(400) < 100
    found = share(flags, np.arange(400), np.random.default_rng(0))
    assert found.value == 0.25
    assert (found.low, found.high) == pytest.approx((0.25 - 0.0424, 0.25 + 0.0424), abs=0.006)  # 1.96 √(p q / n)
