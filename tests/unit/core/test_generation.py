"""Generation in batches: every item once, and nothing lost or changed by a pause."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cmrbridge.core.checkpoint import Paused, Resume
from cmrbridge.core.generation import in_batches
from cmrbridge.errors import InputError
from reporters import silent


def numbered(start: int, stop: int) -> NDArray[np.uint8]:
    return np.arange(start, stop, dtype=np.uint8)[:, None]


def test_every_item_is_drawn_once_and_reported() -> None:
    told: list[tuple[int, int | None]] = []
    drawn = in_batches(
        numbered, 10, 4, resume=None, report=lambda step, total=None, **values: told.append((step, total))
    )
    assert drawn[:, 0].tolist() == list(range(10))
    assert told == [(4, 10), (8, 10), (10, 10)]


def test_a_paused_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    calls: list[int] = []

    def draw(start: int, stop: int) -> NDArray[np.uint8]:
        calls.append(start)
        return numbered(start, stop)

    asked = iter([False, True])
    pausing = Resume(tmp_path / "state.safetensors", "stamp", lambda: next(asked))
    with pytest.raises(Paused, match="8 of 10"):
        in_batches(draw, 10, 4, resume=pausing, report=silent)
    resumed = in_batches(draw, 10, 4, resume=Resume(pausing.path, "stamp"), report=silent)
    assert calls == [0, 4, 8]
    assert np.array_equal(resumed, numbered(0, 10))


def test_a_state_of_other_settings_is_not_used(tmp_path: Path) -> None:
    pausing = Resume(tmp_path / "state.safetensors", "one", lambda: True)
    with pytest.raises(Paused):
        in_batches(numbered, 10, 4, resume=pausing, report=silent)
    drawn = in_batches(lambda a, b: numbered(a, b) + 100, 10, 4, resume=Resume(pausing.path, "other"), report=silent)
    assert drawn[:, 0].tolist() == list(range(100, 110))


def test_nothing_to_generate_is_said() -> None:
    with pytest.raises(InputError, match="ratio"):
        in_batches(numbered, 0, 4, resume=None, report=silent)
