"""Scores gathered over machines and sessions: runs are told apart by what was done, not by where."""

import json
from pathlib import Path

import pandas as pd
import pytest

from cmrbridge.errors import InputError
from cmrbridge.evaluation.frames import COLUMNS, read_cases
from cmrbridge.paper import scores as module
from cmrbridge.paper.scores import read_bundle, write_scores


def run(
    results: Path,
    arm: str,
    seed: int,
    *,
    dice: float = 0.9,
    steps: int = 100,
    network: str = "classic",
    ready: str = "all domains",
    commit: str | None = "0123456789",
    study: str = "s",
) -> Path:
    """What the jobs of one run leave: pack, model, prediction, scores, each with its record."""
    name = f"scanners/{{}}/unet2d/seed-{seed}"
    pack = results / "data" / "aurora"
    segmenter = results / "segmentation" / name.format(network)
    predicted = results / "predictions" / name.format(arm)
    scored = results / "evaluation" / "runs" / name.format(arm)
    inside = f"results/{results.name}"
    packed = {f"{inside}/data/aurora/training.npz": "packed", f"{inside}/data/.ready": ready}
    write(pack, "split_domain", {"code": "p"}, {"/scans/of/this/machine": "raw"})
    write(segmenter, "train_segmenter", {"code": "t", "seed": seed, "settings": {"steps": steps}},
          packed, {"arm": network, "seed": str(seed)}, commit)  # fmt: skip
    curve = [{"step": 50, "total": 100, "val_dice": 0.8}, {"step": 100, "total": 100, "val_dice": 0.81}]
    (segmenter / "metrics.jsonl").write_text("\n".join(map(json.dumps, curve)))
    write(predicted, "predict", {"code": "q"}, {f"{inside}/{segmenter.relative_to(results)}/model.safetensors": "w"})
    identity = {"study": study, "source": "aurora", "arm": arm, "architecture": "unet2d", "seed": seed}
    write(scored, "evaluate", {"code": "e", "identity": identity},
          {f"{inside}/{predicted.relative_to(results)}/files": str(dice)})  # fmt: skip
    row = (study, "aurora", "dusk", arm, "unet2d", seed, "d01", "ED", "LV", "whole", "dice", dice)
    pd.DataFrame([row], columns=list(COLUMNS)).to_csv(scored / "cases.csv", index=False)
    return results


