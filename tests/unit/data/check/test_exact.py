"""What a check counts, on shapes whose answer is known."""

import math

import nibabel
import numpy as np
import pytest

from cmrbridge.data.check.cohort import far_out
from cmrbridge.data.check.facts import Facts, stack_faults
from cmrbridge.data.check.files import Nifti, farthest, header_faults, skewness
from cmrbridge.data.check.images import image_faults
from cmrbridge.data.check.labels import label_faults, placement_faults
from cmrbridge.data.check.masks import inner_slices, mask_faults, pieces, side_faults
from cmrbridge.data.check.pictures import chosen
from cmrbridge.data.check.problem import harmless
from cmrbridge.data.check.subjects import function_faults, left_out, shared_counts, size_faults
from cmrbridge.data.frames import Frame

ALL = ("LV", "MYO", "RV")


def square(hole: bool = False) -> np.ndarray:
    """Five slices: a cavity of 4 × 4 pixels in a wall of one; in the middle one with a hole of two wall pixels."""
    labels = np.zeros((12, 12, 5), np.uint8)
    labels[3:9, 3:9] = 2
    labels[4:8, 4:8] = 1
    if hole:
        labels[3, 5:7, 2] = 0
    return labels


def frame(phase: str = "ED", numbers: tuple[int, ...] = ()) -> Frame:
    machine = ("", "", "", math.nan, "")
    return Frame("d", "s", phase, None, None, None, None, ("LV",), *machine, slice_numbers=numbers)  # type: ignore[arg-type]


def facts(phase: str, cavity: tuple[int, ...], numbers: tuple[int, ...] = (), wall: int = 0) -> Facts:
    counts = {"LV": cavity, "MYO": (wall,)}
    return Facts(frame(phase, numbers), (9, 9, len(cavity)), (2.0, 2.0, 10.0), (0, 0, 1), False, counts, phase, phase)


def test_a_ring_and_the_same_with_a_hole() -> None:
    assert mask_faults(square(), ("LV", "MYO")) == []
    (fault,) = mask_faults(square(hole=True), ("LV", "MYO"))
    assert (fault.check, fault.slice) == ("ring_open", 2)
    assert fault.what.startswith("2 of 16 pixels around the LV cavity")
    assert mask_faults(square(hole=True), ("LV",)) == []  # who drew no wall left none open


def test_the_ring_may_be_open_in_the_first_and_last_slice_of_the_cavity() -> None:
    labels = square()
    labels[3, 5:7, 0] = labels[3, 5:7, 4] = 0
    assert mask_faults(labels, ("LV", "MYO")) == []
    assert list(inner_slices(labels == 1)) == [1, 2, 3]


def test_pieces_are_joined_over_corners() -> None:
    mask = np.zeros((8, 8), bool)
    mask[0, 0] = mask[1, 1] = mask[4, 4:7] = True
    assert pieces(mask) == [3, 2]


def test_axes_at_an_angle() -> None:
    turn = math.radians(30)
    affine = np.diag([2.0, 2, 8, 1])
    assert skewness(affine) == 0
    affine[:2, 1] = 2 * np.array([math.sin(turn), math.cos(turn)])
    assert skewness(affine) == pytest.approx(0.5)


def test_how_far_two_grids_lie_apart() -> None:
    one = np.diag([1.0, 1, 1, 1])
    other = one.copy()
    other[0, 3] = 3
    assert farthest(one, other, (10, 10, 10)) == 3
    assert farthest(one, np.diag([1.0, 1, 1.5, 1]), (10, 10, 10)) == pytest.approx(5)


def test_far_out() -> None:
    values = np.array([*range(20), 48.0])
    np.testing.assert_array_equal(np.flatnonzero(far_out(values)), [20])  # quartiles 5 and 15: beyond 45
    np.testing.assert_array_equal(np.flatnonzero(far_out(np.array([8.0] * 19 + [5]))), [19])
    assert not far_out(np.array([8.0] * 8 + [5] * 2)).any()  # two in ten are no exception


def test_phases_are_compared_on_the_slices_of_both() -> None:
    ed, es = facts("ED", (50, 40, 30), (1, 2, 3)), facts("ES", (30, 20), (2, 3))
    assert shared_counts(ed, es, "LV") == (70, 50)
    assert function_faults(ed, es) == []
    assert [fault.check for fault in function_faults(ed, facts("ES", (40, 30), (2, 3)))] == ["phase_order"]
    assert shared_counts(facts("ED", (50, 40)), facts("ES", (30,)), "LV") == (0, 0)
    assert [fault.what for fault in function_faults(facts("ED", (100,)), facts("ES", (2,)))] == [
        "the LV ejects 98 % on the slices of both phases"
    ]


