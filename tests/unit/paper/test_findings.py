"""The gap is between scores of the same structures."""

from itertools import product

import pandas as pd
import pytest

from cmrbridge.paper.findings import gap_sentences, gaps

HOME = {("ED", "LV"): 0.9, ("ED", "RV"): 0.7, ("ES", "LV"): 0.8}
AWAY = {("ED", "LV"): 0.85, ("ED", "MYO"): 0.5, ("ES", "LV"): 0.71}


def table(**targets: dict[tuple[str, str], float]) -> pd.DataFrame:
    rows = [
        ("s", "home", target, "real", "unet2d", seed, subject, phase, structure, "whole", "dice", value)
        for (target, scores), seed, subject in product(targets.items(), (0, 1), ("a", "b"))
        for (phase, structure), value in scores.items()
    ]
    keys = ["study", "source", "target", "arm", "architecture", "seed", "subject", "phase", "structure", "region"]
    return pd.DataFrame(rows, columns=[*keys, "metric", "value"])


def test_what_one_of_the_two_has_no_outlines_of_does_not_count() -> None:
    (gap,) = gaps(table(home=HOME, away=AWAY))
    assert gap["mean_home"] == pytest.approx((0.9 + 0.8) / 2)
    assert gap["mean_worst"] == pytest.approx((0.85 + 0.71) / 2)
    assert gap["points"] == pytest.approx(7)
    (line,) = gap_sentences(table(home=HOME, away=AWAY), "real")
    assert "over what is outlined on both (ED LV; ES LV): a gap of 7.0 points" in line


def test_the_worst_target_is_where_most_is_lost_of_what_can_be_compared() -> None:
    """Its plain mean would be «far»'s, which has only the easy structure."""
    far = {("ED", "RV"): 0.69}
    (gap,) = gaps(table(home=HOME, away=AWAY, far=far))
    assert gap["worst_target"] == "away"
    assert gaps(table(home={("ED", "RV"): 0.7}, away={("ED", "LV"): 0.7})) == []
