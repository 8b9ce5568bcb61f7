"""Official layouts, from files to crops: what is odd in them is told, and nothing else is."""

import csv
from pathlib import Path

import nibabel
import numpy as np
import pytest

import official
from cmrbridge.cli import main
from cmrbridge.core.anatomy import PHASES
from cmrbridge.core.pack import read_pack
from cmrbridge.data.check.folder import reader_of
from cmrbridge.data.check.problem import Problem
from cmrbridge.data.check.run import check, datasets_of
from cmrbridge.data.frames import IngestSettings
from cmrbridge.data.ingest import ingest
from conversions import convert

ROOT = Path(__file__).parents[3]
Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def body() -> official.Body:
    return official.phantom_body()


def prepared(folder: Path, out: Path) -> Rows:
    """Rows of subjects.csv, once ingest has cropped and checked every frame."""
    settings = IngestSettings(dataset="data", reader=reader_of(folder), size=96, spacing_mm=1.75)
    files = {name: out / f"{name}.csv" for name in ("subjects",)} | {
        "prepared": out / "p.npz",
        "picture": out / "p.png",
    }
    ingest(settings=settings, folder=folder, **files, report=lambda *_, **__: None)
    pack = read_pack(files["prepared"])
    assert pack.labels is not None
    labelled = {pack.cases[at].subject for at in pack.case[pack.labels.any(axis=(1, 2))]}
    rows = list(csv.DictReader(files["subjects"].open()))
    assert labelled == {row["subject"] for row in rows if row["annotated"]}
    assert {row["cut_off"] for row in rows} == {"0.0"}
    assert {row["warnings"] for row in rows} == {""}
    return rows


def checked(folder: Path, out: Path) -> list[Problem]:
    return check(
        datasets=datasets_of([folder], [{"dataset": "data", "reader": reader_of(folder)}]),
        table=out / "problems.csv",
        page_file=out / "check.html",
        summary=out / "summary.txt",
        report=lambda *_, **__: None,
    )


def told(problems: list[Problem]) -> list[tuple[str, str, str]]:
    return sorted({(one.severity, one.subject, one.check) for one in problems})


def test_mnms(body: official.Body, tmp_path: Path) -> None:
    folder = tmp_path / "mnms"
    official.write_mnms(folder, body)
    rows = prepared(folder, tmp_path)
    keys = ("subject", "phase", "image_frame", "vendor", "centre", "annotated")
    whole = "LV MYO RV"
    assert [tuple(row[key] for key in keys) for row in rows] == [
        ("A1", "ED", "0", "Siemens", "1", whole),
        ("A1", "ES", "3", "Siemens", "1", whole),
        ("B1", "ED", "0", "Philips", "2", whole),
        ("B1", "ES", "3", "Philips", "2", whole),
        ("C1", "ED", "0", "GE", "3", ""),
        ("C1", "ES", "3", "GE", "3", ""),
        ("D1", "ED", "0", "Canon", "5", whole),
        ("D1", "ES", "3", "Canon", "5", whole),
    ]
    problems = checked(folder, tmp_path)
    assert told(problems) == [
        ("note", "", "metadata_missing"),  # scanner and field strength
        ("note", "", "unread"),  # C2, and the empty labels of C1
        ("note", "A1", "not_orthonormal"),
    ]
    (unread,) = (one for one in problems if one.check == "unread")
    assert unread.what.startswith("in 3 of 10 files")


def test_mnms2(body: official.Body, tmp_path: Path) -> None:
    folder = tmp_path / "mnms2"
    official.write_mnms2(folder, body)
    rows = prepared(folder, tmp_path)
    assert [(row["subject"], row["vendor"], row["scanner"], row["field_strength_t"]) for row in rows[::2]] == [
        ("001", "Siemens", "Avanto", "1.5"),
        ("002", "GE", "SIGNA EXCITE", "1.5"),
        ("003", "Philips", "Achieva", "3.0"),
    ]
    problems = checked(folder, tmp_path)
    assert told(problems) == [("note", "", "metadata_missing"), ("note", "", "unread")]  # the centre; long axes, cines
    assert [one.what for one in problems if one.check == "metadata_missing"] == ["centre is not known of 6 of 6 frames"]
    assert [one.what[:16] for one in problems if one.check == "unread"] == ["in 15 of 27 file"]


def test_sunnybrook(body: official.Body, tmp_path: Path) -> None:
    folder = tmp_path / "official"
    official.write_sunnybrook(folder, body)
    _, manifest, output = convert(folder)
    assert [(row["subject"], row["phase"], row["annotated"]) for row in manifest] == [
        ("SC-HF-I-01", "ED", "LV MYO"),
        ("SC-HF-I-01", "ES", "LV"),
        ("SC-N-03", "ED", "LV MYO"),
        ("SC-N-03", "ES", "LV"),
    ]
    one = body.moved(1).labels["ED"]
    slices = [int(index) for index in manifest[0]["source_indices"].split()]
    drawn = np.asarray(nibabel.load(output / manifest[0]["label"]).dataobj)
    np.testing.assert_array_equal(drawn == 1, one[:, :, slices] == 1)
    assert (drawn > 0).sum() == pytest.approx(np.isin(one[:, :, slices], (1, 2)).sum(), rel=0.01)  # holes are filled
    rows = prepared(output, tmp_path / "prepared")
    assert {(row["vendor"], row["annotated"]) for row in rows} == {("GE", "LV MYO"), ("GE", "LV")}
    assert told(checked(output, tmp_path)) == [
        ("note", "", "unread"),  # the whole cines, beside what was contoured of them
        ("note", "SC-HF-I-01", "phases_slices"),
        ("note", "SC-N-03", "phases_slices"),
    ]


def test_init_knows_them(body: official.Body, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    official.write_mnms(tmp_path / "mnms", body)
    official.write_mnms2(tmp_path / "mnms2", body)
    for name in ("mnms", "mnms2"):
        assert main(["init", str(tmp_path / name)]) == 0
        assert f"layout: {name}" in capsys.readouterr().out
        assert not (tmp_path / name / "manifest.csv").exists()


def test_make_plan_prices_what_init_drafts_of_a_phantom_folder(
    body: official.Body, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "hearts"
    for number in range(6):
        one = body.moved(number)
        for phase in PHASES:
            official.write(folder / "images" / f"p{number}_{phase}.nii.gz", one.images[phase], one.affine)
            official.write(folder / "labels" / f"p{number}_{phase}.nii.gz", one.labels[phase], one.affine)
    (folder / "scans.tsv").write_text(
        "id\tmaker\tmanufacturer\n" + "".join(f"p{n}\tx\t{'AB'[n % 2]}\n" for n in range(6))
    )
    assert main(["init", str(folder)]) == 0
    assert told(checked(folder, tmp_path)) == [("note", "", "metadata_missing")]
    monkeypatch.chdir(tmp_path)
    files = ["--snakefile", str(ROOT / "Snakefile"), "--rates", str(ROOT / "resources" / "rates.tsv")]
    assert main(["plan", str(folder / "study.yaml"), "--cores", "2", *files]) == 0
    assert "train_segmenter" in capsys.readouterr().out
