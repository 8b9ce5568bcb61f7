"""The page of keys says what the schema says, of every key, and is the one that is committed."""

import re
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from config_reference import OWNERS, Reference, code_defaults

ROOT = Path(__file__).parents[2]
SCHEMA = yaml.safe_load((ROOT / "workflow" / "schemas" / "config.schema.yaml").read_text(encoding="utf-8"))
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
TOY = {
    "$defs": {
        "share": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "description": "of all"},
        "size": {
            "type": "object",
            "properties": {"side": {"type": "integer", "multipleOf": 16, "description": "pixels"}},
        },
    },
    "properties": {
        "image": {"$ref": "#/$defs/size", "description": "the crop"},
        "arms": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["kind", "calls"],
                "properties": {
                    "kind": {"enum": ["a", "b"], "description": "which"},
                    "share": {"$ref": "#/$defs/share"},
                    "half": {"$ref": "#/$defs/share", "description": "one | other"},
                    "calls": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2},
                    "extra": {
                        "oneOf": [{"type": "null"}, {"type": "object", "properties": {"deep": {"type": "boolean"}}}],
                        "default": None,
                        "description": "more",
                    },
                },
            },
        },
        "presets": {"type": "object", "additionalProperties": {"properties": {"image": {"$ref": "#/$defs/size"}}}},
    },
}


def stray(node: Any) -> list[str]:
    """Keys without a value, such as what follows a comma in a description without quotes."""
    if isinstance(node, list):
        return [key for one in node for key in stray(one)]
    if not isinstance(node, dict):
        return []
    own = [str(key) for key, value in node.items() if value is None and key != "default"]
    return own + [key for value in node.values() for key in stray(value)]


def test_no_description_is_cut_off_at_a_comma() -> None:
    assert stray(SCHEMA) == []
    assert stray(yaml.safe_load("{a: [{description: one, two}]}")) == ["two"]


def rows(page: str) -> dict[str, list[str]]:
    """Key → [type, default, meaning]."""
    cells = [re.split(r" *(?<!\\)\| *", line)[1:-1] for line in page.splitlines() if line.startswith("| `")]
    return {key.strip("`"): rest for key, *rest in cells}


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("image.side", ["integer a multiple of 16", "`64`", "pixels"]),
        ("arms.NAME.kind", ["`a` or `b`", "required", "which"]),
        ("arms.NAME.share", ["number > 0, ≤ 1", "`0.5`", "of all"]),
        ("arms.NAME.half", ["number > 0, ≤ 1", "", r"one \| other"]),
        ("arms.NAME.calls", ["list of 2 or more: integer ≥ 1", "required", ""]),
        ("arms.NAME.extra", ["`null` or mapping", "`null`", "more"]),
        ("arms.NAME.extra.deep", ["`true` or `false`", "", ""]),
        ("presets.NAME.image", ["mapping", "", "as [`image`](#image)"]),
    ],
)
def test_a_key_is_told_with_type_default_and_meaning(key: str, said: list[str]) -> None:
    found = rows(Reference(TOY, {"image": {"side": 64}}, {"arms.NAME.share": 0.5, "arms.NAME.calls": 3}).page())
    assert found[key] == said


def test_a_definition_that_is_told_above_is_not_told_twice() -> None:
    assert "presets.NAME.image.side" not in rows(Reference(TOY, {}, {}).page())


def test_every_key_of_a_study_has_a_meaning() -> None:
    found = rows(Reference(SCHEMA, BASE, {}).page())
    assert len(found) > 200
    assert [key for key, (*_, meaning) in found.items() if not meaning] == []


def leaves(value: Any, path: str = "") -> list[str]:
    if not isinstance(value, dict) or not value:
        return [path]
    return [leaf for key, child in value.items() for leaf in leaves(child, f"{path}.{key}" if path else str(key))]


def test_every_value_of_the_demo_has_its_row_or_section() -> None:
    """Names of catalogues' entries aside, what config.yaml sets is on the page."""
    page = Reference(SCHEMA, BASE, {}).page()
    known = {re.sub(r"\.NAME\b", "", key) for key in rows(page)} | set(re.findall(r"^## `(\w+)`", page, re.MULTILINE))
    named = {"datasets", "domains", "scenarios", "augmentations", "adversarial", "test_time", "arms", "presets"}
    plain = [leaf for leaf in leaves(BASE) if leaf.split(".")[0] not in named and ".methods." not in leaf]
    assert [leaf for leaf in plain if leaf not in known] == []


@pytest.mark.parametrize("path", OWNERS)
def test_the_settings_that_defaults_are_taken_from_have_these_keys(path: str) -> None:
    module, _, kind = OWNERS[path].rpartition(".")
    names = {field.name for field in fields(getattr(import_module(f"cmrbridge.{module}"), kind))}
    below = {
        key.removeprefix(f"{path}.") for key in rows(Reference(SCHEMA, BASE, {}).page()) if key.startswith(f"{path}.")
    }
    assert {key for key in below if "." not in key} - names <= {"insist"}  # of the choice, not of one candidate


def test_the_page_is_up_to_date() -> None:
    """`make reference` writes it."""
    page = (ROOT / "docs" / "reference" / "config.md").read_text(encoding="utf-8")
    assert page == Reference(SCHEMA, BASE, code_defaults()).page()


def test_every_metric_that_can_be_compared_can_have_a_margin() -> None:
    told = SCHEMA["properties"]["comparisons"]["properties"]
    assert set(told["margins"]["properties"]) == set(told["metrics"]["items"]["enum"])
