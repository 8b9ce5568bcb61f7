"""What a study would cost: work by hand, rates from records, and the time that a chain of jobs takes at least."""

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cmrbridge.errors import InputError
from cmrbridge.plan.cohorts import Cohorts
from cmrbridge.plan.estimate import UNRECORDED, costs_of, read_rates, told, wall_seconds
from cmrbridge.plan.jobs import Job
from cmrbridge.plan.rates import START, measured_jobs, rates_of
from cmrbridge.plan.work import work_of

ROOT = Path(__file__).parents[3]
PHANTOM = {"cohort": {"scanners": ["aurora", "borealis"], "subjects": 50}}
SPLITS = {"aurora": {"dataset": "cohort", "where": {"scanner": "aurora"}, "train": 0.6, "val": 0.2}}
LOOP = {"steps": 100, "batch": 16}


def job(rule: str, folder: str = "results/s/x", **told: Any) -> Job:
    parts = {"wildcards": {}, "params": {}, "inputs": ()} | told
    return Job(rule, folder, **parts)


INGEST = job(
    "ingest", wildcards={"dataset": "cohort"}, params={"settings": {"size": 64, "reader": "acdc"}}, inputs=("files",)
)


def segmenter(steps: int, **told: Any) -> Job:
    settings = {"loop": {"steps": steps}, "batch": 16, "adversarial": None}
    return job("train_segmenter", wildcards={"architecture": "unet2d"}, params={"settings": settings}, **told)


def test_work_is_what_the_params_ask_for(tmp_path: Path) -> None:
    train = job("train_masks", "results/s/m/train", params={"settings": {**LOOP, "fold": 4, "channels": [48, 64]}})
    inputs = ("results/s/data/aurora/training.npz", "results/s/m/train/model.safetensors")
    sample = job("sample_masks", params={"settings": {"calls": 20, "ratio": 2.0}}, inputs=inputs)
    cohorts = Cohorts(tmp_path, PHANTOM, SPLITS)
    works = work_of([INGEST, train, sample, segmenter(100), job("gather")], cohorts)
    call = (16**2 * 48**2 + 8**2 * 64**2) / 1e9  # 64 pixels folded by 4, then halved
    expected = [100, 100 * 16 * call, 30 * 2.0 * 20 * call, 100 * 16 * 64**2 / 1e6, 1]
    assert [work.amount for work in works] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("architecture", "mirror", "augmentation", "passes"),
    [
        ("nnunet2d", True, "own", 4),
        ("nnunet3d", True, "own", 8),
        ("nnunet3d", False, "own", 1),
        ("nnunet2d", True, "none", 1),
    ],
)
def test_nnunet_segments_an_image_once_for_every_way_to_mirror_it(
    tmp_path: Path, architecture: str, mirror: bool, augmentation: str, passes: int
) -> None:
    told = {"architecture": architecture, "mirror": mirror, "augmentation": augmentation}
    settings = told | {"epochs": 1, "iterations": 1, "memory_gb": 1}
    train = job("train_nnunet", "results/s/n", wildcards={"architecture": architecture}, params={"settings": settings})
    inputs = ("results/s/n/model.safetensors", "results/s/data/aurora/test.npz")
    works = work_of([INGEST, train, job("predict_nnunet", inputs=inputs)], Cohorts(tmp_path, PHANTOM, SPLITS))
    assert works[-1].amount == pytest.approx(10 * passes * 64**2 / 1e6)


def test_subjects_are_counted_where_they_were_split_and_foretold_where_not(tmp_path: Path) -> None:
    cohorts = Cohorts(tmp_path, PHANTOM, {**SPLITS, "few": {**SPLITS["aurora"], "train_subjects": 7}})
    assert [cohorts.subjects("aurora", part) for part in ("train", "val", "test")] == [30, 10, 10]
    assert cohorts.subjects("few", "train") == 7
    (tmp_path / "data/aurora").mkdir(parents=True)
    (tmp_path / "data/aurora/split.csv").write_text("subject,split\na,train\nb,train\nc,test\n")
    assert [cohorts.subjects("aurora", part) for part in ("train", "val", "test")] == [2, 0, 1]


def test_a_manifest_is_counted_by_what_a_domain_selects(tmp_path: Path) -> None:
    rows = [f"s{index},{phase},{'A' if index < 6 else 'B'}" for index in range(10) for phase in ("ED", "ES")]
    (tmp_path / "manifest.csv").write_text("\n".join(["subject,phase,vendor", *rows]))
    split = {"dataset": "ours", "where": {"vendor": "A"}, "train": 0.5, "val": 0.2}
    cohorts = Cohorts(tmp_path / "nothing", {"ours": {"reader": "manifest", "path": tmp_path}}, {"a": split})
    assert cohorts.of_dataset("ours") == 10
    assert [cohorts.subjects("a", part) for part in ("train", "val", "test")] == [3, 1, 2]


