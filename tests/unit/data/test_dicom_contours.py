"""Sunnybrook's official layout: DICOM in one folder, polygons in another, a table between them."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

from cmrbridge.data.dicom.contours import case_name, rasterised, read_contour
from cmrbridge.data.frames import IngestSettings
from cmrbridge.data.readers import READERS
from cmrbridge.data.volume import read_image, read_labels
from cmrbridge.errors import InputError
from conversions import convert, refused
from scans import Habit, beating, export, oblique

MIDDLE = (11.0, 9.25)  # x, y in pixels


def circle(radius: float, middle: tuple[float, float] = MIDDLE, points: int = 400) -> np.ndarray:
    turns = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.column_stack([middle[0] + radius * np.cos(turns), middle[1] + radius * np.sin(turns)])


@pytest.mark.parametrize("radius", [20.0, 27.3, 40.7])
def test_a_circle_has_its_area_and_its_centre(radius: float) -> None:
    """Over eight places of the centre within a pixel; the centre is the mean of the pixels' whole numbers."""
    middles = [(60 + step / 8, 55 + 3 * step / 8) for step in range(8)]
    masks = [rasterised(circle(radius, middle), (120, 128)) for middle in middles]
    assert np.mean([mask.sum() for mask in masks]) == pytest.approx(np.pi * radius**2, rel=0.005)
    for mask, (x, y) in zip(masks, middles):
        assert mask.sum() == pytest.approx(np.pi * radius**2, rel=0.01)
        rows, columns = np.nonzero(mask)
        assert (columns.mean(), rows.mean()) == (pytest.approx(x, abs=0.1), pytest.approx(y, abs=0.1))


def test_what_is_enclosed_twice_is_outside() -> None:
    square = np.array([[2, 2], [8, 2], [8, 8], [2, 8]]) - 0.5
    twice = np.concatenate([square, square[:1], (square - 5) / 2 + 5, ((square - 5) / 2 + 5)[:1]])
    assert rasterised(square, (10, 10)).sum() == 36
    assert rasterised(twice, (10, 10)).sum() == 36 - 9


@pytest.fixture
def sunnybrook(tmp_path: Path) -> Path:
    """One case of 3 slices × 8 frames; contours at ED in all slices, at ES (frame 3) in the lower two."""
    home = tmp_path / "in"
    export(home / "DICOM" / "SCD0000101" / "CINESAX_300", beating(), oblique(), Habit("GE MEDICAL SYSTEMS"), number=3)
    (home / "scd_patientdata.csv").write_text("PatientID,OriginalID,Gender\nSCD0000101,SC-HF-I-1,Male\n")
    expert = home / "SCD_ManualContours" / "SC-HF-I-01" / "contours-manual" / "IRCCI-expert"
    expert.mkdir(parents=True)
    for at in range(3):
        np.savetxt(expert / f"IM-0001-{8 * at + 1:04d}-icontour-manual.txt", circle(5), fmt="%.2f")
        np.savetxt(expert / f"IM-0001-{8 * at + 1:04d}-ocontour-manual.txt", circle(7), fmt="%.2f")
        if at:
            np.savetxt(expert / f"IM-0001-{8 * at + 4:04d}-icontour-manual.txt", circle(3), fmt="%.2f")
    return home


def test_the_official_layout_becomes_labelled_cases(sunnybrook: Path) -> None:
    _, manifest, output = convert(sunnybrook)
    assert [(r["subject"], r["phase"], r["annotated"], r["source_indices"], r["pathology"]) for r in manifest] == [
        ("SC-HF-I-01", "ED", "LV MYO", "0 1 2", "HF-I"),
        ("SC-HF-I-01", "ES", "LV", "1 2", "HF-I"),
    ]
    settings = IngestSettings(dataset="scd", reader="manifest", size=32, spacing_mm=1.5)
    volumes = {}
    for frame in READERS["manifest"](output, settings):
        image = read_image(frame.image)
        assert frame.label is not None
        volumes[frame.phase] = image, read_labels(frame.label, None, {"LV": 1, "MYO": 2, "RV": 3}, image)
    (ed, of_ed), (es, of_es) = volumes["ED"], volumes["ES"]
    np.testing.assert_array_equal(ed.voxels, beating()[..., 0])
    np.testing.assert_array_equal(es.voxels, beating()[:, :, 1:, 3])
    np.testing.assert_allclose(es.affine[:3, 3], (oblique() @ [0, 0, 1, 1])[:3], atol=1e-4)
    np.testing.assert_array_equal(of_ed[:, :, 1].T == 1, rasterised(circle(5).round(2), (20, 24)))
    np.testing.assert_array_equal(of_ed[:, :, 1].T > 0, rasterised(circle(7).round(2), (20, 24)))
    assert set(np.unique(of_es)) == {0, 1}


def test_a_gap_between_contoured_slices_is_no_background(sunnybrook: Path) -> None:
    for path in sunnybrook.rglob("IM-0001-0009-*"):
        path.unlink()
    cines, manifest, output = convert(sunnybrook)
    assert nibabel.load(output / manifest[0]["image"]).shape == (24, 20, 1)
    assert "ED: 1 contoured images of other frames or beyond a gap left out" in cines[0]["notes"]


def test_a_contour_without_its_image(sunnybrook: Path) -> None:
    expert = next(sunnybrook.rglob("IRCCI-expert"))
    np.savetxt(expert / "IM-0001-0099-icontour-manual.txt", circle(4))
    assert "IM-0001-0099-icontour-manual.txt: its image is not in the stack of 24" in refused(sunnybrook)


@pytest.mark.parametrize("text", ["", "1 2\n3 4", "1 2\n3 four\n5 6", "1 2 3\n4 5 6\n7 8 9", "1 2\n3 nan\n5 6", "é"])
def test_a_careless_contour(text: str, tmp_path: Path) -> None:
    path = tmp_path / "IM-0001-0048-icontour-manual.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=r"icontour-manual\.txt: not a .*official archive"):
        read_contour(path)


def test_names_of_cases() -> None:
    assert case_name(("x", "SC-HF-NI-7"), {}) == "SC-HF-NI-07"
    assert case_name(("SCD01", "IM"), {"SCD01": "SC-HYP-11"}) == "SC-HYP-11"
    assert case_name(("Jane", "SC-HF"), {}) is None
