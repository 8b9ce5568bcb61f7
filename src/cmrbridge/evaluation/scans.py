"""Every scan that a study uses, with the domain and the split that it is in."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd


def read_scans(subjects: Sequence[Path], splits: Mapping[str, Path]) -> pd.DataFrame:
    """Rows of subjects.csv (text) of the domains' subjects, with columns "domain" and "split"."""
    every = pd.concat([pd.read_csv(path, dtype=str, keep_default_na=False) for path in subjects], ignore_index=True)
    parts = []
    for domain, path in splits.items():
        split = pd.read_csv(path, dtype=str, keep_default_na=False)[["subject", "split", "dataset"]]
        parts.append(every.merge(split, on=["dataset", "subject"]).assign(domain=domain))
    return pd.concat(parts, ignore_index=True)
