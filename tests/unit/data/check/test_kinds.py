"""Every kind of fault: told of a data set that has it, and of none that has not."""

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from cmrbridge.data.check.problem import COLUMNS, KINDS
from cmrbridge.data.phantom.generate import PhantomSettings, generate_phantom

MIDDLE = 4  # a slice that is neither the first nor the last


def of_label(change: Callable[[np.ndarray], Any], *phases: str) -> Callable[[Any], None]:
    return lambda one: [one.voxels(one.label(0, phase), change) for phase in phases or ("ED",)]


def of_image(change: Callable[[np.ndarray], Any]) -> Callable[[Any], None]:
    return lambda one: one.voxels(one.image(), change)


def of_header(**fields: Any) -> Callable[[Any], None]:
    return lambda one: one.header(one.image(), **fields)


def replaced(old: str, new: str, count: int = -1) -> Callable[[Any], None]:
    return lambda one: one.table(lambda text: text.replace(old, new, count))


def put(where: Any, value: float) -> Callable[[np.ndarray], None]:
    def change(array: np.ndarray) -> None:
        array[where] = value

    return change


def cut(paths: Callable[[Any], list[Path]], where: Any) -> Callable[[Any], None]:
    return lambda one: [one.voxels(path, lambda array: array[where]) for path in paths(one)]


def relabelled(pairs: dict[int, int], index: Any = slice(None)) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        new = array.copy()
        for old, code in pairs.items():
            new[..., index][array[..., index] == old] = code
        return new

    return change


def big_endian(one: Any) -> None:
    content = gzip.decompress(one.image().read_bytes())
    header = nibabel.Nifti1Header(content[:348]).as_byteswapped(">")
    voxels = np.frombuffer(content, "<f4", offset=352).astype(">f4").tobytes()
    one.image().write_bytes(gzip.compress(header.binaryblock + bytes(4) + voxels))


def two_places(one: Any) -> None:
    for place in ("training", "testing"):
        path = one.folder / place / "s09" / "x.nii.gz"
        path.parent.mkdir(parents=True)
        shutil.copy(one.image(), path)


def repeated(one: Any) -> None:
    two_places(one)
    for place in ("training", "testing"):
        home = one.folder / place / "s09"
        (home / "Info.cfg").write_text("ED: 1\nES: 2\nGroup: NOR\n")
        for frame, phase in ((1, "ED"), (2, "ES")):
            shutil.copy(one.image(0, phase), home / f"s09_frame{frame:02d}.nii.gz")


def half_ring(array: np.ndarray) -> None:
    ring = array[:, :, MIDDLE]
    ring[30:][ring[30:] == 2] = 0


def torn_rv(array: np.ndarray) -> None:
    array[array[:, :, MIDDLE] == 3, MIDDLE] = 0
    array[2:8, 2:8, MIDDLE] = 3


def apart(one: Any) -> None:
    for path in [*one.both(0, "ED"), *one.both(0, "ES")]:
        one.header(path, pixdim_3=9.0)


def lying(one: Any) -> None:
    for path in [*one.both(0, "ED"), *one.both(0, "ES")]:
        one.header(path, srow_x=(0, 0, 8, 0), srow_y=(2, 0, 0, 0), srow_z=(0, 2, 0, 0), qform_code=0)


def swapped(one: Any) -> None:
    one.table(lambda text: text.replace("s00,ED,", "s00,?,").replace("s00,ES,", "s00,ED,").replace("s00,?,", "s00,ES,"))


Ways = dict[str, Callable[[Any], Any]]