def write_record(folder: Path, one: Job, wall: float, **benchmark: float) -> None:
    home = folder.parent.parent / one.folder
    home.mkdir(parents=True)
    record = {"rule": one.rule, "wildcards": dict(one.wildcards), "params": dict(one.params)}
    record["inputs"] = dict.fromkeys(one.inputs, "")
    (home / "record.json").write_text(
        json.dumps(
            record
            | {
                "device": {"gpu": "cuda:0"}.get(one.device, "cpu"),
                "wall_seconds": wall,
                "sessions": int(benchmark.pop("sessions", 1)),
            }
        )
    )
    if benchmark:
        pd.DataFrame([benchmark]).to_csv(home / "benchmark.tsv", sep="\t", index=False)


def test_a_rate_is_processor_time_beyond_the_start_over_work(tmp_path: Path) -> None:
    """Of a training in two sessions the benchmark knows the last: half busy there, half busy all the time."""
    study = tmp_path / "results" / "s"
    write_record(study, INGEST, 1.0)
    write_record(study, segmenter(100, folder="results/s/one"), 100.0, s=110.0, cpu_time=START["torch"] + 20)
    write_record(study, segmenter(300, folder="results/s/two"), 136.0, s=10.0, cpu_time=5.0, sessions=2)
    row = rates_of([study]).set_index("rule").loc["train_segmenter"]
    work = (100 + 300) * 16 * 64**2 / 1e6
    assert row.seconds_per_unit == pytest.approx((20 + 136 / 2 - START["torch"]) / work)
    assert row.jobs == 2


def test_a_gpu_is_held_for_wall_time_whatever_the_processors_did(tmp_path: Path) -> None:
    study = tmp_path / "results" / "s"
    write_record(study, INGEST, 1.0)
    write_record(study, segmenter(100, folder="results/s/idle", device="gpu"), 100.0, s=110.0, cpu_time=20.0)
    write_record(study, segmenter(100, folder="results/s/loading", device="gpu"), 100.0, s=110.0, cpu_time=880.0)
    row = rates_of([study]).set_index(["rule", "device"]).loc[("train_segmenter", "gpu")]
    assert row.seconds_per_unit == pytest.approx(100 / (100 * 16 * 64**2 / 1e6))


def test_what_was_measured_is_what_is_foretold_for_the_same_study(tmp_path: Path) -> None:
    study = tmp_path / "results" / "s"
    ones = [segmenter(steps, folder=f"results/s/{steps}") for steps in (100, 200, 400)]
    for one, seconds in zip([INGEST, *ones], (1.0, 30.0, 52.0, 96.0)):
        write_record(study, one, seconds, s=seconds, cpu_time=START["torch"] + seconds)
    costs = costs_of([*ones, job("draw_gap", folder="results/s/paper")], [INGEST], rates_of([study]))
    measured = measured_jobs(study).query("rule == 'train_segmenter'").seconds.sum()
    assert costs.seconds.sum() == pytest.approx(measured + UNRECORDED)


def test_time_on_cores_is_the_longest_chain_or_the_share() -> None:
    jobs = [job("a"), job("b", needs=(0,)), job("c", needs=(1,)), job("d")]
    assert wall_seconds(jobs, [10, 20, 30, 4], 8, gpus=1) == 60
    assert wall_seconds(jobs, [10, 20, 30, 100], 1, gpus=1) == 160


def test_jobs_on_a_gpu_wait_for_it_however_many_cores_there_are() -> None:
    jobs = [job("train", device="gpu") for _ in range(6)] + [job("score")]
    assert wall_seconds(jobs, [10] * 7, 16, gpus=1) == 60
    assert wall_seconds(jobs, [10] * 7, 16, gpus=3) == 20


def test_a_device_without_a_rate_is_named_not_guessed() -> None:
    rates = read_rates(ROOT / "resources" / "rates.tsv")
    waiting = [segmenter(100, folder="results/s/one", device="gpu"), segmenter(100, folder="results/s/two")]
    costs = costs_of(waiting, [INGEST], rates)
    assert costs.seconds.isna().tolist() == [True, False]
    assert "Not counted, as no rate is recorded on their device (gpu): 1 train_segmenter." in told(waiting, costs, 2, 1)


@pytest.mark.parametrize(("python", "times"), [("nowhere", 1), (sys.executable, 0), (None, 0)])
def test_an_environment_that_is_still_to_be_made_is_told_once(python: str | None, times: int) -> None:
    waiting = [segmenter(100, folder=f"results/s/{name}", python=python) for name in ("one", "two")]
    costs = costs_of(waiting, [INGEST], read_rates(ROOT / "resources" / "rates.tsv"))
    assert told(waiting, costs, 2, 1).count("run `make nnunet-env` before the study") == times


def test_a_table_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rates.tsv").write_text("rule\tseconds\n")
    with pytest.raises(InputError, match=r"rates\.tsv.*seconds_per_unit.*cmrbridge rates"):
        read_rates(tmp_path / "rates.tsv")
    with pytest.raises(InputError, match=r"no record\.json"):
        rates_of([tmp_path])
