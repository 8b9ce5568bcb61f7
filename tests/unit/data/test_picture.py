"""What a gallery's contours enclose."""

import numpy as np

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.data.picture import outlined


def test_the_myocardium_is_outlined_from_outside_so_that_the_cavity_keeps_its_line() -> None:
    labels = np.zeros((5, 5), np.uint8)
    labels[1:4, 1:4] = STRUCTURES["MYO"]
    labels[2, 2] = STRUCTURES["LV"]
    found = {name: int(inside.sum()) for name, inside in outlined(labels).items()}
    assert found == {"LV": 1, "MYO": 9}  # and no contour of the right ventricle, which is not there


def test_a_cavity_alone_has_no_epicardium() -> None:
    labels = np.full((2, 2), STRUCTURES["LV"], np.uint8)
    assert list(outlined(labels)) == ["LV"]