WAYS: Ways = {
    "layout": replaced("phase,", "fase,"),
    "formula": replaced("NOR", "=HYPERLINK()", 1),
    "two_splits": two_places,
    "unread": two_places,
    "metadata_missing": replaced("Aera", "", 2),
    "field_strength": replaced(",1.5,", ",1500,", 2),
    "spelling": replaced("Siemens", "SIEMENS", 2),
    "missing": lambda one: one.image().unlink(),
    "damaged": lambda one: one.label().write_bytes(one.label().read_bytes()[:-9]),
    "not_nifti": lambda one: one.image().write_bytes(gzip.compress(b"<html>please log in</html>" * 40)),
    "header_size": of_header(dim_1=65),
    "header_type": of_header(bitpix=8),
    "header_value": of_header(srow_x=(np.nan, 0, 0, 0)),
    "slice_axis": lambda one: [one.voxels(p, lambda a: np.moveaxis(a, 2, 0)) or one.header(p, pixdim_1=8, pixdim_3=2)
                               for p in one.both()],
    "spacing": of_header(pixdim_3=0),
    "frame": of_image(lambda array: np.stack([array, array], axis=3)),
    "not_finite": of_image(put((3, 4, 5), np.nan)),
    "constant": of_image(put(..., 7)),
    "blank_slice": of_image(put(np.s_[:, :, MIDDLE], 7)),
    "repeated_slice": of_image(lambda array: put(np.s_[:, :, MIDDLE], array[:, :, 0])(array)),
    "units_unknown": of_header(xyzt_units=0),
    "units": of_header(xyzt_units=3, pixdim=(1, 2000, 2000, 8000, 0, 0, 0, 0)),
    "spacing_disagrees": of_header(srow_x=(-1, 0, 0, 60)),
    "no_affine": of_header(sform_code=0, qform_code=0),
    "forms_disagree": of_header(qoffset_x=90),
    "not_orthonormal": of_header(srow_x=(-2, 0.1, 0, 60)),
    "scaling": of_header(scl_slope=-1, scl_inter=0),
    "endian": big_endian,
    "intent": of_header(intent_code=1007),
    "label_shape": of_label(lambda array: array[:-1]),
    "label_place": lambda one: one.header(one.label(), srow_x=(-2, 0, 0, 110), qoffset_x=110),
    "label_shift": lambda one: one.header(one.label(), srow_x=(-2, 0, 0, 61), qoffset_x=61),
    "label_one_hot": of_label(lambda array: np.stack([array == code for code in range(4)], axis=3).astype(np.uint8)),
    "label_fraction": of_label(lambda array: array * np.float32(0.5)),
    "label_rounded": of_label(lambda array: array * np.float32(0.9999)),
    "label_values": of_label(lambda array: array * 85),
    "label_unasked": replaced("LV MYO RV", "LV MYO", 1),
    "label_empty": of_label(put(..., 0)),
    "structure_empty": of_label(relabelled({3: 0})),
    "codes_swapped": of_label(relabelled({1: 3, 3: 1})),
    "dark_cavity": lambda one: one.voxels(one.image(), lambda array: put(abs(array - 200) < 15, 20)(array)),
    "off_image": lambda one: one.voxels(one.image(), lambda array: put(abs(array - 190) < 4, -99)(array)),
    "ring_open": of_label(half_ring),
    "pieces": of_label(put((2, 2, MIDDLE), 3)),
    "rv_touches_lv": of_label(relabelled({2: 3}, MIDDLE)),
    "rv_apart": of_label(torn_rv),
    "mirrored": cut(lambda one: one.both(), np.s_[::-1]),
    "gap": of_label(put(np.s_[:, :, MIDDLE], 0)),
    "volume": of_label(put(np.s_[:, :, 1:], 0), "ED", "ES"),
    "phase_order": swapped,
    "one_phase": lambda one: one.table(lambda text: "\n".join(
        line for line in text.splitlines() if not line.startswith("s00,ES"))),
    "phases_grid": cut(lambda one: one.both(0, "ES"), np.s_[:-2]),
    "phases_slices": cut(lambda one: one.both(0, "ES"), np.s_[:, :, :-1]),
    "slices_left_out": replaced("0 1 2 3 4 5 6 7 8 9", "0 1 2 4 5 6 7 8 9 10", 2),
    "phases_equal": lambda one: shutil.copy(one.image(0, "ED"), one.image(0, "ES")),
    "phases_metadata": replaced("NOR", "DCM", 1),
    "slices": cut(lambda one: [*one.both(0, "ED"), *one.both(0, "ES")], np.s_[:, :, :2]),
    "duplicate_image": lambda one: shutil.copy(one.image(0), one.image(1)),
    "duplicate_label": lambda one: shutil.copy(one.label(0), one.label(1)),
}  # fmt: skip
AMONG_MANY: Ways = {"outlier": apart, "orientation": lying}
OF_ANOTHER_LAYOUT: Ways = {"repeated": repeated}


def test_every_kind_is_tried() -> None:
    assert {*WAYS, *AMONG_MANY, *OF_ANOTHER_LAYOUT} == set(KINDS)


def test_a_sound_data_set_has_nothing(cohort, tmp_path: Path) -> None:
    assert cohort(12).check() == []
    assert (tmp_path / "out" / "problems.csv").read_text() == ",".join(COLUMNS) + "\n"
    assert "Nothing found." in (tmp_path / "out" / "summary.txt").read_text()


def test_the_phantom_has_nothing(cohort, tmp_path: Path) -> None:
    one = cohort(0)
    settings = PhantomSettings(scanners=("aurora", "eclipse"), subjects=1, seed=3)
    generate_phantom(settings=settings, folder=one.folder, report=lambda step, total=None, **values: None)
    assert one.check() == []


@pytest.mark.parametrize("kind", WAYS)
def test_it_is_told(kind: str, cohort) -> None:
    one = cohort(2)
    WAYS[kind](one)
    rows = [row for row in one.check() if row.check == kind]
    assert rows
    assert {row.severity for row in rows} == {KINDS[kind].severity}
    assert all(row.file and row.what and row.remedy for row in rows)


@pytest.mark.parametrize("kind", AMONG_MANY)
def test_it_is_told_of_one_among_many(kind: str, cohort) -> None:
    one = cohort(12)
    AMONG_MANY[kind](one)
    assert {row.subject for row in one.check() if row.check == kind} == {"s00"}


def test_frames_that_are_named_twice(cohort) -> None:
    one = cohort(1)
    OF_ANOTHER_LAYOUT["repeated"](one)
    assert [row.what for row in one.check(reader="acdc") if row.check == "repeated"] == [
        "s09 ED is there 2 times",
        "s09 ES is there 2 times",
    ]
