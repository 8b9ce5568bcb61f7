"""The atlas of two scanners of the phantom, from files to the page: numbers against the files, and who stays out."""

from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest

from cmrbridge.data.duplicates import COLUMNS
from cmrbridge.data.ingest import IngestSettings, ingest
from cmrbridge.data.phantom.generate import PhantomSettings, generate_phantom
from cmrbridge.data.split import SplitSettings, split_domain
from cmrbridge.errors import InputError
from cmrbridge.evaluation.atlas import describe_domains
from cmrbridge.evaluation.separation import SHUFFLES
from cmrbridge.paper.atlas import read_distances
from cmrbridge.paper.atlas_page import FIGURES, _answer, draw_atlas

SCANNERS = ["aurora", "eclipse"]


def quiet(step: int, total: int | None = None, **values: float) -> None:
    pass


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The phantom of two scanners, five subjects each, ingested and split; eclipse's labels are gone."""
    home = tmp_path_factory.mktemp("atlas")
    generate_phantom(
        settings=PhantomSettings(scanners=SCANNERS, subjects=5, seed=0), folder=home / "files", report=quiet
    )
    table = pd.read_csv(home / "files" / "manifest.csv", dtype=str, keep_default_na=False)
    table.loc[table.scanner == "eclipse", "label"] = ""
    table.to_csv(home / "files" / "manifest.csv", index=False)
    ingested = {"subjects": home / "subjects.csv", "prepared": home / "prepared.npz"}
    ingest(
        settings=IngestSettings(dataset="phantom", reader="manifest", size=64, spacing_mm=2.5),
        folder=home / "files",
        picture=home / "qc.png",
        report=quiet,
        **ingested,
    )
    (home / "duplicates.csv").write_text(",".join(COLUMNS) + "\nphantom,x,ED,phantom,aurora-003,ED\n")
    for domain in SCANNERS:
        split_domain(
            settings=SplitSettings(domain, "phantom", {"scanner": domain}, 0.5, 0.25, 0, labelled=domain == "aurora"),
            duplicates=home / "duplicates.csv",
            table=home / f"{domain}.csv",
            **{name: home / domain / f"{name}.npz" for name in ("training", "images", "test")},
            **ingested,
        )
    return home


def described(study: Path, out: Path, domains: list[str] = SCANNERS) -> dict[str, Path]:
    out.mkdir()
    tables = {name: out / f"{name}.csv" for name in ("people", "greys", "distances")}
    describe_domains(
        subjects=[study / "subjects.csv"],
        prepared=[study / "prepared.npz"],
        splits={domain: study / f"{domain}.csv" for domain in domains},
        seed=0,
        report=quiet,
        **tables,
    )
    return tables


@pytest.fixture(scope="module")
def tables(study: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return described(study, tmp_path_factory.mktemp("tables") / "one")


def test_every_subject_but_the_copy_once_with_the_volumes_of_its_files(study: Path, tables: dict[str, Path]) -> None:
    people = pd.read_csv(tables["people"]).set_index("subject")
    numbers = {"aurora": (1, 2, 4, 5), "eclipse": (1, 2, 3, 4, 5)}
    assert list(people.index) == [f"{name}-{i:03d}" for name, every in numbers.items() for i in every]
    label = nibabel.load(study / "files" / "labels" / "aurora-001_ED.nii.gz")
    volume = np.prod(label.header.get_zooms()[:3]) * (np.asarray(label.dataobj) == 1).sum() / 1000
    assert people.lv_edv_ml["aurora-001"] == pytest.approx(volume, rel=1e-4)
    assert 0 < people.lv_ef_percent["aurora-001"] < 100
    assert people.grey_lv["aurora-001"] > people.grey_myo["aurora-001"], "blood is bright in a cine"


def test_without_outlines_what_they_would_tell_is_empty_and_the_rest_is_there(tables: dict[str, Path]) -> None:
    rows = pd.read_csv(tables["people"]).query("domain == 'eclipse'")
    assert rows[["lv_edv_ml", "rv_ef_percent", "lv_mass_g", "grey_lv"]].isna().all(axis=None)
    assert rows[["slices", "spacing_mm", "map_x", "map_y"]].notna().all(axis=None)


def test_the_shares_of_grey_levels_make_a_whole(tables: dict[str, Path]) -> None:
    greys = pd.read_csv(tables["greys"])
    assert greys.groupby("domain").size().tolist() == [32, 32]
    assert (greys.low <= greys.share).all()
    assert (greys.share <= greys.high).all()
    assert greys.groupby("domain").share.sum().to_numpy() == pytest.approx(1, abs=0.15), "medians of shares"


def test_equal_input_gives_equal_bytes_and_another_scanner_lies_apart(
    study: Path, tables: dict[str, Path], tmp_path: Path
) -> None:
    again = described(study, tmp_path / "two")
    for name, path in tables.items():
        assert path.read_bytes() == again[name].read_bytes()
    row = pd.read_csv(tables["distances"]).iloc[0]
    assert row.apart > row.by_chance
    assert 1 / (1 + SHUFFLES) <= row.p <= 1


def test_the_page_stands_alone_and_holds_every_figure(study: Path, tables: dict[str, Path], tmp_path: Path) -> None:
    figures = {name: (tmp_path / f"{name}.png", tmp_path / f"{name}.pdf") for name in FIGURES}
    draw_atlas(
        study="<b>",
        sources=["aurora"],
        targets=["eclipse", "aurora"],
        nominal=["eclipse", "a domain of another study"],
        prepared=[study / "prepared.npz"],
        figures=figures,
        page=tmp_path / "atlas.html",
        **tables,
    )
    page = (tmp_path / "atlas.html").read_text()
    assert page.count("data:image/webp;base64,") == len(FIGURES)
    assert "http" not in page
    assert "Study &lt;b&gt;." in page
    assert page.count("eclipse and aurora: ") == 1
    assert "The millimetres of eclipse are nominal" in page
    assert all(png.stat().st_size and pdf.read_bytes().startswith(b"%PDF") for png, pdf in figures.values())


def test_domains_may_be_called_by_numbers(tmp_path: Path) -> None:
    """As those that `cmrbridge init` makes of field strengths and of numbered centres."""
    (tmp_path / "distances.csv").write_text("first,second,apart,by_chance,p\n1.5,3,0.4,0.1,0.001\n")
    assert _answer(read_distances(tmp_path / "distances.csv"), "3", "1.5").startswith("1.5 and 3: 0.40 apart")


def test_a_pack_of_another_ingest_is_refused(study: Path, tmp_path: Path) -> None:
    split = (study / "aurora.csv").read_text()
    (study / "more.csv").write_text(split + split.splitlines()[-1].replace("aurora-005", "stranger") + "\n")
    subjects = (study / "subjects.csv").read_text()
    last = next(line for line in subjects.splitlines() if "aurora-005" in line)
    (study / "more_subjects.csv").write_text(subjects + last.replace("aurora-005", "stranger") + "\n")
    with pytest.raises(InputError, match=r"has no images of 'stranger', which .*more_subjects.csv names"):
        describe_domains(
            subjects=[study / "more_subjects.csv"],
            prepared=[study / "prepared.npz"],
            splits={"more": study / "more.csv"},
            seed=0,
            report=quiet,
            **{name: tmp_path / name for name in ("people", "greys", "distances")},
        )
