"""All runs' scores in one table."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cmrbridge.errors import InputError
from cmrbridge.evaluation.frames import KEYS, read_cases, write_frame


def gather_cases(*, parts: Sequence[Path], cases: Path) -> None:
    """Concatenate the tables of `evaluate_cases`, sorted by every key; a row that occurs twice is refused."""
    if not parts:
        raise InputError(f"{cases}: no run to gather; the study's run section selects none")
    frame = pd.concat([read_cases(part) for part in parts], ignore_index=True)
    twice = frame[frame.duplicated(list(KEYS))]
    if len(twice):
        raise InputError(f"{cases}: scored twice: {twice.iloc[0][list(KEYS)].to_dict()}; give each run its own folder")
    write_frame(cases, frame.sort_values(list(KEYS), ignore_index=True))
