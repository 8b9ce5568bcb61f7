"""What other works printed: a table of its own, since their settings are not ours."""

from pathlib import Path

import pandas as pd

from cmrbridge.errors import InputError

COLUMNS = ("setting", "method", "structure", "metric", "value", "unit", "source")


def read_published(path: Path) -> pd.DataFrame:
    """A tab-separated table of `COLUMNS`, all text, values as printed; each row says its setting and its source."""
    try:
        frame = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)[list(COLUMNS)]
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path}: not a table of {', '.join(COLUMNS)} ({error}); restore it") from error
    for line, row in enumerate(frame.to_dict("records"), start=2):
        empty = [name for name in ("setting", "method", "metric", "value", "source") if not row[name].strip()]
        if empty:
            raise InputError(f"{path}, line {line}: has no {empty[0]}; a number without it may not stand here: add it")
    return frame


def published_table(published: pd.DataFrame) -> pd.DataFrame:
    """For reading: the value with its unit; a dash where the structure is not told."""
    values = (published.value + " " + published.unit).str.strip()
    names = {name: name.capitalize() for name in COLUMNS}
    structures = published.structure.where(published.structure != "", "–")
    return published.assign(value=values, structure=structures).drop(columns="unit").rename(columns=names)
