"""An exported folder says what it holds, scores it from the chosen runs alone, and no file of it goes unchecked."""

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

from cmrbridge.errors import InputError
from cmrbridge.paper.exported import describe_export

CHOSEN = {
    "name": "accurate",
    "scenario": "away",
    "source": "home",
    "arm": "plain",
    "architecture": "unet2d",
    "training": ["home"],
    "beside": [],
    "access": "none",
    "seeds": [0, 1],
    "validation_dice": 0.9,
    "size": 64,
    "spacing_mm": 2.5,
    "slices": "single",
    "fingerprint": "f" * 64,
}
UNLIKE = {"features": "scattering", "calibration": [0.5] * 39, "limit": 0.5}
SCORES = [("home", "h2", 0, 0.9), ("home", "h2", 1, 0.8), ("away", "t1", 0, 0.6), ("away", "t1", 1, 0.8)]
OTHERS = [("away", "t1", 2, 0.0), ("away", "t2", 0, 0.5), ("away", "t2", 1, 0.5)]


ADAPT = {"method": "dda", "why": "it helped", "mean_dice_gain_under_simulated_shifts": 0.05}


def redrawing(folder: Path, graph: bytes) -> list[Path]:
    """What `translation.export` leaves; an empty graph where no method helps."""
    (folder / "adapt.onnx").write_bytes(graph)
    (folder / "adapt.json").write_text(json.dumps(ADAPT))
    return [folder / "adapt.onnx", folder / "adapt.json"]


def described(folder: Path, seeds: tuple[int, ...] = (0, 1), translator: bytes | None = None) -> Path:
    """The folder of a model of these seeds; seed 2 was trained too, and not taken."""
    (folder / "chosen.json").write_text(json.dumps({**CHOSEN, "seeds": seeds}))
    (folder / "unlike.json").write_text(json.dumps(UNLIKE))
    keys = {"scenario": "away", "arm": "plain", "architecture": "unet2d"}
    settings = {"loop": {"steps": 70}, "batch": 16}
    for seed in (2, 1, 0):
        record = {"wildcards": {**keys, "seed": str(seed)}, "params": {"settings": settings}, "git_commit": f"c{seed}"}
        (folder / f"record-{seed}.json").write_text(json.dumps({**record, "versions": {"monai": "1.6.1"}}))
    about = {
        "dataset": "set",
        "phase": "ED",
        "licence": "CC0",
        "scanner": "",
        "field_strength_t": "3.0",
        "pathology": "",
    }
    places = {"h1": ("home", "train"), "h2": ("home", "test"), "t1": ("away", "test"), "t2": ("away", "test")}
    scans = [{**about, "subject": name, "vendor": "W" if name == "t2" else "V"} for name in places]
    pd.DataFrame(scans).to_csv(folder / "subjects.csv", index=False)
    for domain in ("home", "away"):
        rows = [
            {"subject": s, "split": split, "dataset": "set"} for s, (where, split) in places.items() if where == domain
        ]
        pd.DataFrame(rows).to_csv(folder / f"{domain}.csv", index=False)
    run = {"study": "demo", "source": "home", "arm": "plain", "architecture": "unet2d", "phase": "ED"}
    rows = [{**run, "target": t, "subject": s, "seed": seed, "value": v} for t, s, seed, v in [*SCORES, *OTHERS]]
    table = pd.DataFrame(rows).assign(structure="LV", region="whole", metric="dice")
    table.to_csv(folder / "cases.csv", index=False)
    model = folder / "model"
    (model / "bundle" / "models").mkdir(parents=True)
    (model / "model.onnx").write_bytes(b"graph")
    (model / "bundle" / "models" / "seed-0.safetensors").write_bytes(b"weights")
    describe_export(
        study="demo",
        chosen=folder / "chosen.json",
        unlike=folder / "unlike.json",
        translator=[] if translator is None else redrawing(folder, translator),
        records=[folder / f"record-{seed}.json" for seed in (2, 1, 0)],
        cases=[folder / "cases.csv"],
        subjects=[folder / "subjects.csv"],
        splits={domain: folder / f"{domain}.csv" for domain in ("home", "away")},
        folder=model,
    )
    return model


def test_scores_are_those_of_the_chosen_runs_by_domain_and_vendor(tmp_path: Path) -> None:
    about = json.loads((described(tmp_path) / "model.json").read_text())
    rows = {(row["domain"], row["vendor"]): row for row in about["scores"]}
    assert {key: row["dice"] for key, row in rows.items()} == {
        ("home", "V"): 0.85,
        ("away", "V"): 0.7,
        ("away", "W"): 0.5,
    }
    assert rows["away", "V"] == {
        "domain": "away", "vendor": "V", "n": 1, "dice": 0.7, "lv": 0.7, "myo": None, "rv": None, "hd95": None
    }  # fmt: skip
    assert (about["licences"], about["trained_on"]) == (["CC0"], "1 subject of home (vendor V, 3.0 T)")
    assert about["image"] == {"size": 64, "spacing_mm": 2.5, "percentiles": [0.5, 99.5]}
    assert about["unlike"] == UNLIKE


def test_no_file_goes_unchecked(tmp_path: Path) -> None:
    model = described(tmp_path)
    digests = json.loads((model / "checksums.json").read_text())
    files = [path for path in model.rglob("*") if path.is_file() and path.name != "checksums.json"]
    assert digests == {
        path.relative_to(model).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }
    assert {"bundle/configs/metadata.json", "bundle/models/seed-0.safetensors", "card.md"} <= digests.keys()


def test_the_card_of_an_average_says_that_the_average_was_not_scored(tmp_path: Path) -> None:
    text = (described(tmp_path) / "card.md").read_text()
    for expected in (
        "The average of 2 networks",
        "seeds 0, 1",
        "their average, which this model gives, was not scored",
        "| away | V | 1 | 0.700 |",
        "| home | set | CC0 | 1 | 0 | V |",
        "Code c0.",
        "Research only",
        "(39 subjects): of others of the same scanners about 5% would",
    ):
        assert expected in text


def test_the_card_of_one_network_does_not(tmp_path: Path) -> None:
    text = (described(tmp_path, seeds=(1,)) / "card.md").read_text()
    assert "not scored" not in text
    assert "| away | V | 1 | 0.800 |" in text
    assert "Code c1." in text


def test_a_choice_of_which_no_record_tells_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no record of the training .*'seed': '7'"):
        described(tmp_path, seeds=(7,))


def test_a_translator_goes_along_and_one_that_does_not_help_stays(tmp_path: Path) -> None:
    for name in ("with", "without"):
        (tmp_path / name).mkdir()
    model = described(tmp_path / "with", translator=b"redraws")
    assert json.loads((model / "model.json").read_text())["adapt"] == ADAPT
    assert "adapt.onnx" in json.loads((model / "checksums.json").read_text())
    assert "mean Dice +0.050" in (model / "card.md").read_text()
    model = described(tmp_path / "without", translator=b"")
    assert "adapt" not in json.loads((model / "model.json").read_text())
    assert not (model / "adapt.onnx").exists()
