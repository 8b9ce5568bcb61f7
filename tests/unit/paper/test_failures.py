"""What is called missed, worst and unsettled, on tables small enough to count by hand."""

import pandas as pd

from cmrbridge.paper.failures import failure_sentences, missed, worst_cases
from cmrbridge.paper.records import Training

RUN = {"study": "s", "source": "a", "target": "b", "arm": "plain", "architecture": "unet2d", "seed": 0}


def rows(subject: str, structure: str = "LV", phase: str = "ED", **metrics: float) -> list[dict]:
    keys = {**RUN, "subject": subject, "phase": phase, "structure": structure, "region": "whole"}
    return [{**keys, "metric": metric, "value": value} for metric, value in metrics.items()]


def test_a_missed_structure_is_told_by_its_volumes() -> None:
    cases = pd.DataFrame(
        [
            *rows("found", dice=0.9, volume_ml=100, volume_error_ml=5),
            *rows("absent", dice=0, volume_ml=0, volume_error_ml=-90),
            *rows("beside", dice=0, volume_ml=40, volume_error_ml=-50),
            *rows("invented", dice=0, volume_ml=40, volume_error_ml=40),
            *rows("untold", dice=0),
            *rows("found", phase="ED-ES", ef_percent=-3),
            *rows("absent", phase="ED-ES", ef_percent=60),
        ]
    )
    (row,) = missed(cases).to_dict("records")
    names = ("predicted", "absent", "elsewhere", "invented", "unknown", "odd_ef")
    assert [row[name] for name in names] == [5, 1, 1, 1, 1, 1]


def test_the_worst_come_first_five_of_each_arm_and_the_scan_is_named() -> None:
    cases = pd.DataFrame([row for n in range(7) for row in rows(f"s{n}", dice=0.9 - n / 10)])
    people = pd.DataFrame({"target": "b", "subject": [f"s{n}" for n in range(7)], "phase": "ED", "scanner": "x"})
    shown = worst_cases(cases, ["plain"], people.assign(pathology="NOR"))
    assert [row[shown["head"].index("Subject")] for row in shown["rows"]] == [f"s{n} ED" for n in (6, 5, 4, 3, 2)]
    assert shown["rows"][0][-2:] == ["x", "NOR"]


def test_jobs_and_trainings_that_stumbled_are_named() -> None:
    counts = missed(pd.DataFrame(rows("found", dice=0.9)))
    quiet = Training("s", "calm", "unet2d", 0, {}, gain=0.0, skipped=0)
    rough = Training("s", "rough", "unet2d", 1, {}, gain=0.02, skipped=3)
    blind = Training("s", "blind", "unet2d", 0, {}, gain=None, skipped=0)
    resumed = {"job": "train rough", "sessions": 2}
    text = " ".join(failure_sentences(counts, [resumed, {"job": "train calm", "sessions": 1}], [quiet, rough, blind]))
    for expected in (
        "Each of 1 structures was found",
        "1 of 2 recorded jobs were interrupted and went on from their last state: train rough (2 sessions)",
        "not finite: rough, unet2d, seed 1: 3.",
        "1 of 3 trainings: rough, unet2d, seed 1 (+2.0).",
        "Too few validations to tell: blind, unet2d, seed 0.",
    ):
        assert expected in text
