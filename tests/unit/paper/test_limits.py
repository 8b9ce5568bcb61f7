"""Each limit appears where it applies and nowhere else."""

from dataclasses import replace

import pandas as pd
import pytest

from cmrbridge.evaluation.claims import Conditions
from cmrbridge.paper.limits import FEW, Facts, limits
from cmrbridge.paper.records import Training

HALF = {"device": "cpu", "precision": "bfloat16"}


def people() -> pd.DataFrame:
    """One data set: domains a, b and c, each of two vendors that share a centre; every scan at 1.5 mm, outlined."""
    scans = [
        {"domain": domain, "split": split, "subject": f"{domain}{split}{vendor}", "phase": "ED", "dataset": "set"}
        | {"vendor": vendor, "centre": domain, "pathology": "NOR", "annotated": "LV MYO RV"}
        | {"cut_off": "0.0", "spacing_x": "1.5"}
        for domain in "abc"
        for split in ("train", "test")
        for vendor in ("V", "W")
    ]
    return pd.DataFrame(scans)


def facts() -> Facts:
    """A study that no rule objects to."""
    runs = [(target, seed, f"s{n}") for target in "abc" for seed in range(3) for n in range(FEW)]
    cases = pd.DataFrame(runs, columns=["target", "seed", "subject"])
    return Facts(
        cases=cases.assign(source="a", arm="plain", architecture="unet2d", structure="LV"),
        compared=pd.DataFrame({"baseline": ["plain"]}),
        people=people(),
        records=[{"git_commit": "abc"}],
        trainings=[Training("s", "plain", "unet2d", 0, {"device": "cpu", "precision": "float32"}, 0.0, 0)],
        access={"plain": "none"},
        readers={"set": "acdc"},
        nominal=[],
        spacing_mm=1.5,
        conditions=Conditions(),
    )


def altered(column: str, value: str, where: str) -> pd.DataFrame:
    table = people()
    table.loc[table.eval(where), column] = value
    return table


def test_a_study_without_faults_has_no_limits_of_its_own() -> None:
    assert limits(facts()) == []


def test_architectures_may_differ_in_device_and_precision() -> None:
    caged = replace(facts().trainings[0], architecture="nnunet2d", record={"device": "cuda", "precision": None})
    assert limits(replace(facts(), trainings=[*facts().trainings, caged])) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"readers": {"set": "phantom"}}, "images of set are simulated"),
        ({"nominal": ["b", "not scored"]}, "The millimetres of b are nominal"),
        ({"cases": facts().cases.query("target != 'c'")}, "met one other domain (b)"),
        ({"cases": facts().cases.query("target != 'c' or subject != 's0'")}, f"c {FEW - 1}"),
        ({"cases": facts().cases.query("seed < 2")}, "Fewer than 3 training runs (plain 2)"),
        ({"people": people().assign(centre=lambda table: table.vendor)}, "Each vendor comes from one centre"),
        ({"people": altered("dataset", "other", "domain == 'b'")}, "different data sets (a → b)"),
        ({"people": altered("pathology", "HCM", "domain == 'b'")}, "No training subject of a is labelled HCM, as"),
        ({"people": people().assign(annotated="LV")}, "set has no outlines of MYO and RV at ED"),
        ({"people": altered("cut_off", "0.05", "subject == 'btestV'")}, "up to 5.0 % of a label (b, btestV)"),
        ({"spacing_mm": 2.5}, "finest file has 1.5 mm"),
        ({"spacing_mm": 2.5, "nominal": ["a", "b", "c"]}, "The millimetres of a, b and c are nominal"),
        ({"access": {"plain": "none", "oracle": "oracle"}}, "oracle: such an arm"),
        (
            {"trainings": [*facts().trainings, replace(facts().trainings[0], record=HALF)]},
            "Trainings of unet2d ran on more than one precision (bfloat16 and float32)",
        ),
        ({"records": [{"git_commit": "abc"}, {"git_commit": "def"}]}, "2 states of the code"),
        ({"records": [{"git_commit": "abc+dirty"}]}, "files that no commit holds"),
        ({"records": [{"git_commit": None}]}, "outside a repository"),
    ],
)
def test_each_limit_by_itself(change: dict, told: str) -> None:
    (line,) = limits(replace(facts(), **change))
    assert told in line


def test_an_oracle_that_never_learnt_a_structure_is_no_ceiling_of_it() -> None:
    told = limits(
        replace(
            facts(),
            cases=pd.concat([facts().cases, facts().cases.assign(arm="oracle", structure="RV")]),
            people=altered("annotated", "LV MYO", "domain != 'a'"),
            access={"plain": "none", "oracle": "oracle"},
        )
    )
    assert sum(line.startswith("oracle learnt from b and c, where nobody outlined RV") for line in told) == 1
    assert not any("plain learnt" in line for line in told)
