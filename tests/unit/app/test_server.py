"""A study's way through the server, over a real socket, and its routes against their documentation."""

import base64
import csv
import gzip
import io
import json
import re
from pathlib import Path

import nibabel
import numpy as np
import pytest
import yaml

from cmrbridge.app.case import write_raw
from cmrbridge.app.downloads import image_file
from cmrbridge.app.pages import FOLDER, read_pages
from cmrbridge.app.server import ROUTES
from cmrbridge.app.shelf import Open
from serving import SIZE, Served, painted, running, seal, write_package

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "openapi.yaml"
AFFINE = np.array([[0, -2, 0, 7], [2, 0, 0.1, -3], [0, 0, 8, 11], [0, 0, 0, 1.0]])


def hearts() -> np.ndarray:
    """(x, y, slice, frame): cavities that empty and fill, the largest in frame 0, the smallest in frame 2."""
    x, y = np.meshgrid(np.arange(SIZE) - 30, np.arange(SIZE) - 34, indexing="ij")
    labels = np.zeros((SIZE, SIZE, 3, 4), np.uint8)
    for number, radius in enumerate((11, 9, 6, 8)):
        labels[np.hypot(x + 19, y) < radius - 2, :, number] = 3
        labels[np.hypot(x, y) < 14, :, number] = 2
        labels[np.hypot(x, y) < radius, :, number] = 1
    return labels


def study(labels: np.ndarray) -> bytes:
    image = nibabel.Nifti1Image(painted(labels), AFFINE)
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_zooms([*image.header.get_zooms()[:3], 0.05][: labels.ndim])
    return gzip.compress(bytes(image.to_bytes()))


def loaded(content: bytes) -> nibabel.Nifti1Image:
    return nibabel.Nifti1Image.from_bytes(gzip.decompress(content))


@pytest.fixture(scope="module")
def case(served: Served) -> dict:
    status, about = served.json("POST", "/api/cases", study(hearts()))
    assert status == 201, about
    return about


@pytest.fixture(scope="module")
def lines(served: Served, case: dict) -> list[dict]:
    return served.segment(case["case"])


def test_the_page_and_its_files_need_no_token(served: Served) -> None:
    status, headers, content = served.ask("GET", "/", token=False)
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"esearch use only" in content
    status, headers, _ = served.ask("GET", "/", headers={"If-None-Match": headers["etag"]}, token=False)
    assert status == 304
    assert served.ask("GET", "/static/../server.py", token=False)[0] == 404
    assert served.ask("GET", "/static/%2e%2e/server.py", token=False)[0] == 404


def test_packed_scripts_are_sent_as_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "viewer.js.gz").write_bytes(gzip.compress(b"let a;"))
    (tmp_path / "notes.txt").write_text("not served")
    (page,) = read_pages(tmp_path).values()
    assert page.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert page.headers["Content-Encoding"] == "gzip"
    assert read_pages(FOLDER)["index.html"].content


def test_models_say_what_they_are(served: Served) -> None:
    status, told = served.json("GET", "/api/models")
    assert status == 200
    assert [(model["name"], model["card"]) for model in told["models"]] == [("fast", "# A toy\n")]
    assert told["limits"] == {"bytes": 2**30, "cases": 4}


def test_without_a_translator_there_is_no_translated_image(served: Served, case: dict) -> None:
    status, told = served.json("GET", f"/api/cases/{case['case']}/translated/0.nii.gz")
    assert (status, "no translator" in told["error"]) == (404, True)


def test_a_case_says_what_came_in(case: dict) -> None:
    about = {name: case[name] for name in ("frames", "slices", "shape", "ed", "es", "truth", "phases")}
    assert about == {
        "frames": 4,
        "slices": 3,
        "shape": [SIZE, SIZE, 3],
        "ed": 0,
        "es": 2,
        "truth": False,
        "phases": [None] * 4,
    }
    assert case["seconds_per_frame"] == pytest.approx(0.05)
    assert case["spacing"] == pytest.approx([2, 2, 8], rel=1e-3)


def test_frames_come_back_in_their_place(served: Served, case: dict) -> None:
    for path, voxels in (("frames/2", painted(hearts())[..., 2]), ("image", painted(hearts()))):
        status, _, content = served.ask("GET", f"/api/cases/{case['case']}/{path}.nii.gz")
        assert status == 200
        image = loaded(content)
        np.testing.assert_array_equal(np.asarray(image.dataobj), voxels)
        np.testing.assert_allclose(image.affine, AFFINE, atol=1e-5)


def test_more_than_a_thousand_frames_stay_in_order(tmp_path: Path) -> None:
    for number in range(1002):
        write_raw(tmp_path / "frames" / f"{number:03d}.raw", np.array([number], "<i2"))
    (tmp_path / "image.hdr").write_bytes(b"")
    content, _, _ = image_file(Open("key", tmp_path, {"frames": 1002}))
    np.testing.assert_array_equal(np.frombuffer(gzip.decompress(content), "<i2"), np.arange(1002))


