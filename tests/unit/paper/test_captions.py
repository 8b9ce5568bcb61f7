"""The n of a caption is counted from the study's tables."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from cmrbridge.data import picture
from cmrbridge.paper import captions
from cmrbridge.paper.captions import captioned


def table(folder: Path) -> Path:
    """Thirty subjects at two phases."""
    rows = [
        {"dataset": "d", "subject": f"p{index:02}", "phase": phase} for index in range(30) for phase in ("ED", "ES")
    ]
    pd.DataFrame(rows).to_csv(folder / "subjects.csv", index=False)
    return folder / "subjects.csv"


def test_a_gallery_counts_the_cases_that_it_shows(tmp_path: Path) -> None:
    study = SimpleNamespace(files=SimpleNamespace(subjects=[table(tmp_path)]))
    figure = {"caption": "The data.", "counted": {"data": "d"}}
    assert captioned(figure, study) == "The data. n = 24 of 60 cases (a subject at a phase), 24 of 30 subjects."
    assert captions.TILES == picture.TILES


def test_a_page_counts_what_it_shows_of_the_scores() -> None:
    keys = {"study": "s", "source": "home", "arm": "real"}
    rows = [{**keys, "architecture": network, "target": target, "subject": subject, "seed": seed}
            for network, seeds in (("a", 3), ("b", 1)) for seed in range(seeds)
            for target, people in (("far", "pq"), ("near", "r")) for subject in people]  # fmt: skip
    study = SimpleNamespace(cases=pd.DataFrame(rows))
    figure = {"caption": "A page.", "counted": {"scores": {"target": "far", "architecture": "a"}}}
    assert captioned(figure, study) == "A page. Study s; test subjects: far 2; training runs per arm: 3."
    assert captioned({"caption": "None."}, study) == "None."


def test_a_gallery_of_slices_counts_the_labelled_subjects_that_they_are_of() -> None:
    rows = [
        ("near", "train", "p", "LV MYO RV"),
        ("near", "val", "q", "LV"),
        ("near", "train", "r", ""),
        ("far", "test", "s", "LV"),
    ]
    study = SimpleNamespace(scans=pd.DataFrame(rows, columns=["domain", "split", "subject", "annotated"]))
    shown = {"labelled": "near", "splits": ["train", "val"], "shown": "At most 12 slices, evenly spread over those"}
    figure = {"caption": "Before.", "counted": shown}
    told = "At most 12 slices, evenly spread over those of n = 2 training and validation subjects of near."
    assert captioned(figure, study) == f"Before. {told}"
    figure["counted"] = shown | {"whole": True}
    assert "n = 1 training and validation subjects" in captioned(figure, study), "q has one structure of three"
