"""Scores gathered over machines and sessions: runs are told apart by what was done, not by where."""

import json
from pathlib import Path

import pandas as pd
import pytest

from cmrbridge.errors import InputError
from cmrbridge.evaluation.frames import COLUMNS, read_cases
from cmrbridge.paper.scores import write_scores


def run(results: Path, arm: str, seed: int, *, dice: float = 0.9, steps: int = 100, network: str = "classic") -> Path:
    """What the jobs of one run leave: pack, model, prediction, scores, each with its record."""
    name = f"scanners/{{}}/unet2d/seed-{seed}"
    pack = results / "data" / "aurora"
    segmenter = results / "segmentation" / name.format(network)
    predicted = results / "predictions" / name.format(arm)
    scored = results / "evaluation" / "runs" / name.format(arm)
    inside = f"results/{results.name}"
    write(pack, "split_domain", {"code": "p"}, {"/scans/of/this/machine": "raw"})
    write(segmenter, "train_segmenter", {"code": "t", "seed": seed, "settings": {"steps": steps}},
          {f"{inside}/data/aurora/training.npz": "packed"}, {"arm": network, "seed": str(seed)})  # fmt: skip
    curve = [{"step": 50, "total": 100, "val_dice": 0.8}, {"step": 100, "total": 100, "val_dice": 0.81}]
    (segmenter / "metrics.jsonl").write_text("\n".join(map(json.dumps, curve)))
    write(predicted, "predict", {"code": "q"}, {f"{inside}/{segmenter.relative_to(results)}/model.safetensors": "w"})
    write(scored, "evaluate", {"code": "e", "identity": {"source": "aurora", "arm": arm, "architecture": "unet2d",
          "seed": seed}}, {f"{inside}/{predicted.relative_to(results)}/files": str(dice)})  # fmt: skip
    row = ("s", "aurora", "dusk", arm, "unet2d", seed, "d01", "ED", "LV", "whole", "dice", dice)
    pd.DataFrame([row], columns=list(COLUMNS)).to_csv(scored / "cases.csv", index=False)
    return results


def write(folder: Path, rule: str, params: dict, inputs: dict, wildcards: dict | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    keys = {"scenario": "scanners", "architecture": "unet2d", **(wildcards or {})}
    record = {"rule": rule, "params": params, "inputs": inputs, "wildcards": keys, "git_commit": "0123456789"}
    (folder / "record.json").write_text(json.dumps({**record, "device": "cpu", "device_name": "a", "wall_seconds": 1}))


def test_seeds_of_two_machines_stand_in_one_table(tmp_path: Path) -> None:
    here, there = tmp_path / "here" / "results" / "s", tmp_path / "there" / "results" / "s"
    run(here, "classic", 0), run(there, "classic", 1), run(there, "da", 1)
    cases, runs = write_scores(tmp_path / "scores", [here, there])
    assert list(zip(runs.arm, runs.seed)) == [("classic", 0), ("classic", 1), ("da", 1)]
    assert list(runs.trained_as) == ["classic"] * 3
    assert runs.late_gain.tolist() == pytest.approx([0.01] * 3)
    pd.testing.assert_frame_equal(read_cases(tmp_path / "scores" / "cases.csv.xz"), cases)


def test_a_bundle_grows_and_what_it_has_is_not_taken_again(tmp_path: Path) -> None:
    first, again = tmp_path / "a" / "results" / "s", tmp_path / "b" / "results" / "s"
    run(first, "classic", 0, dice=0.9), run(again, "classic", 0, dice=0.7), run(again, "classic", 1, dice=0.8)
    write_scores(tmp_path / "scores", [first])
    cases, _ = write_scores(tmp_path / "scores", [tmp_path / "scores", again])
    assert cases.value.tolist() == [0.9, 0.8]


@pytest.mark.parametrize("same_seed", [True, False])
def test_runs_that_did_something_else_are_refused_with_their_seeds(tmp_path: Path, same_seed: bool) -> None:
    short, long = tmp_path / "a" / "results" / "s", tmp_path / "b" / "results" / "s"
    run(short, "classic", 0), run(long, "classic", 0 if same_seed else 1, steps=200)
    with pytest.raises(InputError, match=r"classic unet2d: .*seed 0 scored by .*commit 0123456.*run again"):
        write_scores(tmp_path / "scores", [short, long])
    assert not (tmp_path / "scores").exists()


def test_what_is_no_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{tmp_path}: no scored run"):
        write_scores(tmp_path / "scores", [tmp_path])


def test_a_lost_record_of_a_training_is_named(tmp_path: Path) -> None:
    results = run(tmp_path / "results" / "s", "classic", 0)
    (results / "segmentation/scanners/classic/unet2d/seed-0/record.json").unlink()
    with pytest.raises(InputError, match="no record of train_nnunet or train_segmenter"):
        write_scores(tmp_path / "scores", [results])