def test_volume_and_mass() -> None:
    big = facts("ED", (17525,), wall=1000)  # 40 mm³ each: 701 mL, 42 g
    assert [fault.what for fault in size_faults(big)] == ["at end diastole the LV holds 701 mL"]
    assert [fault.what for fault in size_faults(facts("ED", (2500,), wall=12500))] == [
        "at end diastole the myocardium weighs 525 g"
    ]


def test_slices_left_out() -> None:
    assert left_out((3, 4, 5)) == left_out(()) == []
    assert left_out((2, 3, 6))[0].what.startswith("of the acquisition's slices 4, 5 are")


@pytest.mark.parametrize(("count", "found"), [(1, ["slices"]), (3, []), (30, []), (40, ["slices"])])
def test_numbers_of_slices(count: int, found: list[str]) -> None:
    image = Nifti(np.zeros((200, 200, count), np.uint8), 1.0, 0.0, np.eye(4), (1.4, 1.4, 8.0), 2)
    assert [fault.check for fault in stack_faults(image, count)] == found


def test_labels_beside_their_image() -> None:
    labels = square()
    image = np.where(labels == 1, 200, np.where(labels == 2, 80, 30)).astype(np.float32)
    image[0, 0, 0] = 0
    assert placement_faults(labels, image) == []
    assert [fault.check for fault in placement_faults(np.roll(labels, 6, axis=0), image)] == ["dark_cavity"]


def test_codes_are_translated_and_others_told() -> None:
    values = np.array([[[0.0, 3.0, 2.0001, 1.0]]], np.float32)
    labels, faults = label_faults(values, {"LV": 3, "MYO": 2, "RV": 1}, ALL)
    np.testing.assert_array_equal(labels, [[[0, 1, 2, 3]]])
    assert [fault.check for fault in faults] == ["label_rounded"]
    labels, faults = label_faults(values * 3, {"LV": 3, "MYO": 2, "RV": 1}, ALL)
    assert labels is None
    assert faults[0].what == "it holds the values 6, 9, the codes are {'LV': 3, 'MYO': 2, 'RV': 1}"


def test_two_slices_alike() -> None:
    voxels = np.random.default_rng(0).random((4, 4, 3)).astype(np.float32)
    assert image_faults(voxels) == []
    voxels[:, :, 2] = voxels[:, :, 0]
    assert [(fault.check, fault.slice) for fault in image_faults(voxels)] == [("repeated_slice", 2)]


@pytest.mark.parametrize("kind", [nibabel.Nifti1Header, nibabel.Nifti2Header])
def test_a_header_of_both_versions(kind: type) -> None:
    header = kind()
    header.set_data_shape((8, 8, 4))
    header["pixdim"][1:4] = 1.5, 1.5, 8
    header.set_sform(np.diag([-1.5, -1.5, 8, 1]), 1)
    header.set_xyzt_units("mm")
    assert header_faults(header) == []


@pytest.mark.parametrize(
    ("cell", "written"),
    [("=1+1", "'=1+1"), ("@x", "'@x"), ("-2.5", "-2.5"), ("-x", "'-x"), ("+1,5", "+1,5"), ("-", "-"), ("NOR", "NOR")],
)
def test_formulas(cell: str, written: str) -> None:
    assert harmless(cell) == written


def test_the_slices_of_a_picture() -> None:
    assert chosen(10, None) == [0, 2, 4, 7, 9]
    assert chosen(10, 9) == [5, 6, 7, 8, 9]
    assert chosen(3, 1) == [0, 1, 2]
    assert chosen(1, None) == [0]


def test_the_side_of_the_rv() -> None:
    """The same heart in four files: as it is, turned with its affine, and mirrored against it."""
    labels = square()
    labels[0:3, 3:9] = 3  # toward lower x; x runs to the patient's left
    upright = np.diag([-2.0, -2, 8, 1])
    turned = upright[:, [1, 0, 2, 3]]
    assert side_faults(labels, upright) == []
    assert side_faults(labels.swapaxes(0, 1), turned) == []
    assert side_faults(labels[::-1], np.diag([2.0, -2, 8, 1])) == []
    assert [fault.what for fault in side_faults(labels[::-1], upright)] == [
        "the RV lies 9 mm to the right of the LV, as in a mirror"
    ]
