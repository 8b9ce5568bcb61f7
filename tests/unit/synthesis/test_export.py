"""The exported set read back by others' readers, and its card."""

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from matplotlib import image as pictures

from cmrbridge.core.geometry import Grid
from cmrbridge.core.pack import Case, Pack, write_pack
from cmrbridge.errors import InputError
from cmrbridge.synthesis.export import export_pairs

ABOUT = {"source domain": "toy", "data set": "toyset 1.0", "generator seed": 3, "model": "sha256:abc"}
AUDIT = {
    "verdict": "flagged",
    "reasons": ["too near"],
    "controls": {"n": 40, "caught": 0.975},
    "negatives": {"n": 60, "false_alarms": None},
    "generated": {"n": 3, "copies": 2},
}


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    """Three slices of two cases; pixels of 1.25 × 1.5 mm tell rows from columns."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (3, 16, 16), dtype=np.uint8)
    labels = generator.integers(0, 4, (3, 16, 16), dtype=np.uint8)
    labels[0][labels[0] == 3] = 0
    grid = Grid((16, 16, 3), (1.5, 1.25, 8), False, False, False, (7.5, 7.5), 16, 1.5)
    cases = tuple(
        Case("synthetic", "toy", name, "", "train", ("LV", "MYO", "RV"), (8.0, 1.25, 1.5), grid) for name in "ab"
    )
    made = Pack(images, labels, np.array([0, 0, 1], np.int32), np.arange(3, dtype=np.int32), cases)
    write_pack(tmp_path / "images.npz", made)
    return made


def export(tmp_path: Path, form: Any = "nifti", name: str = "set", **changes: Any) -> Path:
    folder = tmp_path / name
    wanted: dict[str, Any] = {"licence": "CC-BY-4.0", "about": ABOUT, "audit": None} | changes
    export_pairs(synthetic=tmp_path / "images.npz", folder=folder, form=form, **wanted)
    return folder


def test_nifti_reads_back_as_the_pack(pack: Pack, tmp_path: Path) -> None:
    folder = export(tmp_path)
    assert pack.labels is not None
    for index in range(3):
        for path, plane in (
            (folder / "imagesTr" / f"synthetic_{index:05d}_0000.nii.gz", pack.images[index]),
            (folder / "labelsTr" / f"synthetic_{index:05d}.nii.gz", pack.labels[index]),
        ):
            read = nibabel.load(path)
            assert np.array_equal(np.asarray(read.dataobj), plane.T[:, :, None])
            assert read.get_data_dtype() == np.uint8
            assert read.header.get_zooms() == (1.5, 1.25, 8.0)  # x: columns, y: rows, z: slices
            assert nibabel.aff2axcodes(read.affine) == ("L", "P", "S")
            assert read.header.get_xyzt_units()[0] == "mm"


def test_png_reads_back_as_the_pack(pack: Pack, tmp_path: Path) -> None:
    folder = export(tmp_path, "png")
    assert pack.labels is not None
    for index in range(3):
        grey = pictures.imread(folder / "imagesTr" / f"synthetic_{index:05d}_0000.png")
        codes = pictures.imread(folder / "labelsTr" / f"synthetic_{index:05d}.png")
        assert np.array_equal((grey * 255).round(), pack.images[index])
        assert np.array_equal((codes * 255).round(), pack.labels[index])


@pytest.mark.parametrize(("form", "ending"), [("nifti", ".nii.gz"), ("png", ".png")])
def test_dataset_json_says_what_nnunet_asks(pack: Pack, tmp_path: Path, form: str, ending: str) -> None:
    folder = export(tmp_path, form)
    found = json.loads((folder / "dataset.json").read_text())
    assert found["numTraining"] == len(list((folder / "imagesTr").iterdir())) == len(pack.images)
    assert found["labels"] == {"background": 0, "LV": 1, "MYO": 2, "RV": 3}
    assert found["file_ending"] == ending
    assert found["channel_names"] == {"0": "cine MRI"}
    for image in (folder / "imagesTr").iterdir():
        assert (folder / "labelsTr" / (image.name.removesuffix(f"_0000{ending}") + ending)).exists()


@pytest.mark.parametrize("form", ["nifti", "png"])
def test_equal_packs_give_equal_bytes(pack: Pack, tmp_path: Path, form: str) -> None:
    one, other = (export(tmp_path, form, name) for name in ("one", "other"))
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert len(files) == 2 * 3 + 2
    for name in files:
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_the_card_tells_origin_licence_counts_and_verdict(pack: Pack, tmp_path: Path) -> None:
    audit = tmp_path / "audit.json"
    audit.write_text(json.dumps(AUDIT))
    card = (export(tmp_path, audit=audit) / "README.md").read_text()
    for text in (
        "3 pairs",
        "16 × 16",
        "1.25 × 1.5 mm",
        "CC-BY-4.0",
        "**flagged**",
        "too near",
        "2 of 3",
        "97.5% of 40",
    ):
        assert text in card
    assert "took for copies: unknown" in card
    assert "| 3 | right ventricular cavity (RV) | 2 |" in card
    assert "- data set: toyset 1.0\n- generator seed: 3" in card
    assert "research only" in card
    assert "Not audited" in (export(tmp_path, name="bare") / "README.md").read_text()


def test_an_export_that_fails_leaves_what_was_there(
    pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = export(tmp_path)
    before = (folder / "README.md").read_bytes()

    def full(*_: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("cmrbridge.synthesis.export.write_grey_png", full)
    with pytest.raises(OSError, match="no space"):
        export(tmp_path, "png")
    with pytest.raises(OSError, match="no space"):
        export(tmp_path, "png", "new")
    assert (folder / "README.md").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images.npz", "set"]


def test_an_export_replaces_its_own_folder_and_no_other(pack: Pack, tmp_path: Path) -> None:
    export(tmp_path)
    folder = export(tmp_path, "png")
    assert {path.suffix for path in (folder / "imagesTr").iterdir()} == {".png"}
    (folder / "mine.txt").write_text("keep")
    with pytest.raises(InputError, match="no exported set"):
        export(tmp_path)
    assert (folder / "mine.txt").read_text() == "keep"


@pytest.mark.parametrize(
    ("form", "licence", "match"), [("dicom", "CC0-1.0", "form: 'dicom'"), ("png", " ", "inherits the licence")]
)
def test_what_cannot_be_exported_is_refused(pack: Pack, tmp_path: Path, form: str, licence: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        export(tmp_path, form, licence=licence)
    assert not (tmp_path / "set").exists()


def test_images_without_masks_and_damaged_audits_are_refused(pack: Pack, tmp_path: Path) -> None:
    (tmp_path / "audit.json").write_text('{"verdict": "no copies found"')
    with pytest.raises(InputError, match=r"audit\.json: not a readable privacy audit"):
        export(tmp_path, audit=tmp_path / "audit.json")
    write_pack(tmp_path / "images.npz", Pack(pack.images, None, pack.case, pack.position, pack.cases))
    with pytest.raises(InputError, match="no pairs"):
        export(tmp_path)
