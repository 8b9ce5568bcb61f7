"""The checklist's answers about claims and statistics, from studies that declared different claims."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from cmrbridge.evaluation.claimed import Claim, ComparisonSettings, compare_claims
from cmrbridge.paper.content import claims_told
from cmrbridge.paper.tables import read_claims
from unit.paper.test_report import write

ENDPOINT = Claim("synthetic", "classic", "dice")
SIZED = Claim("synthetic", "classic", "dice", by=0.05)
OTHER = Claim("classic", "real", "hd95")
NAMED = Claim("classic", "real", "hd95", words="others say so too")
QUOTED = Claim("synthetic", "classic", "dice", words="who says so")
FOLLOWING = {"quality": "images_frechet", "words": ""}
JUDGED = ", judged in the report's section Claims"


def declare(study: Path, claims: Sequence[Claim], target: str = "eclipse") -> pd.DataFrame:
    """claims.csv of these claims, on one target or on each."""
    settings = ComparisonSettings("classic", primary_arm="synthetic", primary_target=target, replicates=10)
    files = {"cases": study / "cases.csv", "claimed": study / "claims.csv"}
    compare_claims(settings=settings, claims=claims, **files)
    return read_claims(study / "claims.csv")


def answers(study: Path) -> dict[str, str]:
    """Number of an item → what the checklist beside the report answers."""
    rows = [line.strip("| ").split(" | ") for line in (study / "checklist.md").read_text().splitlines()]
    return {row[0]: row[3] for row in rows if len(row) == 4}


def test_the_statistics_name_every_test_and_both_families_of_holms_correction(study: Path, pictures: dict) -> None:
    """The two last claims are one test: it is corrected for once."""
    declare(study, [ENDPOINT, OTHER, NAMED])
    write(study, pictures)
    told = answers(study)
    assert told["4"].startswith("Primary endpoint, declared in the config before the run: Dice of synthetic ")
    assert told["4"].endswith(f". Claims, declared likewise: 3 that an arm is better than another{JUDGED}.")
    assert '<h2 id="verdicts">Claims</h2>' in (study / "report.html").read_text()
    assert "over 108 comparisons and, apart from these, over the 2 tests of claims" in told["29"]
    for test in ("Welch", "paired test", "Hedges' g", "mixed models, plain and with slopes", "hierarchical bootstrap"):
        assert test in told["29"]


@pytest.mark.parametrize(
    ("claims", "follows", "told"),
    [
        ([ENDPOINT], [], f"that of the endpoint{JUDGED}"),
        ([SIZED], [], f"1 that an arm is better than another{JUDGED}"),
        ([QUOTED], [], f"1 that an arm is better than another{JUDGED}"),
        ([OTHER], [], f"1 that an arm is better than another{JUDGED}"),
        ([ENDPOINT, OTHER], [], f"2 that an arm is better than another{JUDGED}"),
        ([], [FOLLOWING], f"1 that the gain follows the quality of generated pairs{JUDGED}"),
        ([], [], "none"),
    ],
)
def test_the_aims_count_the_claims(study: Path, claims: Sequence[Claim], follows: Sequence[object], told: str) -> None:
    assert claims_told(declare(study, claims), follows) == told


def test_a_claim_on_several_targets_is_one_claim(study: Path) -> None:
    table = declare(study, [OTHER], target="")
    assert len(table) == 2
    assert claims_told(table, [FOLLOWING]) == (
        "1 that an arm is better than another and 1 that the gain follows the quality of generated pairs" + JUDGED
    )
