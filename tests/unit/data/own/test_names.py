"""Pairs, subjects and phases out of names alone: the habits of those who share cine MR."""

from pathlib import Path

import pytest

from cmrbridge.data.own.names import pair, told_by


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("patient001_frame12", ("patient001", "", 12)),
        ("SC-HF-I-01_ED", ("SC-HF-I-01", "ED", None)),
        ("p7-es", ("p7", "ES", None)),
        ("p7_end_systole", ("p7", "ES", None)),
        ("diastole p7", ("p7", "ED", None)),
        ("ED_004_ES", ("ED_004", "ES", None)),
        ("ted_best_01", ("ted_best_01", "", None)),
        ("p7_t1", ("p7_t1", "", None)),  # a T1 map is no frame
    ],
)
def test_what_a_name_tells(name: str, told: tuple[str, str, int | None]) -> None:
    assert told_by(name) == told


@pytest.mark.parametrize(
    ("image", "label", "told"),
    [
        ("a_ED.nii.gz", "a_ED_gt.nii.gz", "a ED"),
        ("a_sa_ED.nii", "a_sa_ED-label.nii", "a ED"),
        ("images/a_ES.nii.gz", "labels/a_ES.nii.gz", "a ES"),
        ("imagesTr/a_ES_0000.nii.gz", "labelsTr/a_ES.nii.gz", "a ES"),
        ("x/a/ED.nii.gz", "x/a/ED_seg.nii.gz", "a ED"),
        ("a/ED/image.nii.gz", "a/ED/mask.nii.gz", "a ED"),
        ("a/cine_frame01.nii.gz", "a/cine_frame01_segmentation.nii.gz", "a "),
        ("a image.nii.gz", "seg a.nii.gz", "a "),
        ("a_ED.nii.gz", "a_gt_ED.nii.gz", "a ED"),
        ("sub-01_ED.nii.gz", "sub-01_ED_dseg.nii.gz", "sub-01 ED"),
        ("a/sa_ES.nii.gz", "a/sa_label_ES.nii.gz", "a ES"),
    ],
)
def test_a_label_finds_its_image(image: str, label: str, told: str, tmp_path: Path) -> None:
    scans, left = pair(tmp_path, [tmp_path / image, tmp_path / label])
    assert [(one.image, one.label) for one in scans] == [(tmp_path / image, tmp_path / label)]
    assert f"{scans[0].subject} {scans[0].phase}" == told
    assert left == {}


def test_what_has_no_partner_is_told(tmp_path: Path) -> None:
    names = ["a_ED.nii.gz", "b_ED_gt.nii.gz", "a_LA_ED.nii.gz", "images/a_ED.nii.gz"]
    scans, left = pair(tmp_path, [tmp_path / name for name in names])
    assert [(one.image.name, one.label) for one in scans] == [("a_ED.nii.gz", None)]
    assert {path.relative_to(tmp_path).as_posix(): why for path, why in left.items()} == {
        "b_ED_gt.nii.gz": "labels whose image was not found by name",
        "a_LA_ED.nii.gz": "a long axis, by its name",
        "images/a_ED.nii.gz": "named as a_ED.nii.gz is",
    }


def test_one_name_in_two_folders_is_two_people(tmp_path: Path) -> None:
    scans, _ = pair(tmp_path, [tmp_path / f"{home}/heart_{phase}.nii.gz" for home in "pq" for phase in ("ED", "ES")])
    assert [f"{one.subject} {one.phase}" for one in scans] == ["p_heart ED", "p_heart ES", "q_heart ED", "q_heart ES"]


def test_phases_in_two_places_are_of_two_people(tmp_path: Path) -> None:
    """But folders that are called by the phase are of one."""
    scans, _ = pair(tmp_path, [tmp_path / "siteA/001_ED.nii.gz", tmp_path / "siteB/001_ES.nii.gz"])
    assert [one.subject for one in scans] == ["siteA_001", "siteB_001"]
    scans, _ = pair(tmp_path, [tmp_path / "siteA/ED/001.nii.gz", tmp_path / "siteA/ES/001.nii.gz"])
    assert [one.subject for one in scans] == ["001", "001"]


def test_numbers_at_the_end_are_frames_where_all_come_in_twos(tmp_path: Path) -> None:
    twos = ["a_01", "a_12", "b_01", "b_09"]
    scans, _ = pair(tmp_path, [tmp_path / f"{name}.nii.gz" for name in twos])
    assert [(one.subject, one.number) for one in scans] == [("a", 1), ("a", 12), ("b", 1), ("b", 9)]
    scans, _ = pair(tmp_path, [tmp_path / f"{name}.nii.gz" for name in [*twos, "b_20"]])
    assert [one.subject for one in scans] == [*twos, "b_20"]
