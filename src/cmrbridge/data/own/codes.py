"""Which value of the labels is which structure, by how hearts are built: the myocardium surrounds the left ventricle,
and the right one lies against it from outside."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from cmrbridge.data.checks import ENCLOSED
from cmrbridge.data.own.marks import Mark

SURE = 0.9  # share of the frames that have to agree


@dataclass(frozen=True)
class Codes:
    """codes: structure → value; sure: whether nearly all frames agree; told: the finding in a line; others: values
    that are none of the three."""

    codes: dict[str, int]
    sure: bool
    told: str
    others: tuple[int, ...]


def find_codes(marks: Iterable[Mark]) -> Codes:
    """By the vote of all frames that hold two values or more."""
    marks = list(marks)
    values = sorted({value for mark in marks for value in mark.voxels})
    able = [mark for mark in marks if len(mark.voxels) > 1]
    votes = Counter(pair for mark in able if (pair := _ring(mark)))
    if not votes:
        return _without_ring(values, len(able))
    (cavity, wall), agreed = votes.most_common(1)[0]
    beside = Counter(right for mark in able if (right := _right(mark, cavity, wall)) is not None)
    codes = {"LV": cavity, "MYO": wall} | ({"RV": beside.most_common(1)[0][0]} if beside else {})
    told = f"in {agreed} of {len(able)} frames {wall} encloses {cavity}"
    if beside:
        told += f", in {beside[codes['RV']]} of {beside.total()} {codes['RV']} lies against it from outside"
    sure = agreed >= SURE * len(able) and (not beside or beside[codes["RV"]] >= SURE * beside.total())
    return Codes(codes, sure, told, tuple(value for value in values if value not in codes.values()))


def _ring(mark: Mark) -> tuple[int, int] | None:
    """(cavity, wall): the value that is best enclosed by another, if half of its rim is."""
    pair = max(mark.rims, key=lambda one: mark.rims[one])
    return pair if mark.rims[pair] >= ENCLOSED else None


def _right(mark: Mark, cavity: int, wall: int) -> int | None:
    """The value that touches the wall most, beside the cavity."""
    shares = {other: share for (inner, other), share in mark.rims.items() if inner == wall and other != cavity}
    best = max(shares, key=lambda one: shares[one], default=None)
    return best if best is not None and shares[best] > 0 else None


def _without_ring(values: list[int], able: int) -> Codes:
    if len(values) == 1:
        return Codes({"LV": values[0]}, False, f"{values[0]} is the only value: taken for the LV", ())
    told = f"in none of {able} frames does one value enclose another" if values else "no file holds any label"
    return Codes({}, False, told, tuple(values))
