"""Slices with their names and prints, and the table of each one's nearest neighbour in a gallery."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cmrbridge.core.pack import Pack
from cmrbridge.evaluation.alignment import nearest
from cmrbridge.evaluation.embedding import Bytes, Prints, prints

COLUMNS = (
    *("set", "subject", "phase", "slice"),
    *("nearest_subject", "nearest_phase", "nearest_slice", "distance"),
)
DECIMALS = 5

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Slices:
    """n slices: images (n, y, x); subject, phase and position, each (n,): where a slice comes from; their prints."""

    images: Bytes
    subject: NDArray[np.str_]
    phase: NDArray[np.str_]
    position: NDArray[np.int32]
    prints: Prints

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: Rows) -> "Slices":
        """The slices of these rows, in this order."""
        chosen = Prints(self.prints.pictures[rows], self.prints.spectra[rows])
        return Slices(self.images[rows], self.subject[rows], self.phase[rows], self.position[rows], chosen)


def slices_of(pack: Pack, rows: Rows) -> Slices:
    """These rows of a pack."""
    cases = [pack.cases[number] for number in pack.case[rows]]
    subject, phase = (np.array([getattr(case, key) for case in cases], str) for key in ("subject", "phase"))
    return Slices(pack.images[rows], subject, phase, pack.position[rows], prints(pack.images[rows]))


def find_nearest(name: str, queries: Slices, gallery: Slices, others_only: bool = False) -> pd.DataFrame:
    """One row a query: `COLUMNS`, and ``row``, the neighbour's row in the gallery; ``name`` fills the column "set".

    others_only: slices of the query's own subject do not count.
    """
    allowed = queries.subject[:, None] != gallery.subject[None] if others_only else None
    rows, distances = nearest(queries.prints, gallery.prints, allowed)
    values = (
        *(np.full(len(queries), name), queries.subject, queries.phase, queries.position),
        *(gallery.subject[rows], gallery.phase[rows], gallery.position[rows], distances.astype(float).round(DECIMALS)),
    )
    return pd.DataFrame(dict(zip(COLUMNS, values, strict=True)) | {"row": rows})
