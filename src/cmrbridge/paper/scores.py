"""Scores that outlive their models: a study's score tables and its runs' records, from one machine or from many.

A bundle is a folder of cases.csv.xz (see `frames.COLUMNS`) and runs.csv (`RUN_COLUMNS`); no image and no weight.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cmrbridge.errors import InputError
from cmrbridge.evaluation.frames import KEYS, read_cases, write_frame
from cmrbridge.paper.lineage import Lineage
from cmrbridge.paper.records import listed, read_record, read_training

RUN = ("source", "arm", "architecture", "seed")
RUN_COLUMNS = (*RUN, "trained_as", "recipe", "late_gain", "device", "machine", "precision", "wall_seconds", "commit")
TRAINERS = ("train_segmenter", "train_nnunet")
Bundle = tuple[pd.DataFrame, pd.DataFrame]


def write_scores(folder: Path, parts: Sequence[Path]) -> Bundle:
    """Merge results folders (results/STUDY, finished or not) and bundles into ``folder``; (cases, runs).

    A run that is in several parts counts once. InputError where one run has two recipes, or the runs of one setting
    do: such scores can't stand in one column. ``folder`` may be a part itself: it grows.
    """
    read = [read_bundle(part) if (part / "runs.csv").is_file() else collect(part) for part in parts]
    _check_one_recipe(pd.concat([runs for _, runs in read], ignore_index=True))
    cases, runs = read[0]
    for more_cases, more_runs in read[1:]:
        cases = pd.concat([cases, _without(more_cases, runs)], ignore_index=True)
        runs = pd.concat([runs, _without(more_runs, runs)], ignore_index=True)
    cases, runs = cases.sort_values(list(KEYS), ignore_index=True), runs.sort_values(list(RUN), ignore_index=True)
    folder.mkdir(parents=True, exist_ok=True)
    write_frame(folder / "cases.csv.xz", cases)
    write_frame(folder / "runs.csv", runs)
    return cases, runs


def read_bundle(folder: Path) -> Bundle:
    """(cases, runs) of a folder that `write_scores` wrote."""
    try:
        runs = pd.read_csv(folder / "runs.csv", dtype={"recipe": str}, keep_default_na=False, na_values=[""])
        runs = runs[list(RUN_COLUMNS)]
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{folder / 'runs.csv'}: not a bundle's table of runs ({error}); write it again") from error
    return read_cases(folder / "cases.csv.xz"), runs


def collect(results: Path) -> Bundle:
    """(cases, runs) of the runs that results/STUDY has scored so far."""
    found = sorted(results.glob("evaluation/runs/*/*/*/seed-*/record.json"))
    if not found:
        raise InputError(f"{results}: no scored run; name a study's folder, such as results/wong2025_phantom")
    lineage = Lineage(results)
    cases = [read_cases(record.with_name("cases.csv")) for record in found]
    return pd.concat(cases, ignore_index=True), pd.DataFrame(
        [_run(record, lineage) for record in found], columns=list(RUN_COLUMNS)
    )


def _run(record: Path, lineage: Lineage) -> dict[str, object]:
    identity = read_record(record)["params"]["identity"]
    trained = lineage.ancestor(record, TRAINERS)
    training = read_training(trained, trained.with_name("metrics.jsonl"))
    about = training.record
    return {
        **{name: identity[name] for name in RUN},
        "trained_as": training.arm,
        "recipe": lineage.recipe(record),
        "late_gain": training.gain,
        "device": about.get("device"),
        "machine": about.get("device_name"),
        "precision": about.get("precision"),
        "wall_seconds": about.get("wall_seconds"),
        "commit": about.get("git_commit"),
    }


def _without(rows: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The rows of all runs but ``runs``."""
    taken = pd.MultiIndex.from_frame(runs[list(RUN)])
    return rows[~pd.MultiIndex.from_frame(rows[list(RUN)]).isin(taken)]


def _check_one_recipe(runs: pd.DataFrame) -> None:
    for setting, group in runs.groupby(list(RUN[:-1])):
        if group.recipe.nunique() > 1:
            told = [
                f"seed {listed(same.seed)} scored by recipe {recipe} (commit {listed(same.commit.str[:7])})"
                for recipe, same in group.groupby("recipe")
            ]
            raise InputError(
                f"{' '.join(map(str, setting))}: {'; '.join(told)}. Code, settings or data differ between these "
                "runs: delete and run again those that are not of the study as it is now"
            )
