"""A small finished study: scores of four arms on the source and two targets, volumes, journals and records. And what
is asked of every figure that a test here draws: it fits a journal's page."""

import json
import shutil
from itertools import product
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from cmrbridge.evaluation.claimed import Claim, compare_claims
from cmrbridge.evaluation.comparisons import ComparisonSettings, compare_arms

GAIN = {"real": 0.0, "classic": 0.06, "synthetic": 0.075, "oracle": 0.1}
LOSS = {"aurora": 0.0, "dusk": 0.12, "eclipse": 0.2}
SUBJECTS = 6
SPACING = (1.5, 1.5, 8.0)


@pytest.fixture(autouse=True)
def fits_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 180 mm wide, nothing cut off at the edge, no type below 6 points, in every file that is saved."""
    save_file = Figure.savefig

    def measured(figure: Figure, path: Path, **options) -> None:
        save_file(figure, path, **options)  # lays the figure out
        assert "bbox_inches" not in options, "the page would not be the figure"
        width, height = figure.get_size_inches()
        assert width <= 180 / 25.4
        if path.suffix == ".pdf":  # the png of the same figure was looked at
            return
        box = figure.get_tightbbox()
        over = 25.4 * max(-box.x0, -box.y0, box.x1 - width, box.y1 - height)
        assert over < 0.5, f"{over:.1f} mm cut off"
        assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 6

    monkeypatch.setattr(Figure, "savefig", measured)


def scores() -> pd.DataFrame:
    rows = []
    draw = np.random.default_rng(0)
    for target, arm, seed, subject, phase, structure in product(
        LOSS, GAIN, range(2), range(SUBJECTS), ("ED", "ES"), ("LV", "MYO", "RV")
    ):
        keys = ("demo", "aurora", target, arm, "unet2d", seed, f"{target[0]}{subject:02}", phase, structure, "whole")
        share = 1 if target == "aurora" else 1 - GAIN[arm] / 0.12
        dice = 0.93 - 0.02 * len(structure) - LOSS[target] * share + draw.normal(0, 0.02)
        rows += [(*keys, metric, value) for metric, value in
                 {"dice": dice, "hd95": 30 * (1 - dice), "assd": 10 * (1 - dice)}.items()]  # fmt: skip
    columns = ["study", "source", "target", "arm", "architecture", "seed", "subject", "phase", "structure", "region"]
    return pd.DataFrame(rows, columns=[*columns, "metric", "value"])


def heart(radius: float) -> np.ndarray:
    x, y, _ = np.ogrid[-32:32, -28:28, 0:5]
    distance = np.hypot(x, y) + np.zeros((1, 1, 5))
    labels = np.where(distance < radius, 1, np.where(distance < radius + 5, 2, 0))
    labels[(np.hypot(x - 17, y) < 8) & (labels == 0)] = 3
    labels[..., [0, 4]] = 0
    return labels.astype(np.uint8)


def save(path: Path, voxels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([*SPACING, 1])), path)


@pytest.fixture
def pictures(study: Path) -> dict:
    """subjects and predictions as draw_overlays takes them; file codes are canonical + 10."""
    noise = np.random.default_rng(1)
    targets = {}
    for target in ("dusk", "eclipse"):
        rows = []
        for index, phase in product(range(SUBJECTS), ("ED", "ES")):
            subject = f"{target[0]}{index:02}"
            truth = heart(10 if phase == "ED" else 7)
            files = {kind: study / "files" / f"{subject}_{phase}_{kind}.nii.gz" for kind in ("image", "label")}
            save(
                files["image"], (80 * (truth == 1) + 40 * (truth == 3) + noise.normal(60, 8, truth.shape)).astype("f4")
            )
            save(files["label"], np.where(truth > 0, truth + 10, 0).astype(np.uint8))
            for arm, change in (("classic", 2), ("synthetic", 1)):
                save(study / arm / target / f"{subject}_{phase}.nii.gz", heart(8 + change))
            rows.append(
                {"dataset": "phantom", "subject": subject, "phase": phase, "vendor": "computed",
                 "centre": "", "scanner": "", "field_strength_t": "", "pathology": "DCM" if index % 2 else "",
                 "licence": "Apache-2.0", "annotated": "LV MYO RV", "cut_off": 0.01,
                 "codes": "LV=11 MYO=12 RV=13", "image_frame": "", "label_frame": "", "slice_axis": 2, **files}
                | dict(zip(("spacing_x", "spacing_y", "spacing_z"), SPACING))
            )  # fmt: skip
        table = study / f"{target}.csv"
        pd.DataFrame(rows).to_csv(table, index=False)
        targets[target] = table
    return {
        "subjects": targets,
        "predictions": {arm: study / arm for arm in ("classic", "synthetic")},
    }


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with cases.csv, comparisons.csv and claims.csv, computed once: thousands of replicates."""
    folder = tmp_path_factory.mktemp("compared")
    scores().to_csv(folder / "cases.csv", index=False)
    settings = ComparisonSettings("classic", primary_arm="synthetic", primary_target="eclipse")
    compare_arms(settings=settings, cases=folder / "cases.csv", comparisons=folder / "comparisons.csv")
    claims = [Claim("synthetic", "classic", "dice", words="who says so"), Claim("classic", "real", "hd95")]
    compare_claims(settings=settings, claims=claims, cases=folder / "cases.csv", claimed=folder / "claims.csv")
    return folder


@pytest.fixture
def study(compared: Path, tmp_path: Path) -> Path:
    """A folder with cases.csv, comparisons.csv, split.csv, runs/*.jsonl, records/*.json and duplicates.csv."""
    shutil.copytree(compared, tmp_path, dirs_exist_ok=True)
    splits = ["train"] * 5 + ["val"] * 2 + ["test"] * SUBJECTS
    table = pd.DataFrame({"subject": [f"e{i:02}" for i in range(13)], "split": splits})
    table.to_csv(tmp_path / "split.csv", index=False)
    pd.DataFrame({"kept_subject": ["a"], "dropped_subject": ["b"]}).to_csv(tmp_path / "duplicates.csv", index=False)
    (tmp_path / "runs").mkdir()
    for arm, seed in product(GAIN, range(2)):
        lines = [{"step": s, "total": 200, "loss": 1 / (1 + s / 50) + 0.02 * seed} for s in range(20, 201, 20)]
        lines[4]["val_dice"], lines[9]["val_dice"], lines[2]["loss"] = 0.7, 0.8 + GAIN[arm], None
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / "runs" / f"{arm}-{seed}.jsonl").write_text(text)
    for index, rule in enumerate(("train_segmenter", "train_segmenter", "predict")):
        record = {
            "job": f"{rule} {index}", "rule": rule, "status": "done", "started": "2025-01-01T00:00:00+00:00",
            "wall_seconds": 100.5, "peak_memory_mb": 900, "device": "cpu", "precision": "float32", "threads": 1,
            "git_commit": "abc1234", "versions": {"torch": "2.13.0", "cmrbridge": "0.1"}, "seed": 0,
            "params": {}, "inputs": {},
        }  # fmt: skip
        (tmp_path / f"record-{index}.json").write_text(json.dumps(record))
    return tmp_path
