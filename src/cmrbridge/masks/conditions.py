"""What a mask can be asked for: its level between base and apex, its phase, the subject's pathology."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.anatomy import PHASES
from cmrbridge.core.pack import Pack
from cmrbridge.errors import InputError

ATTRIBUTES = ("level", "phase", "pathology")
LEVELS = ("base", "mid", "apex")
UNKNOWN = 0

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Vocabulary:
    """names: the conditions; values: of each, its values, whose codes count from 1; seen: (k, condition) the
    combinations that occur in training, once for each time they do, in a fixed order."""

    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    seen: Codes

    def draw(self, count: int, rng: np.random.Generator) -> Codes:
        """(count, condition): combinations as often as in training; without conditions, (count, 0).

        One draw in each count-th part of the ordered combinations: rare ones come neither in clumps nor never.
        """
        if not self.names:
            return np.zeros((count, 0), np.int64)
        places = (np.arange(count) + rng.random(count)) * len(self.seen) / count
        return self.seen[rng.permutation(places.astype(np.int64))]

    def words(self, codes: Codes) -> list[dict[str, str]]:
        """What each row of codes says."""
        return [
            {name: (("", *known)[code]) for name, known, code in zip(self.names, self.values, row)} for row in codes
        ]

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"names": list(self.names), "values": [list(v) for v in self.values], "seen": self.seen.tolist()}


def vocabulary_from(plain: dict[str, Any]) -> Vocabulary:
    """From `Vocabulary.plain`."""
    names = tuple(plain["names"])
    seen = np.array(plain["seen"], np.int64).reshape(len(plain["seen"]), len(names))
    return Vocabulary(names, tuple(tuple(values) for values in plain["values"]), seen)


def read_conditions(pack: Pack, rows: NDArray[np.intp], wanted: Sequence[str]) -> tuple[Vocabulary, Codes]:
    """The vocabulary of the slices ``rows`` of a pack, and their codes (n, condition)."""
    unknown = set(wanted) - set(ATTRIBUTES)
    if unknown:
        raise InputError(f"masks.train.conditions: {', '.join(sorted(unknown))}: choose from {', '.join(ATTRIBUTES)}")
    texts = {"level": lambda: levels(pack, rows), "phase": lambda: _of_case(pack, rows, "phase")}
    columns, values = [], []
    for name in wanted:
        words = texts[name]() if name in texts else _of_case(pack, rows, name)
        known = {"level": LEVELS, "phase": PHASES}.get(name) or tuple(sorted(set(words) - {""}))
        if not known:
            raise InputError(f"masks.train.conditions: no subject of the source has a {name}; leave it out")
        columns.append([1 + known.index(word) if word in known else UNKNOWN for word in words])
        values.append(known)
    codes = np.array(columns, np.int64).T.reshape(len(rows), len(wanted))
    order = np.lexsort(codes.T) if len(wanted) else np.arange(0)
    return Vocabulary(tuple(wanted), tuple(values), codes[order]), codes


def _of_case(pack: Pack, rows: NDArray[np.intp], name: str) -> list[str]:
    return [str(getattr(pack.cases[index], name)) for index in pack.case[rows]]


def levels(pack: Pack, rows: NDArray[np.intp]) -> list[str]:
    """Third of the heart that each labelled slice lies in: "base", "mid" or "apex", counted over ``rows`` of its case.

    Which end is the apex is read off the masks, because files run either way: the heart narrows towards it.
    """
    assert pack.labels is not None  # the rows are labelled
    areas = (pack.labels[rows] > 0).sum(axis=(1, 2))
    out = [""] * len(rows)
    for case in np.unique(pack.case[rows]):
        mine = np.flatnonzero(pack.case[rows] == case)
        mine = mine[np.argsort(pack.position[rows[mine]])]
        half = len(mine) // 2
        if half and areas[mine[:half]].mean() < areas[mine[-half:]].mean():
            mine = mine[::-1]
        for rank, index in enumerate(mine):
            out[index] = LEVELS[rank * len(LEVELS) // len(mine)]
    return out
