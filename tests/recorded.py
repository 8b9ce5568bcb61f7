"""What the jobs of a small finished study leave on disk: tables, records, a report; for tests that follow records."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from cmrbridge.evaluation.frames import COLUMNS

ARMS, SEEDS = ("classic", "dann"), (0, 1)


def write_record(path: Path, rule: str, inputs: dict[str, str], wildcards: dict[str, str], **params: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "job": " ".join([rule, *(f"{key}={value}" for key, value in wildcards.items())]),
        "rule": rule,
        "wildcards": wildcards,
        "params": {"code": f"code-of-{rule}", **params},
        "inputs": inputs,
        "started": "2026-11-20T10:00:00+00:00",
        "wall_seconds": 90.5,
        "git_commit": "0123456789abcdef",
        "device": "cpu",
        "device_name": "A Processor",
        "precision": "float32",
        "peak_memory_mb": 310.0,
        "versions": {"python": "3.11.7", "torch": "2.13.0"},
    }
    path.write_text(json.dumps(about))


def write_file(path: Path, text: str = "…") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def finished(results: Path) -> Path:
    """A study with two arms of two seeds on one source and one target, of real scans; gives ``results``."""
    here = f"results/{results.name}"
    write_record(results / "ingest/acdc/record.json", "ingest", {"/scans/acdc": "5ca9"}, {"dataset": "acdc"},
                 settings={"dataset": "acdc", "licence": "CC BY-NC-SA 4.0"})  # fmt: skip
    write_record(results / "data/acdc/record.json", "split_domain", {f"{here}/ingest/acdc/prepared.npz": "9e9a"},
                 {"domain": "acdc"}, settings={"seed": 0})  # fmt: skip
    rows = [row for arm in ARMS for seed in SEEDS for row in run(results, arm, seed)]
    cases = pd.DataFrame(rows, columns=list(COLUMNS))
    write_file(results / "evaluation/cases.csv", cases.to_csv(index=False))
    parts = [f"{here}/evaluation/runs/s/{arm}/unet2d/seed-{seed}/cases.csv" for arm in ARMS for seed in SEEDS]
    write_record(results / "evaluation/gather.record.json", "gather", dict.fromkeys(parts, "ca5e"), {})
    compared = {"source": "acdc", "target": "sunny", "architecture": "unet2d", "structure": "mean", "metric": "dice",
                "arm": "dann", "baseline": "classic", "difference": 0.02}  # fmt: skip
    write_file(results / "evaluation/comparisons.csv", pd.DataFrame([compared]).to_csv(index=False))
    inputs = {f"{here}/evaluation/cases.csv": "7ab1e"}
    write_record(results / "evaluation/compare.record.json", "compare", inputs, {})
    write_file(results / "evaluation/claims.csv", pd.DataFrame([compared | {"words": "who"}]).to_csv(index=False))
    write_record(results / "evaluation/compare_claims.record.json", "compare_claims", inputs, {})
    dice = [{"source": "acdc", "target": "sunny", "architecture": "unet2d", "arm": arm, "mean": 0.8} for arm in ARMS]
    numbers = {"comparisons": 1, "seeds": dict.fromkeys(ARMS, 2), "primary": [compared], "dice": dice,
               "claims": [compared | {"claim": "against classic"}]}  # fmt: skip
    write_file(results / "paper/tables/numbers.json", json.dumps(numbers))
    write_file(results / "paper/report.html", "<pre>make</pre><details><pre>study: &#39;s&#39;</pre></details>")
    for name in ("paper/figures/gap.png", "paper/figures/overlays/sunny.png", "ingest/acdc/qc.png"):
        write_file(results / name)
    return results


def run(results: Path, arm: str, seed: int) -> list[tuple[Any, ...]]:
    """One run's training, prediction and scores on disk; its rows of the table of cases."""
    here, name = f"results/{results.name}", f"s/{arm}/unet2d/seed-{seed}"
    keys = {"scenario": "s", "arm": arm, "architecture": "unet2d", "seed": str(seed)}
    inputs = {f"{here}/data/acdc/training.npz": "bacc", f"{here}/data/.ready": "0"}
    write_record(results / "segmentation" / name / "record.json", "train_segmenter", inputs, keys, seed=seed)
    write_file(results / "segmentation" / name / "model.safetensors", f"weights of {name}")
    inputs = {f"{here}/segmentation/{name}/model.safetensors": f"3e1{seed}", f"{here}/data/acdc/test.npz": "7e57"}
    write_record(results / "predictions" / name / "record.json", "predict", inputs, keys)
    inputs = {f"{here}/predictions/{name}/files": f"f11e{seed}", f"{here}/ingest/acdc/subjects.csv": "5b1"}
    identity = {"study": "s", "source": "acdc", "arm": arm, "architecture": "unet2d", "seed": seed}
    scores = results / "evaluation/runs" / name
    write_record(scores / "record.json", "evaluate", inputs, keys, identity=identity)
    place = ("s", "acdc", "sunny", arm, "unet2d", seed)
    return [(*place, subject, "ED", "LV", "whole", "dice", 0.8) for subject in ("p1", "p2")]
