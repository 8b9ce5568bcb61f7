"""The anatomy rules, on masks drawn by hand, and on all of ACDC where it is at hand."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cmrbridge.core.anatomy import RULES, check_mask, component_count, valid

HEART = """
............
..222.......
.21112......
.21112333...
.21112333...
..222333....
............
"""


def mask(drawing: str) -> NDArray[np.uint8]:
    rows = drawing.strip().splitlines()
    return np.array([[0 if c == "." else int(c) for c in row] for row in rows], np.uint8)


def broken(drawing: str) -> set[str]:
    return {rule for rule, kept in check_mask(mask(drawing)).items() if not kept}


def test_a_heart_keeps_every_rule() -> None:
    assert valid(mask(HEART))
    assert set(check_mask(mask(HEART))) == set(RULES)


@pytest.mark.parametrize(
    ("drawing", "rules"),
    [
        ("....\n....\n....", {"foreground"}),
        ("22222....\n21122.22.\n22222.22.", {"myo_one_piece"}),
        (".222222\n2112112\n.222222", {"lv_one_piece"}),
        (".222.\n2111.\n.222.", {"lv_enclosed"}),
        (".2223\n21113\n.2223", {"lv_enclosed"}),
        ("222..3\n212..3\n222..3", {"rv_attached"}),
        ("2223..\n2123..\n222..3\n.....3", {"rv_one_piece"}),
        (".22222.\n.23122.\n.22222.", {"lv_enclosed", "rv_outside"}),
        ("......\n.2222.\n.2332.\n.2222.\n......", {"rv_outside"}),
    ],
)
def test_each_fault_breaks_its_rule(drawing: str, rules: set[str]) -> None:
    assert broken(drawing) == rules


@pytest.mark.parametrize("drawing", [".22.\n2222\n.22.", "....\n.33.\n.33.", "112\n112\n222", "33.\n..2"])
def test_apex_base_and_border_are_possible(drawing: str) -> None:
    """Myocardium alone, RV alone, an LV cut by the border; "33./..2" does not touch over a side."""
    assert broken(drawing) == ({"rv_attached"} if drawing == "33.\n..2" else set())


def test_components_join_over_corners() -> None:
    assert component_count(mask("1.1\n.1.\n...") == 1) == 1
    assert component_count(mask("1.1\n...\n..1") == 1) == 3


def test_real_masks_are_possible_hearts(real_data: Path) -> None:
    """Label maps of ACDC at their own resolution; its contours break a rule now and then."""
    import nibabel as nib

    files = sorted(real_data.glob("acdc/training/patient0*/*_gt.nii.gz"))[:20]
    if not files:
        pytest.skip(f"put ACDC into {real_data}/acdc (its folder training/) to run this test on real contours")
    canonical = np.array([0, 3, 2, 1], np.uint8)
    slices = [canonical[np.asarray(nib.load(f).dataobj).astype(int)[:, :, i]] for f in files for i in (3, 5)]
    assert np.mean([valid(one) for one in slices]) > 0.9