def write(
    folder: Path, rule: str, params: dict, inputs: dict, wildcards: dict | None = None, commit: str | None = None
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    keys = {"scenario": "scanners", "architecture": "unet2d", **(wildcards or {})}
    record = {"rule": rule, "params": params, "inputs": inputs, "wildcards": keys, "git_commit": commit}
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
    differ = r"train_segmenter segmentation/scanners/classic/unet2d/seed settings\.steps: 100 / 200\. Keep"
    with pytest.raises(InputError, match=rf"classic unet2d: seed 0 by .*commit 0123456.* no method: {differ}"):
        write_scores(tmp_path / "scores", [short, long])
    assert not (tmp_path / "scores").exists()
    write_scores(tmp_path / "scores", [short])
    with pytest.raises(InputError, match=differ):
        write_scores(tmp_path / "scores", [long])
    (tmp_path / "scores" / "recipes.csv.xz").unlink()  # as a bundle of before
    with pytest.raises(InputError, match="not on record"):
        write_scores(tmp_path / "scores", [long])


def test_an_arm_that_brought_new_domains_changes_no_recipe(tmp_path: Path) -> None:
    before, after = tmp_path / "a" / "results" / "s", tmp_path / "b" / "results" / "s"
    run(before, "classic", 0), run(after, "classic", 1, ready="all domains and two more")
    assert write_scores(tmp_path / "scores", [before, after])[1].recipe.nunique() == 1


def test_raw_data_of_another_content_is_another_recipe(tmp_path: Path) -> None:
    here, there = run(tmp_path / "a/results/s", "classic", 0), run(tmp_path / "b/results/s", "classic", 1)
    write(there / "data/aurora", "split_domain", {"code": "p"}, {"/scans/of/that/machine": "newer"})
    with pytest.raises(InputError, match="split_domain data/aurora raw data: raw / newer"):
        write_scores(tmp_path / "scores", [here, there])


def test_scores_of_two_studies_are_refused(tmp_path: Path) -> None:
    one, other = tmp_path / "a" / "results" / "s", tmp_path / "b" / "results" / "t"
    run(one, "classic", 0), run(other, "classic", 1, study="t")
    with pytest.raises(InputError, match=r"scores of 2 studies \(s, t\); give each its own folder"):
        write_scores(tmp_path / "scores", [one, other])


def test_a_results_folder_may_be_renamed_or_stood_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = run(tmp_path / "results" / "s", "classic", 0)
    recipe = write_scores(tmp_path / "scores", [results])[1].recipe.item()
    moved = results.rename(tmp_path / "from_the_gpu")
    monkeypatch.chdir(moved)
    for part in (moved, Path()):
        assert write_scores(tmp_path / "again", [part])[1].recipe.item() == recipe


def test_jobs_without_a_commit_are_told_as_such(tmp_path: Path) -> None:
    results = run(tmp_path / "a/results/s", "classic", 0, commit=None)
    write_scores(tmp_path / "scores", [results])
    assert read_bundle(tmp_path / "scores").runs.commit.str[:7].isna().all()
    long = run(tmp_path / "b/results/s", "classic", 1, steps=200, commit=None)
    with pytest.raises(InputError, match=r"commit –"):
        write_scores(tmp_path / "scores", [long])


@pytest.mark.parametrize("told", [True, False])
def test_a_bundle_in_the_folder_stays(tmp_path: Path, told: bool) -> None:
    first, later = run(tmp_path / "a/results/s", "classic", 0), run(tmp_path / "b/results/s", "classic", 1)
    write_scores(tmp_path / "scores", [first])
    cases, runs = write_scores(tmp_path / "scores", [later, *([tmp_path / "scores"] if told else [])])
    assert cases.seed.tolist() == runs.seed.tolist() == [0, 1]


@pytest.mark.parametrize("written", range(6))
def test_a_stop_while_writing_leaves_scores_and_runs_that_belong_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    """Three tables are written aside, then three take their places: it stops after as many of these steps."""
    first, later = run(tmp_path / "a/results/s", "classic", 0), run(tmp_path / "b/results/s", "classic", 1)
    write_scores(tmp_path / "scores", [first])
    steps = iter(range(6))

    def stopping(step):
        def stopped(*arguments):
            if next(steps) == written:
                raise KeyboardInterrupt
            return step(*arguments)

        return stopped

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_frame", stopping(module.write_frame))
        patch.setattr(Path, "replace", stopping(Path.replace))
        with pytest.raises(KeyboardInterrupt):
            write_scores(tmp_path / "scores", [later])
    left = read_bundle(tmp_path / "scores")
    assert left.cases.seed.tolist() == left.runs.seed.tolist() == [0]
    cases, runs = write_scores(tmp_path / "scores", [later])
    assert cases.seed.tolist() == runs.seed.tolist() == [0, 1]


def test_what_is_no_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{tmp_path}: no scored run"):
        write_scores(tmp_path / "scores", [tmp_path])


def test_a_lost_record_of_a_training_is_named(tmp_path: Path) -> None:
    results = run(tmp_path / "results" / "s", "classic", 0)
    (results / "segmentation/scanners/classic/unet2d/seed-0/record.json").unlink()
    with pytest.raises(InputError, match="no record of train_nnunet or train_segmenter"):
        write_scores(tmp_path / "scores", [results])


def test_a_source_may_be_called_by_a_number(tmp_path: Path) -> None:
    scores = tmp_path / "scores"
    write_scores(scores, [run(tmp_path / "results" / "s", "classic", 0)])
    (scores / "runs.csv").write_text((scores / "runs.csv").read_text().replace("aurora", "3"))
    read_cases(scores / "cases.csv.xz").assign(source="3").to_csv(scores / "cases.csv.xz", index=False)
    assert len(read_bundle(scores).cases) == 1, "the runs of source 3 are those of its cases"