def test_a_study_that_was_closed_is_not_a_full_disk(served: Served) -> None:
    _, about = served.json("POST", "/api/cases", study(hearts()[..., 0]))
    next(served.temporary.rglob(f"{about['case']}/frame.hdr")).unlink()
    status, told = served.json("GET", f"/api/cases/{about['case']}/frames/0.nii.gz")
    assert (status, "open it again" in told["error"]) == (404, True)


def test_masks_stream_with_end_diastole_first(lines: list[dict], case: dict) -> None:
    frames = [line for line in lines if "frame" in line]
    assert [line["frame"] for line in frames] == [0, 2, 1, 3]
    assert [line["progress"] for line in lines if "progress" in line] == [1, 2, 3, 4]
    assert {name: lines[-1][name] for name in ("done", "ed", "es")} == {"done": True, "ed": 0, "es": 2}
    for line in frames:
        labels = np.frombuffer(gzip.decompress(base64.b64decode(line["mask"])), np.uint8)
        labels = labels.reshape(case["shape"], order="F")
        ml = {name: (labels == code).sum() * 2 * 2 * 8 / 1000 for name, code in (("LV", 1), ("MYO", 2), ("RV", 3))}
        assert line["ml"] == pytest.approx(ml, rel=1e-3)
        truth = hearts()[..., line["frame"]]
        assert 2 * ((labels == truth) & (truth > 0)).sum() / ((labels > 0).sum() + (truth > 0).sum()) > 0.8


def test_images_that_no_network_has_seen_are_told_after_the_first_two(
    served: Served, case: dict, lines: list[dict]
) -> None:
    assert ["unlike" in line for line in lines].index(True) == 4  # two frames, each with its progress
    assert not lines[4]["unlike"]["warn"]
    noise = np.random.default_rng(0).integers(0, 1000, (SIZE, SIZE, 3)).astype(np.int16)
    image = nibabel.Nifti1Image(noise, AFFINE)
    _, other = served.json("POST", "/api/cases", bytes(image.to_bytes()))
    found = next(line["unlike"] for line in served.segment(other["case"]) if "unlike" in line)
    assert found["warn"]
    assert found["score"] > found["limit"]
    assert "look at every outline" in found["words"]
    page = served.ask("GET", f"/api/cases/{other['case']}/download/report.html")[2].decode()
    assert "look at every outline" in page


def test_measures_follow_the_frames_that_are_chosen(served: Served, case: dict, lines: list[dict]) -> None:
    ml = {line["frame"]: line["ml"] for line in lines if "frame" in line}
    for query, ed, es in (("", 0, 2), ("?model=fast&ed=1&es=3", 1, 3)):
        status, found = served.json("GET", f"/api/cases/{case['case']}/measures{query}")
        assert (status, found["ed"], found["es"]) == (200, ed, es)
        for chamber in ("LV", "RV"):
            edv, esv = ml[ed][chamber], ml[es][chamber]
            assert found[chamber]["ef_percent"] == pytest.approx(100 * (edv - esv) / edv)
        assert found["lv_mass_g"] == pytest.approx(1.05 * ml[ed]["MYO"])


def test_the_downloaded_mask_is_what_was_streamed_under_the_files_header(
    served: Served, case: dict, lines: list[dict]
) -> None:
    _, headers, content = served.ask("GET", f"/api/cases/{case['case']}/download/mask.nii.gz")
    assert headers["content-disposition"] == 'attachment; filename="mask-fast.nii.gz"'
    mask, own = loaded(content), loaded(study(hearts()))
    np.testing.assert_array_equal(mask.affine, own.affine)
    assert mask.header.get_zooms() == own.header.get_zooms()
    assert mask.header.get_xyzt_units() == ("mm", "sec")
    for line in (line for line in lines if "frame" in line):
        raw = gzip.decompress(base64.b64decode(line["mask"]))
        assert np.asarray(mask.dataobj)[..., line["frame"]].tobytes(order="F") == raw


def test_the_table_holds_numbers_and_no_formula(served: Served, case: dict, lines: list[dict]) -> None:
    _, _, content = served.ask("GET", f"/api/cases/{case['case']}/download/measures.csv?ed=0&es=2")
    rows = [*csv.reader(io.StringIO(content.decode()))]
    assert [row[1] for row in rows[1:5]] == ["ED", "", "ES", ""]
    numbers = re.compile(r"-?\d+(\.\d+)?")
    assert not [cell for row in rows for cell in row if cell[:1] in "=+-@\t" and cell and not numbers.fullmatch(cell)]


def test_the_report_stands_by_itself(served: Served, case: dict, lines: list[dict]) -> None:
    _, headers, content = served.ask("GET", f"/api/cases/{case['case']}/download/report.html")
    page = content.decode()
    assert "Research use only" in page
    assert page.count("data:image/png;base64,") == 2
    assert not re.search(r"<script|javascript:|https?://|\bon\w+=", page)
    assert "attachment" in headers["content-disposition"]


