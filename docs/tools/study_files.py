"""What the studies' own files say, read for the page of their results."""

from pathlib import Path
from typing import Any

import yaml

from cmrbridge.plan.catalogue import merge

ROOT = Path(__file__).parents[2]
DATA = ROOT / "docs" / "results" / "data"


def comparisons_of(study: str, place: str) -> dict[str, Any]:
    """The study's own comparisons at a place, over those of config.yaml."""
    base = read_yaml(ROOT / "config.yaml")["comparisons"]
    merge(base, read_yaml(ROOT / "studies" / f"{study}.yaml")["comparisons"])
    base["primary_target"] = read_place(place)["primary_target"]
    return dict(base)


def arms_of(study: str) -> dict[str, Any]:
    """The catalogue of the study: config.yaml's arms and, over them, its own."""
    arms = read_yaml(ROOT / "config.yaml")["arms"]
    merge(arms, read_yaml(ROOT / "studies" / f"{study}.yaml").get("arms", {}))
    return dict(arms)


def adapting(study: str) -> set[str]:
    """The study's arms whose scores are not those of the network by itself."""
    return {name for name, arm in arms_of(study).items() if arm.get("test_translation") or arm.get("test_time")}


def read_place(name: str) -> dict[str, Any]:
    """The entry of workflow/places.yaml."""
    return dict(read_yaml(ROOT / "workflow" / "places.yaml")["places"][name])


def read_yaml(path: Path) -> dict[str, Any]:
    """A file that holds one mapping."""
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found
