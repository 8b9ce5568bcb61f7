"""Slices by position, frames by time: what is double or missing is found and named."""

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from conversions import convert, refused, same
from scans import Habit, beating, export, oblique


def each(files: list[Path], edit: Callable[[Dataset], object]) -> None:
    for path in files:
        dataset = pydicom.dcmread(path)
        edit(dataset)
        dataset.save_as(path)


def without(keyword: str) -> Callable[[Dataset], object]:
    return lambda dataset: delattr(dataset, keyword)


def same_instance(dataset: Dataset) -> None:
    dataset.InstanceNumber = 1


@pytest.mark.parametrize(
    ("edits", "order", "reason"),
    [
        ([without("TriggerTime")], "InstanceNumber", "TriggerTime is missing in 24 of 24"),
        (
            [without("TriggerTime"), same_instance],
            "ContentTime",
            "TriggerTime is missing in 24 of 24 images, InstanceNumber is the same in several images of a slice, Acq",
        ),
        (
            [lambda dataset: setattr(dataset, "TriggerTime", "0")],
            "InstanceNumber",
            "TriggerTime is the same in several images of a slice",
        ),
    ],
)
def test_frames_fall_back_to_another_order_and_say_so(edits, order: str, reason: str, tmp_path: Path) -> None:
    files = export(tmp_path / "in", beating(), oblique())
    for edit in edits:
        each(files, edit)
    cines, _, output = convert(tmp_path / "in")
    same(output, cines[0], beating(), oblique())
    assert cines[0]["notes"].startswith(f"frames ordered by {order}: {reason}")


def test_no_order_in_time_is_refused(tmp_path: Path) -> None:
    files = export(tmp_path / "in", beating(), oblique())
    for keyword in ("TriggerTime", "InstanceNumber", "AcquisitionTime", "ContentTime"):
        each(files, without(keyword))
    assert "no order in time: TriggerTime is missing" in refused(tmp_path / "in")


def test_copies_are_left_out_and_told(tmp_path: Path) -> None:
    files = export(tmp_path / "in", beating(), oblique(), Habit("GE MEDICAL SYSTEMS"))
    (tmp_path / "in" / "copy of 3").write_bytes(files[2].read_bytes())
    again = pydicom.dcmread(files[11])
    again.SOPInstanceUID = generate_uid()
    again.save_as(tmp_path / "in" / "sent twice")
    cines, _, output = convert(tmp_path / "in")
    same(output, cines[0], beating(), oblique())
    assert cines[0]["notes"] == "slice 1: 1 repeated image left out; slice 2: 1 repeated image left out"


def test_two_images_of_one_place_and_time_are_refused(tmp_path: Path) -> None:
    files = export(tmp_path / "in", beating(), oblique())
    other = pydicom.dcmread(files[11])
    other.SOPInstanceUID = generate_uid()
    other.PixelData = bytes(len(other.PixelData))
    other.save_as(tmp_path / "in" / "z")
    assert "the same place and time (slice 2)" in refused(tmp_path / "in")


def test_a_missing_frame_is_named(tmp_path: Path) -> None:
    files = export(tmp_path / "in", beating(), oblique())
    files[20].unlink()
    assert "slice 3 of 3 has 7 frames, most slices have 8 (a gap after frame 4)" in refused(tmp_path / "in")


def test_a_missing_slice_is_named(tmp_path: Path) -> None:
    files = export(tmp_path / "in", beating(shape=(24, 20, 5)), oblique())
    for path in files[16:24]:
        path.unlink()
    message = refused(tmp_path / "in")
    assert "1 slice missing between slice 2 and 3 (base first): 16.00 mm where others are 8.00 mm apart" in message


def test_slices_that_are_shifted_sideways_are_refused(tmp_path: Path) -> None:
    affine = oblique()
    affine[:3, 2] += affine[:3, 0]
    export(tmp_path / "in", beating(), affine)
    assert "shifted sideways by up to 2.8 mm" in refused(tmp_path / "in")


def test_cosines_that_are_nearly_orthonormal_are_mended_and_told(tmp_path: Path) -> None:
    def lean(dataset: Dataset) -> None:
        cosines = np.array(dataset.ImageOrientationPatient, float)
        cosines[3:] += 0.004 * cosines[:3]
        dataset.ImageOrientationPatient = [*cosines.round(8)]

    each(export(tmp_path / "in", beating(), oblique()), lean)
    cines, _, output = convert(tmp_path / "in")
    same(output, cines[0], beating(), oblique())
    assert "direction cosines made orthonormal: changed by up to 0.00" in cines[0]["notes"]


def test_one_slice_takes_its_thickness_when_it_is_asked_for(tmp_path: Path) -> None:
    export(tmp_path / "in", beating(shape=(24, 20, 1)), oblique())
    assert "fewer than 3 slices" in refused(tmp_path / "in")
    cines, _, output = convert(tmp_path / "in", series=("7",))
    assert nibabel.load(output / cines[0]["image"]).header.get_zooms()[2] == pytest.approx(6.0)
    assert "thickness stands for" in cines[0]["notes"]


def test_forty_slices(tmp_path: Path) -> None:
    cine = beating(8, (24, 20, 40))
    export(tmp_path / "in", cine, oblique(2.0), Habit(enhanced=True))
    cines, _, output = convert(tmp_path / "in")
    same(output, cines[0], cine, oblique(2.0))


def test_a_slice_taken_again_stays_out_of_the_stack(tmp_path: Path) -> None:
    """Siemens: a series per slice, and one more where a breath-hold failed: the stack that is whole is taken."""
    export(tmp_path / "in" / "a", beating(), oblique(), Habit(single_series=False), number=5)
    export(tmp_path / "in" / "b", beating(shape=(24, 20, 1)) + 5, oblique(), number=30)
    cines, _, output = convert(tmp_path / "in")
    same(output, cines[0], beating(), oblique())


def test_an_overview_in_the_same_series_is_told_apart(tmp_path: Path) -> None:
    """GE: other orientations under the cine's own series number and UID."""
    study = generate_uid()
    export(tmp_path / "in" / "a", beating(), oblique(), study=study)
    files = export(tmp_path / "in" / "b", beating(), np.diag([-1.4, -1.6, 8, 1]), study=study)
    each(files, lambda dataset: setattr(dataset, "SOPInstanceUID", generate_uid()))
    cines, _, output = convert(tmp_path / "in")
    same(output, cines[0], beating(), oblique())


def test_phase_images_are_not_the_cine(tmp_path: Path) -> None:
    study = generate_uid()
    export(tmp_path / "in" / "a", beating(), oblique(), study=study)
    files = export(tmp_path / "in" / "b", beating() + 7, oblique(), study=study)

    def phase(dataset: Dataset) -> None:
        dataset.ImageType, dataset.SOPInstanceUID = ["ORIGINAL", "PRIMARY", "P"], generate_uid()

    each(files, phase)
    cines, _, output = convert(tmp_path / "in")
    same(output, cines[0], beating(), oblique())
