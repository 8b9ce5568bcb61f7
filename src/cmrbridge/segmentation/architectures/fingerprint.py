"""What a network may be planned from: the geometry of the training cases, and nothing of any other."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fingerprint:
    """size: pixels a side of the canonical crop; spacing_mm: of these. slices: median number a training case;
    slice_mm: median distance between two slices."""

    size: int
    spacing_mm: float
    slices: int
    slice_mm: float
