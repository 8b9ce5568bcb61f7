"""Packs: written atomically and always alike, read back whole or refused."""

from pathlib import Path

import numpy as np
import pytest

from cmrbridge.core.geometry import Grid
from cmrbridge.core.pack import Case, Pack, read_pack, write_pack
from cmrbridge.errors import InputError


@pytest.fixture
def pack() -> Pack:
    grid = Grid((9, 8, 2), (1.5, 1.5, 8.0), True, False, True, (3.5, 4.25), 4, 2.0)
    cases = tuple(
        Case("acdc", "d", f"p{index}", "ED", "train" if index < 2 else "val", ("LV", "MYO"), (8.0, 2.0, 2.0), grid)
        for index in range(3)
    )
    images = np.random.default_rng(0).integers(0, 255, (6, 4, 4)).astype(np.uint8)
    order = np.array([0, 0, 1, 1, 2, 2], np.int32)
    return Pack(images, images % 4, order, np.array([0, 1] * 3, np.int32), cases)


def test_a_pack_comes_back_as_it_was(pack: Pack, tmp_path: Path) -> None:
    write_pack(tmp_path / "one.npz", pack)
    write_pack(tmp_path / "two.npz", pack)
    back = read_pack(tmp_path / "one.npz")
    assert back.cases == pack.cases
    for name in ("images", "labels", "case", "position"):
        np.testing.assert_array_equal(getattr(back, name), getattr(pack, name))
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.npz", "two.npz"]


def test_select_renumbers_the_cases(pack: Pack) -> None:
    chosen = pack.select([2, 0])
    assert [case.subject for case in chosen.cases] == ["p2", "p0"]
    assert chosen.case.tolist() == [0, 0, 1, 1]
    np.testing.assert_array_equal(chosen.images, pack.images[[4, 5, 0, 1]])
    assert pack.select([]).images.shape == (0, 4, 4)
    assert [case.subject for case in pack.split("val").cases] == ["p2"]


def test_a_damaged_pack_is_refused_by_name(pack: Pack, tmp_path: Path) -> None:
    path = tmp_path / "pack.npz"
    write_pack(path, pack)
    whole = path.read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:cut])
        with pytest.raises(InputError, match=r"pack\.npz"):
            read_pack(path)


def test_flipped_bits_change_nothing_unnoticed(pack: Pack, tmp_path: Path) -> None:
    path = tmp_path / "pack.npz"
    write_pack(path, pack)
    whole = bytearray(path.read_bytes())
    for place in np.random.default_rng(0).integers(0, len(whole), 60).tolist():
        flipped = bytearray(whole)
        flipped[place] ^= 4
        path.write_bytes(flipped)
        try:
            back = read_pack(path)
        except InputError:
            continue
        np.testing.assert_array_equal(back.images, pack.images)
        assert back.cases == pack.cases
