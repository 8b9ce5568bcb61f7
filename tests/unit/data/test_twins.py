"""Twins share patient and grid, and nothing of the machine."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from cmrbridge.core.pack import read_pack
from cmrbridge.data.phantom.scanner import SCANNERS
from cmrbridge.data.phantom.twins import TwinSettings, generate_twins, with_look
from cmrbridge.errors import InputError


@pytest.mark.long
def test_twins_have_equal_labels_and_cases_and_other_images(tmp_path: Path) -> None:
    settings = TwinSettings("aurora", ("borealis", "aurora"), subjects=1, size=32, spacing_mm=5.0)
    generate_twins(settings=settings, looks=tmp_path / "looks", truth=tmp_path / "truth", report=lambda *_, **__: None)
    looks, truth = read_pack(tmp_path / "looks"), read_pack(tmp_path / "truth")
    assert looks.cases == truth.cases
    assert [(case.domain, case.phase) for case in looks.cases] == [
        (name, phase) for name in settings.looks for phase in ("ED", "ES")
    ]
    assert looks.labels is not None
    assert truth.labels is not None
    assert np.array_equal(looks.labels, truth.labels)
    assert set(np.unique(truth.labels)) == {0, 1, 2, 3}
    apart = abs(looks.images.astype(int) - truth.images)
    assert apart[looks.case < 2].mean() > 5
    # the same machine on the same patient: all that is left is its noise, drawn anew
    assert 0 < apart[looks.case >= 2].mean() < 3
    assert np.array_equal(truth.images[truth.case < 2], truth.images[truth.case >= 2])


@pytest.mark.parametrize("name", SCANNERS)
def test_a_look_keeps_the_sources_prescription_and_its_own_resolution(name: str) -> None:
    source, look = SCANNERS["aurora"], SCANNERS[name]
    mixed = with_look(source, look)
    assert (
        dataclasses.replace(
            mixed,
            fov_mm=look.fov_mm,
            acquired=look.acquired,
            matrix=look.matrix,
            slice_mm=look.slice_mm,
            gap_mm=look.gap_mm,
            breath_mm=look.breath_mm,
            turn_deg=look.turn_deg,
        )
        == look
    )
    assert (mixed.fov_mm, mixed.matrix, mixed.slice_mm, mixed.gap_mm) == (
        source.fov_mm,
        source.matrix,
        source.slice_mm,
        source.gap_mm,
    )
    assert mixed.fov_mm[0] / mixed.acquired == pytest.approx(look.fov_mm[0] / look.acquired, rel=0.015)
    assert mixed.acquired % 2 == 0
    assert mixed.acquired != source.acquired


def test_unknown_scanners_and_empty_requests_are_told() -> None:
    for looks, subjects in ((("nowhere",), 1), ((), 1), (("dusk",), 0)):
        with pytest.raises(InputError, match="choose at least one look"):
            TwinSettings("aurora", looks, subjects=subjects, size=64, spacing_mm=2.5)
