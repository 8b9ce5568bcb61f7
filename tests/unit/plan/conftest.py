"""The demo's config as the schema leaves it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
DEFAULTS = {"train_on": "source"} | dict.fromkeys(
    ["synthetic", "adversarial", "mixstyle", "translated", "test_translation", "test_time"]
)


@pytest.fixture
def config() -> dict[str, Any]:
    """The demo, with the defaults that the schema fills in."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    config["comparisons"] |= {"primary_metric": "dice", "claims": [], "follows": []}
    config["arms"] = {name: DEFAULTS | arm for name, arm in config["arms"].items()}
    for name in ("synthetic", "combined"):
        config["arms"][name]["synthetic"].setdefault("step", None)
    return config
