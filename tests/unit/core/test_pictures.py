"""Sheets of pictures: their layout, and that others can read the PNG."""

from pathlib import Path

import numpy as np

from cmrbridge.core.pictures import COLOURS, beside, colour_labels, grey, tile, write_png


def test_a_written_png_is_read_back_by_pillow(tmp_path: Path) -> None:
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    write_png(tmp_path / "a.png", pixels, enlarge=3)
    read = np.asarray(Image.open(tmp_path / "a.png"))
    assert np.array_equal(read, pixels.repeat(3, 0).repeat(3, 1))


def test_tiles_are_laid_row_by_row() -> None:
    sheet = tile(grey(np.arange(3, dtype=np.uint8)[:, None, None].repeat(2, 1).repeat(2, 2)), columns=2, gap=1)
    assert sheet[..., 0].tolist() == [
        [0, 0, 255, 1, 1],
        [0, 0, 255, 1, 1],
        [255] * 5,
        [2, 2, 255, 255, 255],
        [2, 2, 255, 255, 255],
    ]


def test_sheets_of_two_heights_stand_side_by_side() -> None:
    assert beside(np.zeros((2, 3, 3), np.uint8), np.zeros((4, 1, 3), np.uint8), gap=2).shape == (4, 6, 3)


def test_each_structure_has_its_colour() -> None:
    colours = colour_labels(np.array([[0, 1, 2, 3]], np.uint8))
    assert colours.tolist() == [[[0, 0, 0], *map(list, (COLOURS["LV"], COLOURS["MYO"], COLOURS["RV"]))]]
