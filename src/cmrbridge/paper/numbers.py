"""The numbers that a text quotes: numbers.json, and each of them in words."""

import json
import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pandas as pd

from cmrbridge.evaluation.claimed import TEST
from cmrbridge.evaluation.frames import MEAN
from cmrbridge.evaluation.power import FARTHEST, MOST
from cmrbridge.paper.findings import counts, dice_by_target, endpoint, gaps
from cmrbridge.paper.rounding import COUNTS, quoted

KEYS = (
    "source",
    "target",
    "architecture",
    "arm",
    "structure",
    "metric",
    "claim",
)  # what tells the records of a list apart

Path = tuple[str, ...]


def numbers(
    cases: pd.DataFrame,
    summary: pd.DataFrame,
    compared: pd.DataFrame,
    claimed: pd.DataFrame,
    clinical: pd.DataFrame,
    oracles: Collection[str],
    nominal: Collection[str],
) -> dict[str, Any]:
    """Counts; mean Dice, and each other metric's, per source, target and arm; gaps; the comparisons of the endpoint and
    of the claims; agreement of clinical quantities.

    summary, compared, claimed, clinical: of `summarise`, `compare_arms`, `compare_claims`, `clinical_agreement`;
    oracles, nominal: see `counts`.
    """
    dice = dice_by_target(summary)
    keys = ["source", "target", "architecture", "arm", "n", "mean", "sd", "median"]
    return {
        "studies": sorted(set(cases.study)),
        "subjects": {target: int(count) for target, count in cases.groupby("target").subject.nunique().items()},
        "seeds": {arm: int(count) for arm, count in cases.groupby("arm").seed.nunique().items()},
        **counts(compared, oracles, nominal),
        "primary": _records(compared[compared.primary].drop(columns="primary")),
        "endpoint": _records(endpoint(compared).drop(columns="primary")),
        "claims": _records(_claims(claimed)),
        "dice": _records(dice[keys].round(6)),
        "means": _records(_means(summary)[[*keys[:4], "metric", *keys[4:]]].round(6)),
        "gap": gaps(cases),
        "clinical": _records(clinical.round(6)),
    }


def quotations(found: Mapping[str, Any]) -> dict[Path, str]:
    """Path → text of every number of `numbers`: names of the dictionary, keys of the record, column.

    Two records of one list with the same keys are refused: one of them could never be quoted.
    """
    texts: dict[Path, str] = {}
    for path, column, value, metric in _leaves(found):
        if path in texts:
            raise ValueError(f"numbers.json: {' / '.join(path)} stands for two numbers")
        texts[path] = quoted(value, column, metric)
    return texts


def as_json(found: Mapping[str, Any]) -> str:
    """The same bytes for the same numbers."""
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _claims(claimed: pd.DataFrame) -> pd.DataFrame:
    """Each test once, named by its arms and by the size where one is claimed."""
    rows = claimed.drop_duplicates(TEST)
    size = rows.by.map(lambda by: f" by {by:g}" if by else "")
    about = ["source", "target", "architecture", "arm", "metric", "baseline"]
    told = ["n_arm", "n_baseline", "difference", "ci_low", "ci_high", "p_by", "p_holm"]
    return rows[[*about, *told]].assign(claim="against " + rows.baseline + size, by=rows.by)


def _means(summary: pd.DataFrame) -> pd.DataFrame:
    """Over structures, of the whole stack, but of Dice, which has a list of its own."""
    return summary[(summary.structure == MEAN) & (summary.region == "whole") & (summary.metric != "dice")]


def _leaves(found: Mapping[str, Any]) -> Iterator[tuple[Path, str, Any, str]]:
    """(path, column, value, metric) of every number, and of the names that a record holds besides its keys."""
    for name, part in found.items():
        if isinstance(part, Mapping):
            yield from (((name, key), name, value, "") for key, value in part.items())
        elif not isinstance(part, list):
            yield (name,), name, part, ""
        else:
            for record in (entry for entry in part if isinstance(entry, Mapping)):
                where = (name, *(str(record[key]) for key in KEYS if key in record))
                metric = str(record.get("metric", "dice"))
                yield from (((*where, key), key, value, metric) for key, value in record.items() if key not in KEYS)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """What is infinite, which JSON cannot say, as text: beyond what it was not looked for."""
    numbers = frame.select_dtypes("number")
    for name in numbers.columns[(numbers == math.inf).any()]:
        beyond = f"> {MOST}" if name in COUNTS else f"> {FARTHEST:.0f} SE"
        frame = frame.assign(**{name: frame[name].astype(object).replace(math.inf, beyond)})
    records: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", double_precision=15))
    return records
