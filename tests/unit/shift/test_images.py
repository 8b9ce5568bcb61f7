"""Domains and pathologies are told from images that show them, by subjects that were not trained on."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cmrbridge.core.geometry import Grid
from cmrbridge.core.pack import Case, Pack, write_pack
from cmrbridge.errors import InputError
from cmrbridge.shift.crossed import ShiftSettings
from cmrbridge.shift.images import measure_domains, measure_pathologies

SIZE = 16
SETTINGS = ShiftSettings(folds=2, steps=40, seed=0)


def write(path: Path, grey: int, kinds: tuple[str, ...], size: int = SIZE, dataset: str = "toy") -> Path:
    """ED and ES of a subject per kind, four slices each: noise about a grey; where the kind is big, a bright square
    in ES alone."""
    grid = Grid((size, size, 4), (1.5, 1.5, 8.0), True, True, False, (8.0, 8.0), size, 1.5)
    generator = np.random.default_rng(grey)
    cases, images = [], []
    for index, kind in enumerate(kinds):
        for phase in ("ED", "ES"):
            stack = generator.normal(grey, 10, (4, size, size))
            if kind.endswith("big") and phase == "ES":
                stack[:, 4:12, 4:12] += 120
            images.append(stack.clip(0, 255).astype(np.uint8))
            cases.append(
                Case(dataset, path.stem, f"{path.stem}{index}", phase, "test", (), (8.0, 1.5, 1.5), grid, "", kind)
            )
    number = np.repeat(np.arange(len(cases), dtype=np.int32), 4)
    position = np.tile(np.arange(4, dtype=np.int32), len(cases))
    write_pack(path, Pack(np.concatenate(images), None, number, position, tuple(cases)))
    return path


def domains(folder: Path, looks: dict[str, dict[str, Path]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    measure_domains(
        settings=SETTINGS, networks=["resnet"], looks=looks, identity={"source": "a"}, scores=folder / "s.csv",
        confusion=folder / "c.csv", device="cpu", report=lambda step, total=None, **values: None,
    )  # fmt: skip
    return pd.read_csv(folder / "s.csv"), pd.read_csv(folder / "c.csv")


def test_domains_of_other_greys_are_told_apart_before_and_not_after_they_look_alike(tmp_path: Path) -> None:
    kinds = ("",) * 4
    packs = {name: write(tmp_path / f"{name}.npz", grey, kinds) for name, grey in (("a", 60), ("b", 140), ("c", 60))}
    looks = {"before": {"a": packs["a"], "b": packs["b"]}, "matched": {"a": packs["a"], "b": packs["c"]}}
    scores, confusion = domains(tmp_path, looks)
    before, matched = (scores[scores["look"] == look].iloc[0] for look in looks)
    assert before.accuracy > 0.95
    assert before.distance > 1.8
    assert matched.accuracy < 0.75  # 64 slices: chance 0.5, 0.75 is four standard deviations above it
    assert (scores.samples == 64).all()
    assert (scores.subjects == 8).all()
    assert confusion.groupby(["look", "truth"]).share.sum().to_numpy() == pytest.approx(1)


def test_packs_of_other_sizes_are_refused(tmp_path: Path) -> None:
    looks = {"before": {"a": write(tmp_path / "a.npz", 60, ("",)), "b": write(tmp_path / "b.npz", 60, ("",), 24)}}
    with pytest.raises(InputError, match="differ in image size"):
        domains(tmp_path, looks)


def pathologies(folder: Path, packs: list[Path]) -> pd.DataFrame:
    measure_pathologies(
        settings=SETTINGS, networks=["inception"], packs=packs, scores=folder / "s.csv", confusion=folder / "c.csv",
        device="cpu", report=lambda step, total=None, **values: None,
    )  # fmt: skip
    return pd.read_csv(folder / "s.csv")


def test_pathology_is_told_from_both_frames_and_rare_or_unknown_ones_are_left_out(tmp_path: Path) -> None:
    kinds = ("big", "small") * 4 + ("rare", "")
    found: Any = pathologies(tmp_path, [write(tmp_path / "a.npz", 60, kinds)]).iloc[0]
    assert found.chance == 0.5
    assert (found.subjects, found.samples) == (8, 24)
    assert found.accuracy > 0.95


def test_each_data_set_is_asked_about_its_own_pathologies(tmp_path: Path) -> None:
    """A reader of both would tell the data set, and with it that the heart has none of the other's pathologies."""
    packs = [write(tmp_path / f"{name}.npz", 60, (f"{name} big", f"{name} small") * 4, dataset=name) for name in "ab"]
    found = pathologies(tmp_path, [*packs, write(tmp_path / "c.npz", 60, ("one",) * 4, dataset="c")])
    assert (found.source.tolist(), found.chance.tolist(), found.subjects.tolist()) == (["a", "b"], [0.5] * 2, [8, 8])
    answers = pd.read_csv(tmp_path / "c.csv")
    assert (answers.truth.str[0] == answers.answer.str[0]).all()


def test_without_pathologies_the_tables_are_empty(tmp_path: Path) -> None:
    assert len(pathologies(tmp_path, [write(tmp_path / "a.npz", 60, ("", ""))])) == 0
