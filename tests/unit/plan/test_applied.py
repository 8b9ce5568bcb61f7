"""Domains that are segmented and never scored: which runs segment them, and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest

from cmrbridge.errors import InputError
from cmrbridge.plan.config import datasets_of, domains_of, labelled_domains, resolve, scenario_domains
from cmrbridge.plan.grid import applied, grid

Config = dict[str, Any]


@pytest.fixture
def study(config: Config) -> Callable[..., Config]:
    """study(domains=…, arms=…): the demo beside whose domains a clinic stands, resolved."""
    config["datasets"]["clinic"] = {"reader": "phantom", "scanners": ["dusk"], "subjects": 2, "seed": 1}
    config["domains"]["clinic"] = {"dataset": "clinic"}
    return lambda **apply: resolve(config | {"apply": {**config["apply"], **apply}})


def test_the_baseline_segments_where_no_arm_is_named(study: Callable[..., Config]) -> None:
    told = study(domains=["clinic"])
    assert set(applied(grid(told), told).arm) == {"classic"}
    assert "clinic" in domains_of(told)
    assert "clinic" not in labelled_domains(told) | set(scenario_domains(told))
    assert "clinic" in datasets_of(told)


def test_without_a_domain_nobody_segments(study: Callable[..., Config]) -> None:
    told = study()
    assert applied(grid(told), told).empty
    assert domains_of(told) == scenario_domains(told)


def test_every_architecture_and_seed_of_the_arms_segments(study: Callable[..., Config]) -> None:
    told = study(domains=["clinic"], arms=["real", "dann"])
    runs = grid(told)
    assert len(applied(runs, told)) == len(runs[runs.arm.isin(["real", "dann"])]) == 4


@pytest.mark.parametrize(
    ("apply", "words"),
    [
        ({"domains": ["hospital"]}, "apply.domains.*hospital"),
        ({"domains": ["eclipse"]}, "apply.domains: eclipse is a source, target or centre.*take it out"),
        ({"domains": ["clinic"], "arms": ["oracle"]}, "apply.arms.*oracle"),
        ({"domains": ["clinic"], "arms": ["da"]}, "apply.arms: da translates.*without test_translation"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    study: Callable[..., Config], apply: dict[str, list[str]], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        study(**apply)
