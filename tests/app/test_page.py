"""The page in a real Chromium, against a real server. The network is a small one, which knows four grey values.

No request may leave loopback, and nothing may reach the browser's console, in any of these tests (conftest.py).
"""

import csv
import gzip
import os
import re
import signal
import zipfile
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from playwright.sync_api import Route, expect

from browsing import PATIENCE_MS, Visit, faint
from serving import Served, painted

pytestmark = pytest.mark.whole

SPACING = (2.0, 2.0, 8.0)
SHAPE = (60, 56, 5)
RADII = (12, 10, 8, 10)  # of the cavity, pixels, by frame: ED is the first, ES the third


def labels_of(radius: float) -> np.ndarray:
    """A cavity within a ring of muscle, and another cavity at its right-hand side, left on the screen."""
    x, y = np.mgrid[: SHAPE[0], : SHAPE[1]]
    from_left = np.hypot(x - 34, y - 28)
    flat = np.where(np.hypot(x - 19, y - 28) < 0.8 * radius + 4, 3, 0)
    flat[from_left < radius + 4] = 2
    flat[from_left < radius] = 1
    return np.repeat(flat[:, :, None], SHAPE[2], axis=2).astype(np.uint8)


def affine_of() -> np.ndarray:
    """A true short axis: the first voxel axis to the patient's left and back, the second down."""
    first, second = np.array([-0.8, -0.6, 0]), np.array([0.36, -0.48, -0.8])
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack([first, second, np.cross(first, second)]) * SPACING
    affine[:3, 3] = (30, 40, 50)
    return affine


@pytest.fixture(scope="module")
def cine() -> nib.Nifti1Image:
    frames = np.stack([painted(labels_of(radius)) for radius in RADII], axis=3)
    image = nib.Nifti1Image(frames, affine_of())
    image.header.set_zooms((*SPACING, 0.05))
    image.header.set_xyzt_units("mm", "sec")
    return image


def reddish(picture: np.ndarray) -> int:
    """Pixels of the LV's colour over grey."""
    red, green, blue = (picture[..., channel] for channel in range(3))
    return int(((red > green + 30) & (green > blue + 15)).sum())


def bluish(picture: np.ndarray) -> np.ndarray:
    """Where the RV's colour lies."""
    return np.argwhere(picture[..., 2] > picture[..., 0] + 30)


def expected_ef(mask: np.ndarray, ed: int, es: int) -> float:
    large, small = ((mask[..., frame] == 1).sum() for frame in (ed, es))
    return 100 * (1 - small / large)


