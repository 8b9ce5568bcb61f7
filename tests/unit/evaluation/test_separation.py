"""How far domains lie apart: closed forms, scipy as oracle, and chance that is called chance."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import energy_distance

from cmrbridge.evaluation.separation import inhomogeneity, plane, separations


def apart(one: list[float], other: list[float]) -> float:
    values = np.array([*one, *other])[:, None]
    return inhomogeneity(cdist(values, values), np.arange(len(values)) < len(one))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [([0, 0, 0], [5, 5], 1), ([0, 2], [1], 0.5), ([1, 4, 4], [1, 4, 4], 0), ([3, 3], [3], 0)],
)
def test_closed_forms(one: list[float], other: list[float], expected: float) -> None:
    assert apart(one, other) == pytest.approx(expected, abs=1e-12)


def test_in_one_dimension_it_is_scipy_s_energy_distance_over_twice_the_mean_distance() -> None:
    generator = np.random.default_rng(0)
    one, other = generator.normal(0, 1, 13), generator.normal(1, 2, 8)
    between = np.abs(one[:, None] - other).mean()
    assert apart(list(one), list(other)) == pytest.approx(energy_distance(one, other) ** 2 / (2 * between), rel=1e-12)


def test_domains_alike_are_told_apart_as_often_as_chance_allows() -> None:
    generator = np.random.default_rng(1)
    found = [
        separations({"a": generator.normal(size=(9, 3)), "b": generator.normal(size=(6, 3))}, 0) for _ in range(60)
    ]
    told = sum(float(table.p.iloc[0]) <= 0.1 for table in found)
    assert 0 <= told <= 13, "6 are expected; more than 13 come once in 500 times"
    assert np.mean([table.apart - table.by_chance for table in found]) == pytest.approx(0, abs=0.02)


def test_each_two_domains_once_whatever_the_unit_of_a_feature() -> None:
    generator = np.random.default_rng(2)
    features = {name: generator.normal(place, 1, (8, 4)) for name, place in (("a", 0), ("b", 0), ("c", 4))}
    table = separations(features, 0)
    assert list(zip(table["first"], table["second"])) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert table.p.iloc[0] > 0.05
    assert table.p.iloc[1:].tolist() == [0.001, 0.001]
    scaled = separations({name: values * [1, 1e3, 1e-3, 1] for name, values in features.items()}, 0)
    assert scaled.apart.to_numpy() == pytest.approx(table.apart.to_numpy())


def test_the_plane_holds_all_of_what_lies_in_a_plane() -> None:
    generator = np.random.default_rng(3)
    flat = generator.normal(size=(30, 2)) @ generator.normal(size=(2, 6))
    places, shares = plane(flat)
    assert sum(shares) == pytest.approx(1)
    scaled = (flat - flat.mean(0)) / flat.std(0)
    assert cdist(places, places) == pytest.approx(cdist(scaled, scaled), abs=1e-9)


def test_one_subject_and_constant_features_have_a_place_too() -> None:
    for features in (np.ones((1, 4)), np.ones((5, 4))):
        places, shares = plane(features)
        assert not places.any()
        assert shares == (0, 0)
