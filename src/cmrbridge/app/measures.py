"""What the masks of a study's frames say: volumes, function and mass, and slices that are no possible heart."""

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.anatomy import STRUCTURES, check_mask
from cmrbridge.evaluation.clinical import DENSITY, chamber_function, volume_ml

Labels = NDArray[np.uint8]
Frame = TypeVar("Frame", int, str)
CHAMBERS = ("LV", "RV")
FAULTS = {  # of core.anatomy.RULES, as a reader meets them
    "lv_one_piece": "the LV is in several pieces",
    "lv_enclosed": "the LV is not enclosed by myocardium",
    "myo_one_piece": "the myocardium is in several pieces",
    "rv_one_piece": "the RV is in several pieces",
    "rv_attached": "the RV does not touch the myocardium",
    "rv_outside": "some of the RV lies inside the myocardium",
}


def volumes_ml(labels: Labels, spacing: tuple[float, float, float]) -> dict[str, float]:
    """Structure → mL; spacing: mm."""
    return {name: volume_ml(labels == code, spacing) for name, code in STRUCTURES.items()}


def summary(ml: Mapping[Frame, dict[str, float]], ed: Frame, es: Frame) -> dict[str, Any]:
    """Per chamber `chamber_function`, and the left ventricle's mass at end-diastole. SV and EF are None where ED and ES
    are one frame: of one there is no function.

    ml: `volumes_ml` by frame.
    """
    chambers: dict[str, dict[str, float | None]] = {
        name: {**chamber_function(ml[ed][name], ml[es][name])} for name in CHAMBERS
    }
    if ed == es:
        for function in chambers.values():
            function.update(sv_ml=None, ef_percent=None)
    return {**chambers, "lv_mass_g": DENSITY * ml[ed]["MYO"]}


def in_order(frames: int, ed: int, es: int) -> list[int]:
    """ED, ES, then the others as they come."""
    return [*dict.fromkeys([ed, es, *range(frames)])]


def by_volume(ml: dict[int, dict[str, float]], guessed: tuple[int, int]) -> tuple[int, int]:
    """(ED, ES): the frames of most and of least blood in the LV, the first of equals; as guessed where fewer than two
    have any. A frame without any is one that the network failed on, and no end-systole.

    ml: `volumes_ml` by frame.
    """
    blood = {number: ml[number]["LV"] for number in sorted(ml) if ml[number]["LV"] > 0}
    if len(blood) < 2:
        return guessed
    return max(blood, key=blood.__getitem__), min(blood, key=blood.__getitem__)


def oddities(labels: Labels) -> list[str]:
    """What is no possible heart in one frame (x, y, slice), a line each; slices count from 1, the file's first."""
    if not (labels == STRUCTURES["LV"]).any():
        return ["no left ventricle was found"]
    found = []
    for number in np.flatnonzero(labels.any(axis=(0, 1))):
        kept = check_mask(_around(labels[:, :, number]))
        broken = [words for rule, words in FAULTS.items() if not kept[rule]]
        if broken:
            found.append(f"slice {number + 1}: {', '.join(broken)}")
    return found


def _around(labels: Labels) -> Labels:
    """A label slice cut down to what is there and a pixel beside it, which keeps and breaks the same rules."""
    x, y = (np.flatnonzero(labels.any(axis=axis)) for axis in (1, 0))
    return labels[max(x[0] - 1, 0) : x[-1] + 2, max(y[0] - 1, 0) : y[-1] + 2]
