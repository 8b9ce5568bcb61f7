"""The same pixels under two names are found, and the later subject goes."""

import csv
import hashlib
from pathlib import Path

from cmrbridge.data.duplicates import find_duplicates
from cmrbridge.data.frames import IngestSettings
from cmrbridge.data.readers import READERS
from cmrbridge.data.volume import read_image


def nothing(step: int, total: int | None = None, **values: float) -> None:
    pass


def table(path: Path, rows: list[tuple[str, str, str, str]]) -> Path:
    lines = ["dataset,subject,phase,sha256", *map(",".join, rows)]
    path.write_text("\n".join(lines))
    return path


def found(path: Path) -> list[str]:
    with path.open(newline="") as stream:
        return [" ".join(row.values()) for row in csv.DictReader(stream)]


def test_copies_within_and_across_data_sets(tmp_path: Path) -> None:
    first = table(
        tmp_path / "a.csv",
        [
            ("a", "1", "ED", "x"),
            ("a", "1", "ES", "y"),
            ("a", "2", "ED", "x"),
            ("a", "2", "ES", "z"),
            ("a", "3", "ED", "u"),
        ],
    )
    second = table(tmp_path / "b.csv", [("b", "1", "ED", "z"), ("b", "1", "ES", "w"), ("b", "2", "ED", "y")])
    find_duplicates(subjects=[first, second], duplicates=tmp_path / "d.csv", report=nothing)
    # b 1 repeats only a frame of the dropped a 2, so it stays
    assert found(tmp_path / "d.csv") == ["a 1 ED a 2 ED", "a 1 ES b 2 ED"]


def test_still_phases_of_one_subject_are_no_copies(tmp_path: Path) -> None:
    one = table(tmp_path / "a.csv", [("a", "1", "ED", "x"), ("a", "1", "ES", "x")])
    find_duplicates(subjects=[one], duplicates=tmp_path / "d.csv", report=nothing)
    assert found(tmp_path / "d.csv") == []


def test_the_pair_in_acdc_is_named(real_data: Path, tmp_path: Path) -> None:
    settings = IngestSettings(dataset="acdc", reader="acdc", size=32, spacing_mm=2.0)
    frames = [f for f in READERS["acdc"](real_data / "acdc", settings) if "patient07" in f.subject]
    rows = [
        ("acdc", f.subject, f.phase, hashlib.sha256(read_image(f.image, f.image_frame).voxels.tobytes()).hexdigest())
        for f in frames
    ]
    find_duplicates(subjects=[table(tmp_path / "a.csv", rows)], duplicates=tmp_path / "d.csv", report=nothing)
    assert found(tmp_path / "d.csv") == [f"acdc patient074 {phase} acdc patient076 {phase}" for phase in ("ED", "ES")]
