"""The tidy table of scores, cases.csv: its columns, how it is read, and the mean over one subject's rows."""

from pathlib import Path

import pandas as pd

from cmrbridge.errors import InputError

RUN = ("study", "source", "target", "arm", "architecture", "seed")
KEYS = (*RUN, "subject", "phase", "structure", "region", "metric")
COLUMNS = (*KEYS, "value")
SETTING = ["source", "target", "architecture", "arm", "structure", "region", "metric"]
STRUCTURE_METRICS = ("dice", "hd95", "hd", "assd", "surface_dice")  # the metrics that have a mean over structures
ERROR_OF = {  # a clinical quantity → its error, predicted − reference: value − error is the reference
    "volume_ml": "volume_error_ml",
    "edv_ml": "edv_error_ml",
    "esv_ml": "esv_error_ml",
    "sv_ml": "sv_error_ml",
    "ef_percent": "ef_error_points",
    "mass_g": "mass_error_g",
}
HIGHER_IS_BETTER = ("dice", "surface_dice")  # shares of 1; differences are told in points
MEAN = "mean"  # the structure that stands for the mean over a subject's annotated structures


def read_cases(path: Path) -> pd.DataFrame:
    """A table of `COLUMNS`; the keys are text (subject "007" stays "007") but the seed, a whole number."""
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        frame = frame[list(COLUMNS)].astype({"seed": "int64", "value": "float64"})
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            f"{path}: not a table of cases with the columns {', '.join(COLUMNS)} ({error}); delete it and run again"
        ) from error
    return frame


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """A csv whose bytes depend on the frame alone."""
    frame.to_csv(path, index=False, lineterminator="\n")


def with_mean_structure(cases: pd.DataFrame) -> pd.DataFrame:
    """Add structure "mean": per run, subject and phase, the mean over the structures that have a score."""
    scores = cases[cases.metric.isin(STRUCTURE_METRICS)]
    keys = [key for key in KEYS if key != "structure"]
    means = scores.groupby(keys, as_index=False, sort=False).value.mean().assign(structure=MEAN)
    return pd.concat([cases, means[list(cases.columns)]], ignore_index=True)


def per_subject(cases: pd.DataFrame, seeds: bool = False) -> pd.DataFrame:
    """One value per setting and subject, which every test starts from: the mean over phases and, unless kept, seeds."""
    keys = [*SETTING, *(["seed"] if seeds else []), "subject"]
    return with_mean_structure(cases).groupby(keys, as_index=False).value.mean()


def summarise(cases: pd.DataFrame) -> pd.DataFrame:
    """Per setting: n subjects, mean, standard deviation (n − 1; empty for one subject) and median over subjects."""
    groups = per_subject(cases).groupby(SETTING).value
    return groups.agg(n="count", mean="mean", sd="std", median="median").reset_index()