@pytest.fixture(scope="module")
def hostile(cine: nib.Nifti1Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cine under a name that is markup."""
    path = tmp_path_factory.mktemp("drop") / "<img src=x onerror=alert(1)><b>a.nii.gz"
    path.write_bytes(gzip.compress(cine.to_bytes()))
    return path


def test_a_dropped_cine_is_shown_outlined_measured_and_kept(
    visiting: Callable[..., Visit], served: Served, hostile: Path, cine: nib.Nifti1Image, tmp_path: Path
) -> None:
    visit = visiting(served)
    visit.drop(hostile)
    visit.segmented(len(RADII))
    expect(visit.at("#study-name")).to_have_text(hostile.name)  # a name is text, whatever it says

    kept = nib.load(visit.download("#get-mask", tmp_path))
    mask = np.asarray(kept.dataobj)
    np.testing.assert_allclose(kept.affine, cine.affine, atol=1e-4)
    assert mask.shape == (*SHAPE, len(RADII))
    counts = {name: int((mask[..., 0] == value).sum()) for name, value in (("LV", 1), ("MYO", 2), ("RV", 3))}
    assert visit.outlined() == counts
    assert min(counts.values()) > 100

    assert visit.measure("LV EF") == pytest.approx(expected_ef(mask, 0, 2), abs=0.06)
    rows = list(csv.reader(visit.download("#get-table", tmp_path).open(encoding="utf-8")))
    assert len(rows) > len(RADII)
    assert "research use only" in visit.download("#get-report", tmp_path).read_text(encoding="utf-8").lower()

    picture = visit.picture()
    assert bluish(picture)[:, 1].mean() < np.argwhere(picture[..., 0] > picture[..., 2] + 30)[:, 1].mean(), "RV is left"
    before = reddish(picture)
    visit.at("#show-LV").uncheck()
    assert reddish(visit.picture()) < before / 20
    assert len(bluish(visit.picture())) > 0
    visit.page.keyboard.press("m")
    assert len(bluish(visit.picture())) == 0


def test_another_ed_or_es_changes_the_function_and_can_be_taken_back(
    visiting: Callable[..., Visit], served: Served, hostile: Path, tmp_path: Path
) -> None:
    visit = visiting(served)
    visit.drop(hostile)
    visit.segmented(len(RADII))
    mask = np.asarray(nib.load(visit.download("#get-mask", tmp_path)).dataobj)
    expect(visit.at("#phases")).to_contain_text("ED: frame 1, ES: frame 3 (by LV volume)")
    visit.at("#frame").press("ArrowRight")
    expect(visit.at("#frame-said")).to_have_text("2 of 4 ")
    visit.at("#set-es").click()
    expect(visit.at("#phases")).to_contain_text("ES: frame 2 (your choice)")
    assert visit.measure("LV EF") == pytest.approx(expected_ef(mask, 0, 1), abs=0.06)
    visit.page.keyboard.press("d")
    expect(visit.at("#phases")).to_contain_text("ED: frame 2")
    expect(visit.at('[data-measure="LV EF"]')).to_have_text("–")  # of one frame alone there is no function
    visit.at("#propose").click()
    assert visit.measure("LV EF") == pytest.approx(expected_ef(mask, 0, 2), abs=0.06)


def test_slices_and_frames_move_in_all_pictures(visiting: Callable[..., Visit], served: Served, hostile: Path) -> None:
    visit = visiting(served)
    visit.drop(hostile)
    visit.segmented(len(RADII))
    visit.at("#beside").select_option("the image alone")
    expect(visit.at("canvas")).to_have_count(2)
    shown = visit.at("canvas").nth(1)
    visit.at("#pictures").hover()
    visit.page.mouse.wheel(0, 100)
    expect(visit.at("#slice-said")).to_have_text("4 of 5")
    expect(shown).to_have_attribute("aria-label", re.compile("^Model «fast»: slice 4, frame 1\\."))
    assert visit.outlined() == {"LV": 0, "MYO": 0, "RV": 0}  # the first picture is the image alone
    visit.at("#go-es").click()
    expect(visit.at("#frame-said")).to_have_text("3 of 4 ES")
    expect(shown).to_have_attribute("aria-label", re.compile("^Model «fast»: slice 4, frame 3\\."))
    still = visit.picture()
    visit.at("#go-ed").click()
    assert np.abs(visit.picture() - still).max() > 50, "the image did not follow the frame"
    visit.at("#play").click()
    expect(visit.at("#frame-said")).not_to_have_text("1 of 4 ED")
    visit.at("#play").click()


def test_the_translated_image_stands_beside_the_image_with_masks_on_both(
    visiting: Callable[..., Visit], adapting: Served, hostile: Path
) -> None:
    visit = visiting(adapting)
    visit.drop(hostile)
    visit.segmented(len(RADII))
    visit.at("#beside").select_option("the translated image")
    shown = visit.at("canvas").nth(1)
    expect(visit.at("#finished")).to_contain_text("fast+adapted: 4 frames in")
    expect(shown).to_have_attribute("aria-label", re.compile("^Translated, model «fast\\+adapted»: slice 3, frame 1"))
    expect(shown).not_to_have_attribute("aria-label", re.compile("LV 0"))
    visit.page.evaluate("document.querySelector('#opacity').value = 0")
    visit.at("#opacity").dispatch_event("input")
    both = [visit.picture(index) for index in (0, 1)]
    heart = tuple(slice(size // 2 - 20, size // 2 + 20) for size in both[0].shape[:2])
    assert both[0][heart].mean() > both[1][heart].mean() + 60, "the toy translator turns bright to dark"


def test_a_zip_and_a_folder_of_two_phases_are_studies_of_two_frames(
    visiting: Callable[..., Visit], served: Served, cine: nib.Nifti1Image, tmp_path: Path
) -> None:
    folder = tmp_path / "patient <b>A"
    folder.mkdir()
    for name, frame in (("ED", 0), ("ES", 2)):
        nib.save(nib.Nifti1Image(np.asarray(cine.dataobj)[..., frame], cine.affine), folder / f"{name}.nii.gz")
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as packed:
        for path in sorted(folder.iterdir()):
            packed.write(path, path.name)
    visit = visiting(served)
    functions = []
    for what, name in ((tmp_path / "study.zip", "study.zip"), (folder, "patient <b>A (2 files)")):
        visit.drop(what)
        expect(visit.at("#study-name")).to_have_text(name)
        visit.segmented(2)
        functions.append(visit.measure("LV EF"))
    assert functions[0] == functions[1] > 30


def test_what_is_no_study_or_too_large_is_refused_in_words(
    visiting: Callable[..., Visit], small: Served, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("no images here")
    (tmp_path / "large.nii").write_bytes(bytes(3 << 20))
    visit = visiting(small, expected="Failed to load resource")
    visit.drop(tmp_path / "notes.txt")
    expect(visit.at("#error")).to_contain_text("drop a NIfTI file")
    visit.drop(tmp_path / "large.nii")
    expect(visit.at("#error")).to_contain_text("large.nii has 3 MiB, more than the 2 MiB")
    assert sum("/api/cases" in url for url in visit.requests) == 1, "what is too large was sent all the same"


def test_a_killed_worker_is_told_and_the_work_can_be_done_again(
    visiting: Callable[..., Visit], small: Served, hostile: Path
) -> None:
    def freeze_and_go_on(route: Route) -> None:
        os.kill(small.workers()[0], signal.SIGSTOP)
        route.continue_()

    visit = visiting(small)
    visit.page.route("**/segment?*", freeze_and_go_on)
    visit.drop(hostile)
    expect(visit.at("canvas")).to_have_count(1)  # the image is there before any mask
    os.kill(small.workers()[0], signal.SIGKILL)
    expect(visit.at("#finished")).to_contain_text("try again")
    visit.page.unroute("**/segment?*")
    visit.at("#retry").click()
    visit.segmented(len(RADII))
    expect(visit.at("#retry")).to_be_hidden()
    assert min(visit.outlined().values()) > 100


def test_the_sample_by_keyboard_in_a_narrow_window(visiting: Callable[..., Visit], served: Served) -> None:
    visit = visiting(served)
    visit.page.set_viewport_size({"width": 360, "height": 740})
    assert "#" not in visit.page.url, "the token is in the address bar"
    expect(visit.at(".research")).to_be_in_viewport()
    press = visit.page.keyboard.press
    visit.tab_to("sample")
    press("Enter")
    expect(visit.at("#finished")).to_contain_text("frames in", timeout=2 * PATIENCE_MS)
    expect(visit.at("#pictures")).to_be_focused()
    expect(visit.at("#warnings")).to_contain_text("Mask to look at")  # the small network knows no hearts
    slice_then = visit.at("#slice-said").inner_text()
    for key in ("ArrowDown", "ArrowRight", "d", "1"):
        press(key)
    expect(visit.at("#slice-said")).not_to_have_text(slice_then)
    expect(visit.at("#phases")).to_contain_text("ED: frame 2")
    expect(visit.at("#show-LV")).not_to_be_checked()
    visit.tab_to("show-card")
    press("Enter")
    expect(visit.at("#card-text h2")).to_have_text("A toy")
    press("Escape")
    expect(visit.at("#card")).to_be_hidden()
    for scheme in ("light", "dark"):
        visit.page.emulate_media(color_scheme=scheme)
        visit.page.wait_for_timeout(300)  # colours change by degrees
        assert faint(visit.page) == []
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 360
    expect(visit.at(".research")).to_be_in_viewport()


def test_a_card_becomes_elements_and_its_markup_text(visiting: Callable[..., Visit], served: Served) -> None:
    card = "# T\n\na **b** `c`\nd <img src=x>\n\n| e | f |\n|---|---|\n| g | h |\n- i\n- j\n"
    made = visiting(served).page.evaluate(
        "async (card) => (await import('/static/card.js')).blocksOf(card).map((one) => one.outerHTML).join('')", card
    )
    assert made == (
        "<h2>T</h2><p>a <strong>b</strong> <code>c</code> d &lt;img src=x&gt;</p>"
        "<table><thead><tr><th>e</th><th>f</th></tr></thead><tbody><tr><td>g</td><td>h</td></tr></tbody></table>"
        "<ul><li>i</li><li>j</li></ul>"
    )


def test_a_slice_lies_the_same_way_round_however_the_file_runs(visiting: Callable[..., Visit], served: Served) -> None:
    """All eight ways to store a plane; then files that lost their axes, which the ventricles put right."""
    first, second = affine_of()[:3, :2].T / SPACING[0]
    stored = [(s * a, t * b) for a, b in ((first, second), (second, first)) for s in (1, -1) for t in (1, -1)]
    page = visiting(served).page
    for axes in stored:
        (a, b), (c, d) = page.evaluate(
            "async (axes) => (await import('/static/orientation.js')).uprightOrientation(axes)",
            [axis.tolist() for axis in axes],
        )
        np.testing.assert_allclose(a * axes[0] + b * axes[1], first, atol=1e-6)
        np.testing.assert_allclose(c * axes[0] + d * axes[1], second, atol=1e-6)
    for right in ([30, 0], [-30, 0], [0, 30], [0, -30]):
        across, _ = page.evaluate(
            """async (RV) => (await import('/static/orientation.js'))
                 .withRightVentricleLeft([[1, 0], [0, 1]], {LV: [0, 0], RV})""",
            right,
        )
        assert np.dot(across, right) == -30
    lost = page.evaluate(
        "async (axes) => (await import('/static/orientation.js')).tellsPatient(axes)",
        [[-1, 0, 0], [0, -1, 0], [0, 0, 1]],
    )
    assert not lost
