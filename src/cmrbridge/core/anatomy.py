"""Names of the structures, and what a heart's mask must obey."""

import numpy as np
from numpy.typing import NDArray

STRUCTURES = {"LV": 1, "MYO": 2, "RV": 3}
CLASSES = 1 + len(STRUCTURES)
PHASES = ("ED", "ES")

# What each rule asks of a short-axis slice. Neighbours are the 4 beside a pixel; components join over corners too,
# because a myocardium of one pixel's width is joined over corners.
RULES = {
    "foreground": "some structure is there",
    "lv_one_piece": "the LV is at most one component",
    "lv_enclosed": "no LV pixel lies beside background or RV (the image border is no neighbour)",
    "myo_one_piece": "the myocardium is at most one component",
    "rv_one_piece": "the RV is at most one component",
    "rv_attached": "the RV touches the myocardium, if both are there",
    "rv_outside": "no RV pixel is shut in by LV and myocardium: from each a path of other pixels leads to the border",
}

Bools = NDArray[np.bool_]


def check_mask(labels: NDArray[np.uint8]) -> dict[str, bool]:
    """Which of `RULES` one label slice (y, x) keeps; a mask that keeps all is a possible heart."""
    lv, myo, rv = (labels == STRUCTURES[name] for name in ("LV", "MYO", "RV"))
    outside = ~(lv | myo)
    border = np.zeros_like(outside)
    border[[0, -1], :] = border[:, [0, -1]] = True
    return {
        "foreground": bool(labels.any()),
        "lv_one_piece": component_count(lv) <= 1,
        "lv_enclosed": not (grow(lv) & outside).any(),
        "myo_one_piece": component_count(myo) <= 1,
        "rv_one_piece": component_count(rv) <= 1,
        "rv_attached": not (rv.any() and myo.any()) or bool((grow(rv) & myo).any()),
        "rv_outside": not (rv & ~flood(outside & border, outside)).any(),
    }


def valid(labels: NDArray[np.uint8]) -> bool:
    """Whether one label slice (y, x) keeps every rule."""
    return all(check_mask(labels).values())


def grow(mask: Bools, corners: bool = False) -> Bools:
    """``mask`` and its 4 neighbours, or with ``corners`` its 8."""
    down = mask.copy()
    down[1:] |= mask[:-1]
    down[:-1] |= mask[1:]
    source = down if corners else mask
    out = down.copy()
    out[:, 1:] |= source[:, :-1]
    out[:, :-1] |= source[:, 1:]
    return out


def flood(seed: Bools, inside: Bools, corners: bool = False) -> Bools:
    """All pixels of ``inside`` that a path within it joins to ``seed``."""
    reached = seed & inside
    while True:
        larger = grow(reached, corners) & inside
        if (larger == reached).all():
            return reached
        reached = larger


def component_count(mask: Bools) -> int:
    """Number of components of ``mask`` (y, x), joined over sides and corners."""
    left, count = mask.copy(), 0
    while left.any():
        seed = np.zeros_like(left)
        seed.flat[int(left.argmax())] = True
        left &= ~flood(seed, left, corners=True)
        count += 1
    return count