def test_what_a_model_says_of_itself_is_no_markup_in_the_report(tmp_path: Path) -> None:
    folder = write_package(tmp_path / "fast")
    about = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(about | {"arm": "<script>alert(1)</script>"}))
    seal(folder)
    (tmp_path / "t").mkdir()
    with running([folder], tmp_path / "t") as server:
        _, about = server.json("POST", "/api/cases", study(hearts()[..., 0]))
        server.segment(about["case"])
        measures = server.json("GET", f"/api/cases/{about['case']}/measures")[1]
        page = server.ask("GET", f"/api/cases/{about['case']}/download/report.html")[2].decode()
        table = server.ask("GET", f"/api/cases/{about['case']}/download/measures.csv")[2].decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert (measures["LV"]["edv_ml"] > 0, measures["RV"]["sv_ml"], measures["LV"]["ef_percent"]) == (True, None, None)
    assert ("EDV" in page, "EF (%)" in page) == (True, False)  # of one frame there is no function
    assert ("edv_ml" in table, "ef_percent" in table) == (True, False)


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/api/cases/none/image.nii.gz", 404, "open it again"),
        ("DELETE", "/api/cases/none", 404, "open it again"),
        ("GET", "/api/cases/{case}/frames/4.nii.gz", 404, "from 0 to 3"),
        ("GET", "/api/cases/{case}/frames/-1.nii.gz", 404, "from 0 to 3"),
        ("GET", "/api/cases/{case}/frames/..%2f..%2fx.nii.gz", 404, ""),
        ("GET", "/api/cases/{case}/truth/0.nii.gz", 404, "only the sample"),
        ("GET", "/api/cases/{case}/measures?model=other", 404, "choose from fast"),
        ("GET", "/api/cases/{case}/measures?ed=x", 404, "no such frame"),
        ("GET", "/api/cases/{case}/measures?ed=" + "9" * 5000, 404, "no such frame"),
        ("GET", "/api/cases/{case}/download/passwd", 404, "mask.nii.gz"),
        ("POST", "/api/models", 405, ""),
        ("POST", "/api/cases", 400, "empty"),
    ],
)
def test_what_is_not_there_is_said_in_a_line(
    served: Served, case: dict, lines: list[dict], method: str, path: str, status: int, words: str
) -> None:
    got, told = served.json(method, path.format(case=case["case"]))
    assert got == status
    assert words in told["error"]
    assert "\n" not in told["error"]


def test_nothing_is_measured_before_it_is_segmented(served: Served) -> None:
    _, about = served.json("POST", "/api/cases", study(hearts()[..., :2]))
    for path in ("measures", "download/mask.nii.gz"):
        status, told = served.json("GET", f"/api/cases/{about['case']}/{path}")
        assert (status, "segment" in told["error"]) == (409, True)
    assert served.json("DELETE", f"/api/cases/{about['case']}")[0] == 204
    assert not [path for path in served.left() if about["case"] in path]


def test_the_sample_beats_and_knows_the_truth(served: Served) -> None:
    status, about = served.json("POST", "/api/sample")
    assert (status, about["truth"], about["frames"]) == (201, True, 8)
    blood = []
    for number in range(about["frames"]):
        _, _, content = served.ask("GET", f"/api/cases/{about['case']}/truth/{number}.nii.gz")
        labels = loaded(content)
        assert labels.shape == tuple(about["shape"])
        blood.append(int((np.asarray(labels.dataobj) == 1).sum()))
    assert (about["ed"], about["es"]) == (int(np.argmax(blood)), int(np.argmin(blood)))


def test_the_reference_lists_the_routes_and_no_others() -> None:
    paths = yaml.safe_load(REFERENCE.read_text(encoding="utf-8"))["paths"]
    methods = {"GET", "POST", "DELETE"}
    written = {(path, name.upper()) for path in paths for name in paths[path]}
    written = {(path, name) for path, name in written if name in methods}
    served = {
        (re.sub(r":\w+(?=})", "", route.path), method)
        for route in ROUTES
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert written == served


def test_answers_hold_what_the_reference_asks_for(served: Served, case: dict, lines: list[dict]) -> None:
    schemas = yaml.safe_load(REFERENCE.read_text(encoding="utf-8"))["components"]["schemas"]
    answers = {
        "case": case,
        "frame": lines[0],
        "unlike": lines[4]["unlike"],
        "model": served.json("GET", "/api/models")[1]["models"][0],
        "measures": served.json("GET", f"/api/cases/{case['case']}/measures")[1],
    }
    for name, answer in answers.items():
        assert set(schemas[name]["required"]) <= set(answer), name
        assert set(schemas[name].get("properties", answer)) >= set(answer), f"{name}: undocumented"
