"""Toy packs for what needs whole stacks: cases of different lengths, each with structures of its own grey."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from cmrbridge.core.geometry import Grid
from cmrbridge.core.pack import Case, Pack

SIZE = 32
ToyPack = Callable[..., Pack]


@pytest.fixture(scope="session")
def toy_pack() -> ToyPack:
    def make(
        slices: Sequence[int] = (4, 3, 4), split: str = "train", annotated: Sequence[str] = ("LV", "MYO", "RV")
    ) -> Pack:
        """Cases of so many slices, the last for validation where there are several to train on."""
        rng = np.random.default_rng(sum(slices))
        labels = rng.integers(0, 4, (sum(slices), 8, 8)).astype(np.uint8).repeat(4, 1).repeat(4, 2)
        images = (60 * labels + rng.integers(0, 60, labels.shape)).astype(np.uint8)
        splits = [split] * (len(slices) - 1) + ["val" if split == "train" and len(slices) > 1 else split]
        cases = [
            Case("toy", "toy", f"s{i}", "ED", part, tuple(annotated), (10.0, 5.0, 5.0), grid(count))
            for i, (count, part) in enumerate(zip(slices, splits))
        ]
        case = np.repeat(np.arange(len(slices), dtype=np.int32), slices)
        position = np.concatenate([np.arange(count, dtype=np.int32) for count in slices])
        return Pack(images, labels, case, position, tuple(cases))

    return make


def grid(slices: int) -> Grid:
    return Grid((SIZE, SIZE, slices), (5.0, 5.0, 10.0), False, False, False, (15.5, 15.5), SIZE, 5.0)
