"""The page of the papers' studies is the one that its committed score tables give."""

import pandas as pd
import pytest
import studies


def test_the_committed_page_is_made_from_the_committed_tables() -> None:
    assert studies.bundles(), "no study has left its scores"
    assert studies.PAGE.read_text(encoding="utf-8") == studies.page()


@pytest.mark.parametrize("folder", studies.bundles(), ids=lambda path: path.name)
def test_every_comparison_is_of_scores_that_are_there(folder) -> None:
    """The difference of means, from the scores themselves."""
    of = studies.gather(folder)
    cases, _ = of.bundle
    row = of.compared[(of.compared.structure == "LV") & (of.compared.metric == "dice")].iloc[0]
    same = cases[(cases.structure == "LV") & (cases.metric == "dice") & (cases.region == "whole")]
    same = same[(same.source == row.source) & (same.target == row.target) & (same.architecture == row.architecture)]
    means = {
        arm: same[same.arm == arm].groupby(["subject", "phase"]).value.mean().groupby("subject").mean().mean()
        for arm in (row.arm, row.baseline)
    }
    assert row.difference == pytest.approx(means[row.arm] - means[row.baseline], abs=1e-12)
    assert not pd.isna(row.p)
