from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cmrbridge.core.geometry import Grid
from cmrbridge.core.pack import Case, Pack, write_pack
from cmrbridge.errors import InputError
from cmrbridge.evaluation.fidelity import COLUMNS
from cmrbridge.paper.generators import draw_fidelity, draw_shapes


def pack_of(splits: list[str], labelled: bool = True) -> Pack:
    grid = Grid((32, 32, 4), (1.5, 1.5, 8.0), False, False, False, (15.5, 15.5), 32, 2.0)
    cases = tuple(
        Case("d", "a", f"s{i}", "ED", split, ("LV", "MYO", "RV"), (8.0, 2.0, 2.0), grid)
        for i, split in enumerate(splits)
    )
    y, x = np.ogrid[:32, :32]
    away = np.stack([np.hypot(y - 15 - i % 3, x - 18) - i % 4 for i in range(8 * len(splits))])
    labels = np.where(away < 4, 1, np.where(away < 8, 2, np.where(away < 9 * (x < 10), 3, 0))).astype(np.uint8)
    rows = np.arange(len(labels), dtype=np.int32)
    return Pack(labels * 60, labels if labelled else None, rows // 8, rows % 8, cases)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    write_pack(tmp_path / "training.npz", pack_of(["train", "val"]))
    write_pack(tmp_path / "synthetic.npz", pack_of(["train"]))
    rows = [("images", "frechet", 9.0, 8.0, 10.0, 3.0, 2.0, 5.0, 3.0, 40),
            ("images", "kernel", 0.5, 0.4, 0.6, -0.1, -0.2, 0.1, np.nan, 40),
            ("mask fidelity", "dice", 0.9, 0.88, 0.92, 0.93, 0.9, 0.95, 0.97, 60)]  # fmt: skip
    pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(tmp_path / "fidelity.csv", index=False)
    return {name: tmp_path / f"{name}.npz" for name in ("training", "synthetic")}


@pytest.mark.parametrize("figure", ["shapes", "fidelity"])
def test_figures_are_drawn_twice_to_equal_bytes(files: dict[str, Path], tmp_path: Path, figure: str) -> None:
    drawn = []
    for name in ("one", "two"):
        png, pdf = tmp_path / f"{name}.png", tmp_path / f"{name}.pdf"
        if figure == "shapes":
            draw_shapes(**files, png=png, pdf=pdf)
        else:
            draw_fidelity(fidelity=tmp_path / "fidelity.csv", png=png, pdf=pdf)
        drawn.append(png.read_bytes() + pdf.read_bytes())
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) > 10_000


def test_a_set_without_masks_and_a_broken_table_are_named(files: dict[str, Path], tmp_path: Path) -> None:
    write_pack(files["synthetic"], pack_of(["train"], labelled=False))
    outputs = {"png": tmp_path / "x.png", "pdf": tmp_path / "x.pdf"}
    with pytest.raises(InputError, match=r"synthetic\.npz: has no masks"):
        draw_shapes(**files, **outputs)
    (tmp_path / "fidelity.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"fidelity\.csv: not a table of fidelity"):
        draw_fidelity(fidelity=tmp_path / "fidelity.csv", **outputs)
