"""Topologies by nnU-Net's rules: published plans, plans by hand, and what the training cases alone decide."""

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from cmrbridge.core.pack import Pack, write_pack
from cmrbridge.segmentation.architectures.fingerprint import Fingerprint
from cmrbridge.segmentation.architectures.planning import plan
from cmrbridge.segmentation.slices import fingerprint

FLAT, WHOLE = (1, 2, 2), (2, 2, 2)


def test_the_published_plan_of_acdc() -> None:
    """Isensee et al. 2021, supplement: patch 20 × 256 × 224 at 5 × 1.5625 × 1.5625 mm."""
    found = plan((20, 256, 224), (5, 1.5625, 1.5625))
    assert found.strides == ((1, 1, 1), FLAT, WHOLE, WHOLE, FLAT, FLAT)
    assert found.kernels == ((1, 3, 3), *[(3, 3, 3)] * 5)
    assert found.channels == (32, 64, 128, 256, 320, 320)


@pytest.mark.parametrize(
    ("shape", "spacing", "strides"),
    [
        ((64, 64), (2.5, 2.5), [(2, 2)] * 4),  # 64 32 16 8 4
        ((96, 96), (1.75, 1.75), [(2, 2)] * 4),  # 96 48 24 12 6
        ((144, 144), (1.5, 1.5), [(2, 2)] * 4),  # 144 72 36 18 9: odd
        ((512, 512), (1, 1), [(2, 2)] * 7),
        ((11, 64, 64), (10, 2.5, 2.5), [FLAT, FLAT, WHOLE, FLAT]),  # mm of z over those of the plane: 4 2 1 1
        ((6, 64, 64), (10, 2.5, 2.5), [FLAT] * 4),  # three slices would be too few
        ((128, 128, 128), (1, 1, 1), [WHOLE] * 5),
        ((24, 12, 12), (1, 1, 1), [WHOLE, (2, 1, 1)]),  # twelve z are halved once more, alone
        ((20, 12, 12), (1, 1, 1), [WHOLE]),  # ten are not
    ],
)
def test_axes_are_halved_while_they_are_long_and_fine_enough(
    shape: tuple[int, ...], spacing: tuple[float, ...], strides: list[tuple[int, ...]]
) -> None:
    found = plan(shape, spacing)
    assert list(found.strides[1:]) == strides
    assert len(found.kernels) == len(found.channels) == len(found.strides)


def test_a_kernel_is_flat_while_slices_lie_far_apart() -> None:
    found = plan((11, 64, 64), (10, 2.5, 2.5))
    assert found.kernels == ((1, 3, 3), (1, 3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3))
    assert [found.step(axis) for axis in range(3)] == [2, 16, 16]
    assert plan((512, 512), (1, 1)).channels == (32, 64, 128, 256, 512, 512, 512, 512)


@pytest.mark.parametrize("size", range(32, 260, 16))
def test_every_canonical_crop_can_be_halved_as_planned(size: int) -> None:
    """Of any number of slices, at any distance; MONAI's network wants two halvings at least."""
    for slices, slice_mm in itertools.product(range(1, 25), (1.0, 2.5, 8.0, 20.0)):
        found = plan((slices, size, size), (slice_mm, 1.5, 1.5))
        assert size % found.step(axis=2) == 0
        assert size // found.step(axis=2) >= 4
        assert found.step(axis=0) == 1 or -(-slices // found.step(axis=0)) >= 3  # four, of which one may be a repeat
        assert len(found.strides) >= 3


def test_only_training_cases_are_planned_from(tmp_path: Path, toy_pack: Callable[..., Pack]) -> None:
    """The validation case, the last of a pack, may have any number of slices at any distance."""
    pack = toy_pack((9, 7, 9, 40))
    far = dataclasses.replace(pack.cases[3], spacing=(30.0, 1.0, 1.0))
    write_pack(tmp_path / "pack.npz", dataclasses.replace(pack, cases=(*pack.cases[:3], far)))
    assert fingerprint([tmp_path / "pack.npz"]) == Fingerprint(size=32, spacing_mm=5.0, slices=9, slice_mm=10.0)
