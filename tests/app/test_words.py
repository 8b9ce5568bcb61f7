"""What the page says of images that it does not know, and to whoever it does not know."""

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from playwright.sync_api import expect

from browsing import Visit
from serving import Served

pytestmark = pytest.mark.whole


def test_images_unlike_the_training_are_warned_of(
    visiting: Callable[..., Visit], served: Served, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 1000, (64, 64, 3)).astype(np.int16)
    nib.save(nib.Nifti1Image(noise, np.diag([2.0, 2.0, 8.0, 1.0])), tmp_path / "noise.nii")
    visit = visiting(served)
    visit.drop(tmp_path / "noise.nii")
    expect(visit.at("#warnings")).to_contain_text("Unlike the training images")
    assert "look at every outline" in visit.at("#warnings").inner_text()


def test_a_page_without_its_token_is_told_where_to_get_it(visiting: Callable[..., Visit], served: Served) -> None:
    visit = visiting(served, expected="Failed to load resource")
    visit.page.goto(f"http://127.0.0.1:{served.port}/static/icon.svg")
    visit.page.evaluate("sessionStorage.clear()")
    visit.page.goto(f"http://127.0.0.1:{served.port}/")
    expect(visit.at("#error")).to_contain_text("open the address that cmrbridge printed")
    assert visit.at("#study").is_hidden()
