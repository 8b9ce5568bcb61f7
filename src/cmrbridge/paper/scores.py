"""Scores that outlive their models: a study's score tables and its runs' records, from one machine or from many.

A bundle is a folder of cases.csv.xz (see `frames.COLUMNS`), runs.csv (`RUN_COLUMNS`) and recipes.csv.xz
(`RECIPE_COLUMNS`: what each recipe of runs.csv stands for); no image and no weight.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from cmrbridge.errors import InputError
from cmrbridge.evaluation.frames import KEYS, read_cases, write_frame
from cmrbridge.paper.lineage import Lineage, differences, recipe
from cmrbridge.paper.records import listed, read_record, read_training

RUN = ("source", "arm", "architecture", "seed")
RUN_COLUMNS = (*RUN, "trained_as", "recipe", "late_gain", "device", "machine", "precision", "wall_seconds", "commit")
RECIPE_COLUMNS = ("recipe", "job", "name", "value")
TEXT = dict.fromkeys(  # even where empty, or where a domain is called 3, after its field strength
    (*(name for name in RUN if name != "seed"), "trained_as", "recipe", "device", "machine", "precision", "commit"),
    "str",
)
TRAINERS = ("train_segmenter", "train_nnunet")


class Bundle(NamedTuple):
    """The tables of a bundle."""

    cases: pd.DataFrame
    runs: pd.DataFrame
    recipes: pd.DataFrame


def write_scores(folder: Path, parts: Sequence[Path]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Merge results folders (results/STUDY, finished or not) and bundles into ``folder``; (cases, runs).

    A bundle in ``folder`` stays and grows, whether it is named among the parts or not. A run that is in several parts
    counts once, as the first has it. InputError where the parts are of several studies, where one run has two recipes,
    or where the runs of one setting do: such scores can't stand in one column.
    """
    own = [folder] if (folder / "runs.csv").is_file() else []
    different = {part.resolve(): part for part in [*own, *parts]}
    merged, *others = [
        read_bundle(part) if (part / "runs.csv").is_file() else collect(part) for part in different.values()
    ]
    for more in others:
        merged = Bundle(
            cases=pd.concat([merged.cases, more.cases[~_of(more.cases, merged.runs)]], ignore_index=True),
            runs=pd.concat([merged.runs, more.runs], ignore_index=True),
            recipes=pd.concat([merged.recipes, more.recipes], ignore_index=True).drop_duplicates(),
        )
    _study_of(merged.cases, folder)
    _check_one_recipe(merged)
    merged = Bundle(
        cases=merged.cases.sort_values(list(KEYS), ignore_index=True),
        runs=merged.runs.drop_duplicates(list(RUN)).sort_values(list(RUN), ignore_index=True),
        recipes=merged.recipes.sort_values(list(RECIPE_COLUMNS), ignore_index=True),
    )
    _write(folder, merged)
    return merged.cases, merged.runs


def read_bundle(folder: Path) -> Bundle:
    """What `write_scores` wrote into a folder: the listed runs, their scores, and their recipes where it told these."""
    try:
        runs = pd.read_csv(folder / "runs.csv", dtype=TEXT, keep_default_na=False, na_values=[""])
        runs = runs[list(RUN_COLUMNS)]
        known = (folder / "recipes.csv.xz").is_file()  # bundles of before had none
        recipes = pd.read_csv(folder / "recipes.csv.xz", dtype=str, keep_default_na=False) if known else pd.DataFrame()
        recipes = recipes.reindex(columns=list(RECIPE_COLUMNS))
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{folder}: runs.csv or recipes.csv.xz is no bundle's ({error}); write it again") from error
    cases = read_cases(folder / "cases.csv.xz")
    return Bundle(cases[_of(cases, runs)], runs, recipes)


def collect(results: Path) -> Bundle:
    """The runs that results/STUDY, under whatever name it lies now, has scored so far."""
    found = sorted(results.glob("evaluation/runs/*/*/*/seed-*/record.json"))
    if not found:
        raise InputError(f"{results}: no scored run; name a study's folder, such as results/wong2025_phantom")
    cases = pd.concat([read_cases(record.with_name("cases.csv")) for record in found], ignore_index=True)
    lineage = Lineage(results, _study_of(cases, results))
    methods = {recipe(method): method for method in map(lineage.method, found)}
    steps = [(name, *step) for name, method in methods.items() for step in sorted(method)]
    return Bundle(
        cases,
        pd.DataFrame([_run(record, lineage) for record in found], columns=list(RUN_COLUMNS)).astype(TEXT),
        pd.DataFrame(steps, columns=list(RECIPE_COLUMNS)),
    )


def _write(folder: Path, bundle: Bundle) -> None:
    """runs.csv takes its place last: what a stop in between leaves are scores of runs not listed, which nobody reads.

    Scores of listed runs never change (`write_scores` keeps those of ``folder``), so either table of cases fits.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = {"recipes.csv.xz": bundle.recipes, "cases.csv.xz": bundle.cases, "runs.csv": bundle.runs}
    for name, table in tables.items():
        write_frame(folder / f".new.{name}", table)
    for name in tables:
        (folder / f".new.{name}").replace(folder / name)


def _run(record: Path, lineage: Lineage) -> dict[str, object]:
    identity = read_record(record)["params"]["identity"]
    trained = lineage.ancestor(record, TRAINERS)
    training = read_training(trained, trained.with_name("metrics.jsonl"))
    about = training.record
    return {
        **{name: identity[name] for name in RUN},
        "trained_as": training.arm,
        "recipe": recipe(lineage.method(record)),
        "late_gain": training.gain,
        "device": about.get("device"),
        "machine": about.get("device_name"),
        "precision": about.get("precision"),
        "wall_seconds": about.get("wall_seconds"),
        "commit": about.get("git_commit"),
    }


def _of(rows: pd.DataFrame, runs: pd.DataFrame) -> pd.Series:
    """Which rows are of one of ``runs``."""
    listed_runs = pd.MultiIndex.from_frame(runs[list(RUN)])
    return pd.Series(pd.MultiIndex.from_frame(rows[list(RUN)]).isin(listed_runs), rows.index)


def _study_of(cases: pd.DataFrame, where: Path) -> str:
    """InputError where the scores are of several studies: an arm's name means something else in each."""
    studies = sorted(set(cases.study))
    if len(studies) != 1:
        raise InputError(f"{where}: scores of {len(studies)} studies ({listed(cases.study)}); give each its own folder")
    return str(studies[0])


def _check_one_recipe(bundle: Bundle) -> None:
    for setting, group in bundle.runs.groupby(list(RUN[:-1])):
        if group.recipe.nunique() > 1:
            one, other = group.recipe.unique()[:2]
            told = [
                f"seed {listed(same.seed)} by recipe {name} (commit {listed(same.commit.str[:7])})"
                for name, same in group.groupby("recipe", sort=False)
            ]
            raise InputError(
                f"{' '.join(map(str, setting))}: {', '.join(told)} did not do the same, and their mean would be of no "
                f"method: {_differing(bundle.recipes, one, other)}. Keep them in two folders, or run those again that "
                "are not of the study as it is now"
            )


def _differing(recipes: pd.DataFrame, one: str, other: str) -> str:
    methods = [
        frozenset(recipes[recipes.recipe == name][list(RECIPE_COLUMNS[1:])].itertuples(index=False, name=None))
        for name in (one, other)
    ]
    if not all(methods):
        return "one of them stands in a bundle of before recipes.csv.xz, so what differs is not on record"
    return differences(*methods)
