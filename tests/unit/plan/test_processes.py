"""A training is shared by several processes only where it stays what one process would train."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from cmrbridge.errors import InputError
from cmrbridge.plan.processes import check_processes

CONFIG = Path(__file__).parents[3] / "config.yaml"


@pytest.fixture
def config() -> dict[str, Any]:
    return {**yaml.safe_load(CONFIG.read_text()), "processes": 2}


def test_the_demo_can_be_shared_by_two(config: dict[str, Any]) -> None:
    for arm in config["arms"].values():
        arm.setdefault("mixstyle", None)  # as the schema fills it in
    check_processes(config)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"segmentation": {"batch": 15}}, r"segmentation\.batch: 15 can't be shared equally by 2"),
        ({"run": {"architectures": ["unet2d_batch"], "arms": []}}, "unet2d_batch normalises over the batch"),
        ({"run": {"architectures": ["unet2d"], "arms": ["mixstyle"]}}, "mixstyle mixes styles within the batch"),
    ],
)
def test_what_needs_the_whole_batch_is_refused(config: dict[str, Any], change: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        check_processes(config | change)
