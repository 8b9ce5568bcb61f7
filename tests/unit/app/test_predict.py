"""The app shows a network what the workflow shows it, and lays its answer back as the workflow does."""

import gzip
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest

from cmrbridge.app.case import frame, labels_file
from cmrbridge.app.command import predict_all
from cmrbridge.app.package import read_package
from cmrbridge.app.predict import load_network, segment, slices_of
from cmrbridge.app.settings import cores
from cmrbridge.app.upload import open_upload
from cmrbridge.core.geometry import restore
from cmrbridge.core.header import write_like
from cmrbridge.core.pack import read_pack
from cmrbridge.data.frames import IngestSettings
from cmrbridge.data.ingest import ingest
from cmrbridge.data.phantom.generate import PhantomSettings, generate_phantom
from cmrbridge.errors import InputError
from planted import FIELDS, plant_header
from reporters import silent
from serving import SIZE, SPACING_MM, painted


def test_a_network_that_finds_no_room_is_no_bug(package: Path) -> None:
    program = """if True:
        import resource, sys
        from pathlib import Path
        import numpy as np
        from cmrbridge.app.package import read_package
        from cmrbridge.app.predict import asked, load_network
        network = load_network(read_package(Path(sys.argv[1])), threads=1)
        images = np.zeros((4000, network.package.size, network.package.size), np.uint8)
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + (16 << 20),) * 2)
        try:
            asked(network.session, "probabilities", images)
        except MemoryError:
            print("no room")"""
    told = subprocess.run([sys.executable, "-c", program, str(package)], capture_output=True, text=True, check=False)
    assert told.stdout == "no room\n", told.stderr


def test_equals_the_workflow_on_the_same_files(package: Path, tmp_path: Path) -> None:
    """Slices, crops and the way back: bit for bit, so that a prediction differs by the runtime's rounding alone."""
    generate_phantom(settings=PhantomSettings(("aurora",), 1, seed=5), folder=tmp_path, report=silent)
    ingest(
        settings=IngestSettings(dataset="p", reader="manifest", size=SIZE, spacing_mm=SPACING_MM),
        folder=tmp_path,
        subjects=tmp_path / "subjects.csv",
        prepared=tmp_path / "prepared.npz",
        picture=tmp_path / "p.png",
        report=silent,
    )
    pack = read_pack(tmp_path / "prepared.npz")
    files = [tmp_path / "images" / f"aurora-001_{phase}.nii.gz" for phase in ("ED", "ES")]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path in files:
            archive.write(path, path.name)
    folder = tmp_path / "case"
    folder.mkdir()
    (folder / "upload").write_bytes(stream.getvalue())
    case = open_upload(folder / "upload", folder)
    network = load_network(read_package(package), threads=1)
    for index, number in enumerate((case.ed, case.es)):
        volume = frame(folder, case, number)
        prepared = pack.images[pack.case == index]
        np.testing.assert_array_equal(slices_of(network.package, volume, case.centre), prepared)
        (probabilities,) = network.session.run(None, {"image": prepared})
        expected = restore(probabilities, pack.cases[index].grid)
        np.testing.assert_array_equal(segment(network, volume, case.centre), expected)
        assert expected.any()


def hearts(shape: tuple[int, ...] = (SIZE, SIZE, 3)) -> np.ndarray:
    """Labels that fill a crop of the network's own grid; where nothing has to be interpolated it is exact."""
    x, y = np.meshgrid(np.arange(SIZE) - 30, np.arange(SIZE) - 34, indexing="ij")
    labels = np.zeros(shape, np.uint8)
    labels[np.hypot(x + 17, y) < 9] = 3
    labels[np.hypot(x, y) < 14] = 2
    labels[np.hypot(x, y) < 9] = 1
    return labels


def write_image(path: Path, labels: np.ndarray) -> nibabel.Nifti1Image:
    """An image with all that a header can carry, a patient's name too."""
    affine = np.array([[0, -2, 0, 7], [2, 0, 0.1, -3], [0, 0, 8, 11], [0, 0, 0, 1.0]])
    image = nibabel.Nifti1Image(painted(labels), affine)
    image.set_qform(np.diag([2, 2, 8, 1]), code=1)
    image.set_sform(affine, code=2)
    image.header.set_xyzt_units("mm", "sec")
    nibabel.save(image, path)
    plant_header(path)
    return image


