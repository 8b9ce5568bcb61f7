"""Pictures for the page: small enough to travel, drawings exact."""

import base64
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cmrbridge.errors import InputError
from cmrbridge.paper.render import WIDEST, embedded, shared_apart


def opened(address: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))


def test_a_drawing_keeps_every_pixel(tmp_path: Path) -> None:
    drawing = np.zeros((60, 80, 3), np.uint8)
    drawing[::7, :, 0] = 255
    Image.fromarray(drawing).save(tmp_path / "drawing.png")
    shown = embedded(tmp_path / "drawing.png")
    assert (shown["width"], shown["height"]) == (80, 60)
    assert (np.asarray(opened(shown["data"]).convert("RGB")) == drawing).all()


def test_a_large_picture_shrinks_and_keeps_its_shape(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1000, 2 * WIDEST, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    shown = embedded(tmp_path / "noise.png")
    assert opened(shown["data"]).size == (shown["width"], shown["height"]) == (WIDEST, 500)
    assert len(shown["data"]) < (tmp_path / "noise.png").stat().st_size / 5


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_text("no picture")
    with pytest.raises(InputError, match=r"broken.png: the figure cannot be read"):
        embedded(tmp_path / "broken.png")


def test_what_all_rows_share_is_told_once() -> None:
    told, table = shared_apart(pd.DataFrame({"Source": ["a", "a"], "Arm": ["x", "y"]}))
    assert told == "Source: a"
    assert table == {"head": ["Arm"], "rows": [["x"], ["y"]]}
