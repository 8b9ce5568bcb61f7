"""The flow of subjects: hand-counted, its sums, what does not add up, and boxes that neither overlap nor overflow."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from cmrbridge.errors import InputError
from cmrbridge.paper.flow import DatasetFlow, count_flow
from cmrbridge.paper.flow_layout import BOLD, COLUMN, PADDING, WIDTH, lay_out

COPIES = ("kept_dataset", "kept_subject", "kept_phase", "dropped_dataset", "dropped_subject", "dropped_phase")
SPLIT = {"a1": "train", "a2": "train", "a3": "val", "a4": "test", "a5": "test", "a6": "train", "a7": "unused"}


def flow(folder: Path, split: dict[str, str], scored: list[str]) -> list[DatasetFlow]:
    """Nine subjects at two phases: a6 has no outlines, a8 is a copy, a9 belongs to no domain."""
    rows = [
        {"dataset": "set", "subject": f"a{n}", "phase": phase, "annotated": "" if n == 6 else "LV"}
        for n in range(1, 10)
        for phase in ("ED", "ES")
    ]
    pd.DataFrame(rows).to_csv(folder / "subjects.csv", index=False)
    copies = [("set", "a1", phase, "set", "a8", phase) for phase in ("ED", "ES")]
    pd.DataFrame(copies, columns=list(COPIES)).to_csv(folder / "duplicates.csv", index=False)
    table = pd.DataFrame({"subject": list(split), "split": list(split.values()), "dataset": "set"})
    table.to_csv(folder / "split.csv", index=False)
    return count_flow(
        subjects=[folder / "subjects.csv"],
        duplicates=folder / "duplicates.csv",
        splits={"north": folder / "split.csv"},
        roles={"north": ["source"]},
        cases=pd.DataFrame({"target": "north", "subject": scored}),
    )


def test_every_subject_is_counted_once(tmp_path: Path) -> None:
    (one,) = flow(tmp_path, SPLIT, ["a4", "a4"])
    (north,) = one.domains
    assert (one.frames, one.found, one.not_annotated, one.copies, one.elsewhere, one.used) == (18, 9, 1, 1, 1, 7)
    assert one.found == one.copies + one.elsewhere + one.used
    assert sum(domain.subjects for domain in one.domains) == one.used + one.shared
    counts = (north.training, north.images_only, north.validation, north.test, north.unused, north.scored)
    assert counts == (2, 1, 1, 2, 1, 1)


@pytest.mark.parametrize(
    ("split", "scored", "fault"),
    [
        (SPLIT | {"a8": "train"}, ["a4"], "'a8', which is not there or was dropped"),
        (SPLIT | {"b1": "train"}, ["a4"], "'b1'"),
        (SPLIT, ["a1"], "'a1' is scored on north but is no test subject"),
    ],
)
def test_counts_that_do_not_add_up_are_refused(tmp_path: Path, split: dict, scored: list, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        flow(tmp_path, split, scored)


def test_boxes_neither_overlap_nor_overflow(tmp_path: Path) -> None:
    (one,) = flow(tmp_path, SPLIT, [])
    drawing = lay_out(replace(one, name="a data set whose name is longer than the box is wide"))
    for above, below in zip(drawing.boxes, drawing.boxes[1:]):
        assert above.y + above.height < below.y
    for box in drawing.boxes:
        assert box.x + box.width < WIDTH
        letters = [BOLD if box.strong and number == 0 else COLUMN for number in range(len(box.lines))]
        assert all(len(line) * letter <= box.width - 2 * PADDING for line, letter in zip(box.lines, letters))
    assert drawing.boxes[-1].y + drawing.boxes[-1].height < drawing.height
    assert "not tested" in drawing.boxes[-1].lines
