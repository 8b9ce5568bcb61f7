"""Domains: each subject in exactly one split, copies nowhere, labels only where they may be seen."""

import dataclasses
from pathlib import Path

import pandas as pd
import pytest

from cmrbridge.core.pack import Pack, read_pack
from cmrbridge.data.duplicates import COLUMNS
from cmrbridge.data.ingest import IngestSettings, ingest
from cmrbridge.data.split import UNUSED, SplitSettings, assign, keep_first, split_domain
from cmrbridge.errors import InputError

SETTINGS = SplitSettings(domain="a", dataset="acdc", where={"vendor": "Siemens"}, train=0.5, val=0.25, seed=0)


@pytest.fixture
def ingested(acdc: Path, tmp_path: Path) -> Path:
    for path in acdc.glob("training/patient003/*_gt.nii.gz"):
        path.unlink()
    ingest(
        settings=IngestSettings(dataset="acdc", reader="acdc", size=16, spacing_mm=6.0, field_strength_t=1.5),
        folder=acdc,
        subjects=tmp_path / "subjects.csv",
        prepared=tmp_path / "prepared.npz",
        picture=tmp_path / "qc.png",
        report=lambda step, total=None, **values: None,
    )
    (tmp_path / "duplicates.csv").write_text(",".join(COLUMNS) + "\nacdc,patient001,ED,acdc,patient006,ES\n")
    return tmp_path


def run(ingested: Path, settings: SplitSettings = SETTINGS) -> tuple[dict[str, Pack], pd.DataFrame]:
    paths = {name: ingested / f"{name}.npz" for name in ("training", "images", "test")}
    files = {"subjects": ingested / "subjects.csv", "prepared": ingested / "prepared.npz"}
    split_domain(
        settings=settings, duplicates=ingested / "duplicates.csv", table=ingested / "split.csv", **files, **paths
    )
    return {name: read_pack(path) for name, path in paths.items()}, pd.read_csv(ingested / "split.csv")


def test_every_pack_holds_what_it_may(ingested: Path) -> None:
    packs, table = run(ingested)
    members = table.groupby("split").subject.agg(set).to_dict()
    assert set.union(*members.values()) == {f"patient{number:03d}" for number in range(1, 6)}  # 6 is a copy
    assert sum(map(len, members.values())) == 5
    subjects = {name: {case.subject for case in pack.cases} for name, pack in packs.items()}
    assert subjects["test"] == members["test"]
    assert subjects["images"] == members["train"]
    assert subjects["training"] == (members["train"] | members["val"]) - {"patient003"}  # 3 has no labels
    assert "patient003" in members["train"]
    assert packs["images"].labels is None
    assert packs["test"].labels is None
    assert packs["training"].labels is not None
    assert {case.domain for pack in packs.values() for case in pack.cases} == {"a"}
    assert {case.split for case in packs["training"].cases} == {"train", "val"}
    assert table.columns.tolist()[:5] == ["subject", "split", "dataset", "vendor", "centre"]


def test_numbers_lists_and_wrong_selections(ingested: Path) -> None:
    _, whole = run(ingested)
    for where in ({}, {"field_strength_t": 1.5}, {"vendor": ["GE", "Siemens"]}):
        pd.testing.assert_frame_equal(run(ingested, dataclasses.replace(SETTINGS, where=where))[1], whole)
    with pytest.raises(InputError, match=r"domain a: .*vendor = 'GE'.*'Siemens'"):
        run(ingested, dataclasses.replace(SETTINGS, where={"vendor": "GE"}))
    with pytest.raises(InputError, match="no column 'maker'"):
        run(ingested, dataclasses.replace(SETTINGS, where={"maker": "GE"}))
    with pytest.raises(InputError, match="no subject of dataset 'mnms'"):
        run(ingested, dataclasses.replace(SETTINGS, dataset="mnms", where={}))


def test_the_split_depends_on_seed_and_domain_alone() -> None:
    people = {f"p{number}": "HCM" if number % 2 else "NOR" for number in range(40)}
    backwards = dict(reversed(people.items()))
    settings = dataclasses.replace(SETTINGS, train=0.7, val=0.1)
    members = assign(people, settings)
    assert members == assign(backwards, settings)
    assert members != assign(people, dataclasses.replace(settings, seed=1))
    assert members != assign(people, dataclasses.replace(settings, domain="b"))
    counts = pd.Series(members).groupby([people, pd.Series(members)]).size()
    assert counts.to_dict() == {
        (group, split): count for group in ("HCM", "NOR") for split, count in (("train", 14), ("val", 2), ("test", 4))
    }


@pytest.mark.parametrize(("train", "val", "splits"), [(1, 0, {"train"}), (0, 0, {"test"}), (0.9, 0.05, None)])
def test_no_split_is_left_empty(train: float, val: float, splits: set[str] | None) -> None:
    members = assign({"a": "", "b": "", "c": ""}, dataclasses.replace(SETTINGS, train=train, val=val))
    assert set(members.values()) == (splits or {"train", "val", "test"})


def test_too_few_subjects_or_shares_beyond_one() -> None:
    with pytest.raises(InputError, match="2 labelled subjects cannot fill train, val, test"):
        assign({"a": "", "b": ""}, SETTINGS)
    with pytest.raises(InputError, match="1 at most"):
        assign({"a": "", "b": ""}, dataclasses.replace(SETTINGS, train=0.9, val=0.2))


def test_fewer_training_subjects_are_nested_and_move_nothing_else() -> None:
    people = {f"p{number:02}": ("HCM", "NOR", "DCM")[number % 3] for number in range(60)}
    settings = dataclasses.replace(SETTINGS, train=0.5, val=0.2)
    whole = assign(people, settings)
    larger = {name for name, split in whole.items() if split == "train"}
    assert len(larger) == 30
    for count in (30, 20, 10, 5, 1):
        own = dataclasses.replace(settings, domain=f"a_{count}", split_as="a", train_subjects=count)
        members = keep_first(assign(people, own), people, own)
        kept = {name for name, split in members.items() if split == "train"}
        assert len(kept) == count
        assert kept <= larger
        assert {name for name in people if members[name] != whole[name]} == {n for n in people if members[n] == UNUSED}
        counts = pd.Series({name: people[name] for name in kept}).value_counts()
        assert count < 3 or counts.max() - counts.min() <= 1
        larger = kept


@pytest.mark.parametrize("count", [0, 31])
def test_more_training_subjects_than_there_are(count: int) -> None:
    people = {f"p{number:02}": "" for number in range(60)}
    settings = dataclasses.replace(SETTINGS, train=0.5, val=0.2, train_subjects=count)
    with pytest.raises(InputError, match=rf"domain a: train_subjects is {count}, its split has 30 .*raise the share"):
        keep_first(assign(people, settings), people, settings)


def test_unused_subjects_are_in_no_pack(ingested: Path) -> None:
    whole, before = run(ingested)
    packs, table = run(ingested, dataclasses.replace(SETTINGS, train_subjects=1))
    unused = set(table.subject[table.split == UNUSED])
    kept = set(table.subject[table.split == "train"])
    assert "patient003" in unused  # it has no labels
    assert kept | unused == set(before.subject[before.split == "train"])
    assert len(kept) == 1
    assert not unused & {case.subject for pack in packs.values() for case in pack.cases}
    assert {case.subject for case in packs["images"].cases} == kept
    assert packs["test"].cases == whole["test"].cases
    held_out = [[case for case in pack["training"].cases if case.split == "val"] for pack in (packs, whole)]
    assert held_out[0] == held_out[1] != []
