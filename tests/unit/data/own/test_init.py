"""`cmrbridge init`: what it finds out by itself, what it leaves to its user, and that its study plans."""

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import yaml
from snakemake.utils import validate

from cmrbridge.cli import main
from cmrbridge.data.frames import IngestSettings
from cmrbridge.data.ingest import ingest
from cmrbridge.errors import InputError
from cmrbridge.plan.catalogue import merge
from cmrbridge.plan.config import resolve
from cmrbridge.plan.draft import DEMO, SIZES, draft
from cmrbridge.plan.grid import grid
from scans import HABITS, beating, export, oblique

ROOT = Path(__file__).parents[4]
SWAPPED = np.array([0, 3, 2, 1], np.uint8)  # ACDC's codes
Rows = list[dict[str, str]]


def rows_of(path: Path) -> Rows:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def planned(text: str) -> dict[str, Any]:
    """The study as the Snakefile resolves it."""
    config: dict[str, Any] = {}
    for layer in ((ROOT / "config.yaml").read_text(), (ROOT / "workflow/places.yaml").read_text(), text):
        merge(config, yaml.safe_load(layer))
    validate(config, ROOT / "workflow" / "schemas" / "config.schema.yaml")
    return resolve(config)


@pytest.fixture
def hearts(tmp_path: Path, heart, write) -> Callable[..., Path]:
    """hearts(name of an image, name of its labels) → a folder of six subjects, three of each vendor, ACDC's codes."""

    def make(image: str, label: str, subjects: int = 6) -> Path:
        folder = tmp_path / "own hearts"
        for number in range(subjects):
            for phase, cavity, frame in (("ED", 10, 1), ("ES", 6, 9)):
                voxels, labels = heart(cavity, seed=10 * number + frame)
                told = {"s": f"s{number:02d}", "phase": phase, "frame": frame}
                write(folder / image.format(**told), voxels)
                write(folder / label.format(**told), SWAPPED[labels])
        lines = [f"{number},{'GE' if number % 2 else 'SIEMENS Healthineers'},1.5T" for number in range(subjects)]
        text = "Subject;Manufacturer;Field strength (T)\n" + "\n".join(f"s{line}" for line in lines)
        (folder / "scans.csv").write_text(re.sub("^s", "s0", text, flags=re.MULTILINE).replace(",", ";"))
        return folder

    return make