def test_a_mask_lies_on_its_images_grid_under_its_header(package: Path, tmp_path: Path) -> None:
    image = write_image(tmp_path / "Doe.nii.gz", hearts())
    lines = [*predict_all(package, tmp_path / "Doe.nii.gz", tmp_path / "out" / "mask.nii.gz")]
    mask = nibabel.load(tmp_path / "out" / "mask.nii.gz")
    np.testing.assert_array_equal(np.asarray(mask.dataobj), hearts())
    np.testing.assert_array_equal(mask.affine, image.affine)
    own = nibabel.load(tmp_path / "Doe.nii.gz").header
    for name in ("pixdim", "qform_code", "sform_code", "srow_x", "quatern_b", "qoffset_x", "xyzt_units"):
        np.testing.assert_array_equal(mask.header[name], own[name])
    content = gzip.decompress((tmp_path / "out" / "mask.nii.gz").read_bytes())
    assert not any(word.encode() in content for word in FIELDS.values() if isinstance(word, str))
    assert f"LV {(hearts() == 1).sum() * 2 * 2 * 8 / 1000:.1f} mL" in lines[0]


def test_the_mask_of_a_frame_equals_the_workflows_file(package: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "image.nii.gz", hearts())
    [*predict_all(package, tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz")]
    write_like(hearts(), tmp_path / "image.nii.gz", tmp_path / "expected.nii.gz")
    one, other = (nibabel.load(tmp_path / f"{name}.nii.gz") for name in ("mask", "expected"))
    assert one.header == other.header
    np.testing.assert_array_equal(one.dataobj, other.dataobj)


def test_a_folder_of_images_becomes_a_folder_of_masks(package: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_image(tmp_path / "in" / "a.nii.gz", hearts())
    turned = np.moveaxis(hearts(), 2, 0)
    nibabel.save(nibabel.Nifti1Image(painted(turned), np.diag([8, 2, 2, 1])), tmp_path / "in" / "b.nii")
    [*predict_all(package, tmp_path / "in", tmp_path / "out")]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.nii.gz", "b.nii.gz"]
    found = nibabel.load(tmp_path / "out" / "b.nii.gz")
    np.testing.assert_array_equal(np.asarray(found.dataobj), turned)


@pytest.mark.parametrize(
    ("source", "output", "words"),
    [
        ("nowhere.nii.gz", "out.nii.gz", "no such file or folder"),
        ("image.nii.gz", "out.png", r"ends in \.nii\.gz"),
        ("image.nii.gz", "image.nii.gz", "is the image itself"),
        ("text.txt", "out.nii.gz", r"text\.txt: neither an image"),
        ("empty", "out.nii.gz", "empty: no NIfTI and no DICOM"),
    ],
)
def test_the_command_says_what_to_do(package: Path, tmp_path: Path, source: str, output: str, words: str) -> None:
    write_image(tmp_path / "image.nii.gz", hearts())
    (tmp_path / "text.txt").write_text("hello")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=words):
        [*predict_all(package, tmp_path / source, tmp_path / output)]


def test_a_large_machine_does_not_fill_the_workers_memory_with_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(128), raising=False)
    assert cores() == 16


@pytest.mark.parametrize(("output", "words"), [("in", "is the image itself"), ("out", "mask of two images")])
def test_no_mask_takes_the_place_of_an_image_or_another_mask(
    package: Path, tmp_path: Path, output: str, words: str
) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.nii", "a.nii.gz"):
        write_image(tmp_path / "in" / name, hearts())
    before = (tmp_path / "in" / "a.nii.gz").read_bytes()
    with pytest.raises(InputError, match=words):
        [*predict_all(package, tmp_path / "in", tmp_path / output)]
    assert (tmp_path / "in" / "a.nii.gz").read_bytes() == before


def test_labels_of_all_frames_come_under_a_header_of_four_dimensions(package: Path, tmp_path: Path) -> None:
    labels = np.stack([hearts(), np.roll(hearts(), 1, axis=0)], axis=3)
    image = nibabel.Nifti1Image(painted(labels), np.diag([2, 2, 8, 1]))
    image.header.set_zooms((2, 2, 8, 0.04))
    (tmp_path / "upload").write_bytes(image.to_bytes())
    case = open_upload(tmp_path / "upload", tmp_path)
    (tmp_path / "mask.nii.gz").write_bytes(labels_file(tmp_path, case, np.moveaxis(labels, 3, 0)))
    mask = nibabel.load(tmp_path / "mask.nii.gz")
    np.testing.assert_array_equal(np.asarray(mask.dataobj), labels)
    assert mask.header.get_zooms() == image.header.get_zooms()
