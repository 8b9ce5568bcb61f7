"""The end of a figure's caption: how many people and trainings it shows, counted from the study's own tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.paper.shift import read_tables
from cmrbridge.paper.study import Study
from cmrbridge.paper.tables import about

TILES = 24  # cases that a data set's gallery has room for (`data.picture`, which knows nothing of the paper)
SPLITS = {"train": "training", "val": "validation", "test": "test"}


def captioned(figure: Mapping[str, Any], study: Study) -> str:
    """The caption with its n, where ``figure`` says in "counted" of what.

    counted: {"scores": {column of cases.csv: value}}, {"data": data set}, {"shift": True}, or {"labelled": domain,
    "splits": those of its subjects that are shown, "shown": what of them, in words; "whole": whether only cases with
    every structure are}.
    """
    counted = figure.get("counted", {})
    if "scores" in counted:
        told = _of_scores(study.cases, counted["scores"])
    elif "data" in counted:
        told = _of_gallery(study, counted["data"])
    elif "labelled" in counted:
        told = _of_labelled(study.scans, **counted)
    elif "shift" in counted:
        told = _of_shift(read_tables(study.files.shift).subjects)
    else:
        told = ""
    return f"{figure['caption']} {told}".strip()


def _of_scores(cases: pd.DataFrame, where: Mapping[str, Any]) -> str:
    """As the tables say it, of the rows that the figure shows."""
    for column, value in where.items():
        cases = cases[cases[column] == value]
    return about(cases) if len(cases) else ""


def _of_gallery(study: Study, dataset: str) -> str:
    tables = (pd.read_csv(path, dtype=str, keep_default_na=False) for path in study.files.subjects)
    every = next(table for table in tables if len(table) and table.dataset.iloc[0] == dataset)
    shown = every.iloc[np.unique(np.linspace(0, len(every) - 1, TILES).round().astype(int))]
    return (
        f"n = {len(shown)} of {len(every)} cases (a subject at a phase), "
        f"{shown.subject.nunique()} of {every.subject.nunique()} subjects."
    )


def _of_labelled(scans: pd.DataFrame, labelled: str, splits: Sequence[str], shown: str, whole: bool = False) -> str:
    least = len(STRUCTURES) if whole else 1
    inside = scans[
        (scans.domain == labelled) & scans.split.isin(splits) & (scans.annotated.str.split().str.len() >= least)
    ]
    names = " and ".join(SPLITS[split] for split in splits)
    return f"{shown} of n = {inside.subject.nunique()} {names} subjects of {labelled}."


def _of_shift(subjects: pd.Series) -> str:
    low, high = int(subjects.min()), int(subjects.max())
    return f"n = {low} subjects." if low == high else f"n = {low} to {high} subjects, by what is told apart."