@pytest.mark.parametrize(
    ("image", "label", "how"),
    [
        ("{s}_{phase}.nii.gz", "{s}_{phase}_gt.nii.gz", "names"),
        ("{s}/cine_frame{frame}.nii.gz", "{s}/cine_frame{frame}_seg.nii.gz", "size of the LV"),
        ("images/{s}_{frame:02d}.nii.gz", "labels/{s}_{frame:02d}.nii.gz", "size of the LV"),
    ],
)
def test_a_folder_becomes_a_study_that_plans(
    hearts, image: str, label: str, how: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = hearts(image, label)
    assert main(["init", str(folder)]) == 0
    rows = rows_of(folder / "manifest.csv")
    assert [(row["subject"], row["phase"]) for row in rows] == [
        (f"s{n:02d}", phase) for n in range(6) for phase in ("ED", "ES")
    ]
    assert {row["phases_from"] for row in rows} == {how}
    assert {row["annotated"] for row in rows} == {"LV MYO RV"}
    assert [row["vendor"] for row in rows[:4]] == ["Siemens", "Siemens", "GE", "GE"]
    study = planned((folder / "study.yaml").read_text())
    assert study["datasets"]["own_hearts"]["labels"] == {"LV": 3, "MYO": 2, "RV": 1}
    assert set(grid(study).source) == {"Siemens"}
    assert study["scenarios"]["unseen"]["targets"] == ["GE"]
    settings = IngestSettings("own", "manifest", 48, 2.5, labels=study["datasets"]["own_hearts"]["labels"])
    files = {name: tmp_path / name for name in ("subjects", "prepared", "picture")}
    ingest(settings=settings, folder=folder, **files, report=lambda *_, **__: None)
    assert [row["warnings"] for row in rows_of(files["subjects"])] == [""] * 12
    told = capsys.readouterr().out
    assert "LV=3 MYO=2 RV=1, sure" in told
    assert f"cmrbridge check '{folder}' --labels LV=3 MYO=2 RV=1" in told
    assert f"make plan STUDY='{folder / 'study.yaml'}'" in told


def test_nothing_is_written_over(hearts, capsys: pytest.CaptureFixture[str]) -> None:
    folder = hearts("{s}_{phase}.nii.gz", "{s}_{phase}_gt.nii.gz", 3)
    for name in ("study.yaml", "manifest.csv"):
        (folder / name).write_text("mine")
        assert main(["init", str(folder)]) == 2
        assert (folder / name).read_text() == "mine"
        (folder / name).unlink()
        assert not list(folder.glob("*.yaml"))
    assert "--output" in capsys.readouterr().err


def test_output_elsewhere_reaches_the_images(hearts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, output = hearts("{s}_{phase}.nii.gz", "{s}_{phase}_gt.nii.gz", 3), tmp_path / "out"
    monkeypatch.chdir(folder)
    assert main(["init", ".", "-o", str(output)]) == 0
    assert sorted(path.name for path in folder.iterdir() if path.suffix != ".gz") == ["scans.csv"]
    row = rows_of(output / "manifest.csv")[0]
    assert (output / row["image"]).is_file()
    assert (output / row["label"]).is_file()


def test_one_vendor_says_what_is_missing_and_how_to_add_it(hearts, capsys: pytest.CaptureFixture[str]) -> None:
    folder = hearts("{s}_{phase}.nii.gz", "{s}_{phase}_gt.nii.gz", 4)
    (folder / "scans.csv").unlink()
    assert main(["init", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "none is unseen" in told
    assert "vendor, scanner, centre, field_strength_t, pathology not known of anybody; fill in" in told
    text = (folder / "study.yaml").read_text()
    with pytest.raises(InputError, match="targets is empty"):
        planned(text)
    added = re.sub(r"^  # (\w+: )", r"  \1", text, flags=re.MULTILINE).replace("[]  # [sunnybrook]", "[sunnybrook]")
    study = planned(added)
    assert study["scenarios"]["unseen"]["targets"] == ["sunnybrook"]


def test_what_cannot_be_found_is_an_empty_cell(
    tmp_path: Path, heart, write, capsys: pytest.CaptureFixture[str]
) -> None:
    image, labels = heart()
    write(tmp_path / "a.nii.gz", image)
    write(tmp_path / "a_gt.nii.gz", labels)
    write(tmp_path / "b_ED.nii.gz", image)
    write(tmp_path / "b_ED_gt.nii.gz", labels * 0.4)
    write(tmp_path / "c_ED.nii.gz", image)
    write(tmp_path / "c_ED_gt.nii.gz", labels * 0)
    (tmp_path / "e.nii.gz").write_bytes(b"no image")
    (tmp_path / "f_ED.nii.gz").write_bytes(b"no image")
    write(tmp_path / "d_ED.nii.gz", np.repeat(image[..., None], 2, axis=3))
    write(tmp_path / "d_ED_gt.nii.gz", labels)
    assert main(["init", str(tmp_path)]) == 0
    rows = {row["subject"]: row for row in rows_of(tmp_path / "manifest.csv")}
    assert (rows["a"]["phase"], rows["a"]["remark"]) == (
        "",
        "a single labelled frame; write ED or ES into its cell `phase`",
    )
    assert "b" not in rows
    assert (rows["c"]["label"], rows["c"]["remark"]) == ("", "c_ED_gt.nii.gz holds no label")
    assert "2 frames; write the labels' frame" in rows["d"]["remark"]
    assert "e.nii.gz: cut short or damaged" in rows["e"]["remark"]
    assert rows["f"]["remark"].startswith("the image cannot be read")
    told = capsys.readouterr().out
    for words in ("manifest.csv: a: a single labelled frame", "b_ED_gt.nii.gz: labels are not whole numbers"):
        assert words in told
    assert main(["check", str(tmp_path), "-o", str(tmp_path / "out")]) == 1
    assert "the row of subject 'a' has the phase ''" in (tmp_path / "out" / "problems.csv").read_text()


def test_a_cine_labelled_in_two_frames_and_one_without_labels(tmp_path: Path, heart, write) -> None:
    beats = [heart(cavity, seed=cavity) for cavity in (10, 8, 6, 9)]
    cine = np.stack([image for image, _ in beats], axis=3)
    labels = np.stack([beats[0][1], 0 * beats[1][1], beats[2][1], 0 * beats[3][1]], axis=3)
    write(tmp_path / "a_sa.nii.gz", cine)
    write(tmp_path / "a_sa_gt.nii.gz", labels[..., ::-1].copy())
    write(tmp_path / "b_sa.nii.gz", cine)
    assert main(["init", str(tmp_path)]) == 0
    keys = ("subject", "phase", "image_frame", "label_frame", "phases_from")
    assert [tuple(row[key] for key in keys) for row in rows_of(tmp_path / "manifest.csv")] == [
        ("a", "ED", "3", "3", "size of the LV"),
        ("a", "ES", "1", "1", "size of the LV"),
        ("b", "ED", "0", "", "images"),
        ("b", "ES", "2", "", "images"),
    ]


def test_official_layouts_need_no_manifest(acdc: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert main(["init", str(acdc), "-o", str(output)]) == 0
    assert [path.name for path in output.iterdir()] == ["study.yaml"]
    assert yaml.safe_load((output / "study.yaml").read_text())["datasets"]["acdc"]["reader"] == "acdc"


def test_info_files_and_sidecars(acdc: Path, tmp_path: Path) -> None:
    """ACDC's patients in a layout of one's own: Info.cfg tells the frames, a sidecar of dcm2niix the scanner."""
    folder = tmp_path / "moved"
    for home in sorted(acdc.glob("training/*")):
        shutil.copytree(home, folder / home.name)
        (folder / home.name / "Info.cfg").write_text("ED: 12\nES: 1\nGroup: HCM\n")
        about = {"Manufacturer": "Philips", "MagneticFieldStrength": 3, "InstitutionName": "A"}
        (folder / home.name / f"{home.name}_frame01.json").write_text(json.dumps(about))
    assert main(["init", str(folder)]) == 0
    first, second = rows_of(folder / "manifest.csv")[:2]
    assert [(row["phase"], row["image"][-12:], row["pathology"]) for row in (first, second)] == [
        ("ES", "ame01.nii.gz", "HCM"),
        ("ED", "ame12.nii.gz", "HCM"),
    ]
    assert (first["vendor"], first["field_strength_t"], first["centre"]) == ("Philips", "3", "A")


def test_dicom(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(tmp_path / "scans" / "one", beating(), oblique(), HABITS["GE"])
    assert main(["init", str(tmp_path / "scans")]) == 0
    output = tmp_path / "scans-nifti"
    assert [row["vendor"] for row in rows_of(output / "manifest.csv")] == ["GE", "GE"]
    assert yaml.safe_load((output / "study.yaml").read_text())["datasets"]["scans"]["reader"] == "manifest"
    told = capsys.readouterr().out
    assert "0 labelled subjects, 3 are needed" in told
    assert nibabel.load(output / "cines" / f"{rows_of(output / 'manifest.csv')[0]['subject']}.nii.gz").ndim == 4


def test_a_folder_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path)]) == 2
    assert main(["init", str(tmp_path / "none")]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert "no NIfTI" in first
    assert "no such folder" in second


def subjects(vendors: dict[str, int], annotated: str = "LV MYO RV") -> dict[str, dict[str, str]]:
    rest = {"scanner": "", "centre": "", "field_strength_t": "", "annotated": annotated}
    return {f"{vendor}{n}": {"vendor": vendor, **rest} for vendor, count in vendors.items() for n in range(count)}


def test_the_largest_labelled_domain_is_the_source(tmp_path: Path) -> None:
    people = subjects({"GE": 3, "Siemens": 5, "Canon": 9})
    people |= {name: about | {"annotated": ""} for name, about in people.items() if "Canon" in name}
    text, _ = draft("mine", {"reader": "manifest", "path": str(tmp_path)}, people, tmp_path / "study.yaml")
    scenario = planned(text)["scenarios"]["unseen"]
    assert (scenario["source"], scenario["unlabelled"], scenario["targets"]) == ("Siemens", ["GE", "Canon"], ["GE"])


def test_without_the_rv_there_is_no_generator(tmp_path: Path) -> None:
    people = subjects({"GE": 3, "Siemens": 5}, "LV MYO")
    text, told = draft("mine", {"reader": "manifest", "path": str(tmp_path)}, people, tmp_path / "study.yaml")
    assert planned(text)["run"]["arms"] == ["real", "classic", "dann", "oracle"]
    assert "no generator" in told[-1]


def test_names_of_the_demo_are_not_taken() -> None:
    demo = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert {*demo["datasets"], *demo["domains"]} == DEMO


def test_a_draft_trains_as_long_as_the_studies_do_on_patients() -> None:
    places = yaml.safe_load((ROOT / "workflow" / "places.yaml").read_text())["places"]["manifest"]["presets"]
    gpu = yaml.safe_load((ROOT / "studies" / "li2025.yaml").read_text())["presets"]["gpu"]
    merge(gpu, places["gpu"])
    assert {"cpu": {key: size for key, size in places["cpu"].items() if key != "run"}, "gpu": gpu} == SIZES


def test_a_draft_is_yaml_that_people_can_change(tmp_path: Path) -> None:
    text, _ = draft("mine", {"reader": "manifest"}, subjects({"GE": 3, "Siemens": 5}), tmp_path / "study.yaml")
    assert "&" not in text  # an anchor: two settings that would change together
