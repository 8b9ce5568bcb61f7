"""The page of a study's keys, from the closed schema, the values of config.yaml and the code's own defaults."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from importlib import import_module
from typing import Any

import yaml

Schema = Mapping[str, Any]

NAME = "^[A-Za-z0-9_][A-Za-z0-9_.-]*$"
LIMITS = {
    "minimum": "≥",
    "exclusiveMinimum": ">",
    "maximum": "≤",
    "exclusiveMaximum": "<",
    "multipleOf": "a multiple of",
}
PLAIN = {"string": "text", "boolean": "`true` or `false`", "null": "`null`", "object": "mapping"}
HEADER = ["| key | type and range | default | meaning |", "|---|---|---|---|"]

# The settings, as the code holds them, of the keys below a path
OWNERS = {
    "split": "data.split.SplitSettings",
    "augmentations.NAME": "segmentation.augment.AugmentSettings",
    "adversarial.NAME": "segmentation.adversarial.DannSettings",
    "masks.train": "masks.model.MaskTraining",
    "masks.sample": "masks.sample.MaskSampling",
    "synthesis.train": "synthesis.model.SpadeTraining",
    "synthesis.render": "synthesis.render.ImageRendering",
    "translation.methods.NAME": "translation.settings.Translation",
    "translation.train": "translation.model.TranslationTraining",
    "fidelity": "evaluation.sets.FidelitySettings",
    "privacy": "evaluation.privacy.AuditSettings",
    "segmentation.loop": "core.loop.LoopSettings",
}

INTRODUCTION = """\
<!-- Written by `make reference` from workflow/schemas/config.schema.yaml and config.yaml: change those, not this. -->

# Every key of a study

A study is an overlay of [config.yaml](../../config.yaml): mappings merge, lists and values replace. Its
[schema](../../workflow/schemas/config.schema.yaml) is closed: a key that is not on this page is an error. *Default* is
the value where a study says nothing: config.yaml's, else the schema's, else the code's. Where it is empty, leaving the
key out means just that: no such thing.

A *catalogue* holds entries under names of your own, for which `NAME` stands here. A *name* is made of letters, digits,
`_`, `.` and `-`.
"""


@dataclass(frozen=True)
class Reference:
    """What the page is made of: the schema, the study that every other is laid over, and the code's default by path."""

    schema: Schema
    base: Schema
    code: Mapping[str, Any]

    def page(self) -> str:
        """Markdown, one section per top-level key in the schema's order."""
        keys = self.schema["properties"]
        return "\n".join([INTRODUCTION, *(self.section(name, keys[name]) for name in keys)])

    def section(self, name: str, schema: Schema) -> str:
        """A top-level key and the table of all that lies below it."""
        whole = self.expanded(schema)
        rows = list(self.below(name, whole))
        value = "" if rows else self.default(name, whole, self.schema)
        facts = ", ".join(filter(None, [self.kind(whole), value and f"default {value}"]))
        about = f"*{facts}*: {text(whole)}" if text(whole) else f"*{facts}*"
        return "\n".join([f"## `{name}`", "", about, *(["", *HEADER, *rows] if rows else []), ""])

    def below(self, path: str, schema: Schema) -> Iterator[str]:
        """The rows of all keys below ``path``, depth first. Of alternatives (oneOf) each gives its own rows; the
        entries of a list stand at ``path[]``."""
        for alternative in schema.get("oneOf", []):
            yield from self.below(path, self.expanded(alternative))
        if "items" in schema:
            yield from self.below(f"{path}[]", self.expanded(schema["items"]))
        children = dict(schema.get("properties", {}))
        if isinstance(schema.get("additionalProperties"), Mapping):
            children["NAME"] = schema["additionalProperties"]
        for name, child in children.items():
            whole = self.expanded(child)
            key, same = f"{path}.{name}", self.top_level(child)
            about = f"as [`{same}`](#{same})" if same else text(whole)
            nested = list(() if same else self.below(key, whole))
            if about or not nested:  # a mere folder of keys needs no row of its own
                yield row(f"`{key}`", self.kind(whole), self.default(key, whole, schema), about)
            yield from nested

    def top_level(self, schema: Schema) -> str:
        """The top-level key whose definition this one repeats, or ""."""
        keys = self.schema["properties"]
        named = schema.get("$ref") if self.expanded(schema).get("properties") else None
        return next((key for key in keys if named and keys[key].get("$ref") == named), "")

    def expanded(self, schema: Schema) -> dict[str, Any]:
        """The schema with its ``$ref`` laid under what stands beside it."""
        own = {key: value for key, value in schema.items() if key != "$ref"}
        if "$ref" not in schema:
            return own
        return self.expanded(self.schema["$defs"][schema["$ref"].removeprefix("#/$defs/")]) | own

    def default(self, path: str, schema: Schema, parent: Schema) -> str:
        """The value where a study has none at ``path``; "required" where an entry of a catalogue or of a list must
        have one."""
        value: Any = self.base
        for part in path.split("."):
            value = value.get(part, MISSING) if isinstance(value, Mapping) else MISSING
        value = schema.get("default", MISSING) if value is MISSING else value
        if value is MISSING and ("NAME" in path or "[]" in path) and path.split(".")[-1] in parent.get("required", []):
            return "required"
        if value is MISSING and path in self.code:
            own = self.code[path]
            value = [own] if schema.get("type") == "array" and not isinstance(own, list) else own
        return "" if value is MISSING or (isinstance(value, Mapping) and value) else f"`{flow(value)}`"

    def kind(self, schema: Schema) -> str:
        """Type and allowed values: "integer ≥ 1", "`a` or `b`", "list of 2: number > 0"."""
        if "enum" in schema:
            return " or ".join(f"`{flow(value)}`" for value in schema["enum"])
        if "oneOf" in schema:
            return " or ".join(dict.fromkeys(self.kind(self.expanded(one)) for one in schema["oneOf"]))
        types = schema.get("type", "any value")
        return " or ".join(self.simple(one, schema) for one in ([types] if isinstance(types, str) else types))

    def simple(self, name: str, schema: Schema) -> str:
        """One type with the limits that belong to it."""
        if name == "array":
            return self.sequence(schema)
        if name in ("integer", "number"):
            return " ".join([name, ", ".join(f"{sign} {schema[key]}" for key, sign in LIMITS.items() if key in schema)])
        if name == "object" and isinstance(schema.get("additionalProperties"), Mapping):
            return "catalogue"
        if "pattern" in schema:
            return "name" if schema["pattern"] == NAME else f"text like `{schema['pattern']}`"
        return PLAIN.get(name, name)

    def sequence(self, schema: Schema) -> str:
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        count = f" of {least}" if least and least == most else f" of {least} or more" if least else ""
        alike = ", no two alike" if schema.get("uniqueItems") else ""
        return f"list{count}{alike}: {self.kind(self.expanded(schema.get('items', {})))}"


def code_defaults() -> dict[str, Any]:
    """Path of a key → its default in the settings of `OWNERS`; loads torch."""
    found = {}
    for path, name in OWNERS.items():
        module, _, kind = name.rpartition(".")
        for field in fields(getattr(import_module(f"cmrbridge.{module}"), kind)):
            if field.default is not MISSING:
                value = field.default
                found[f"{path}.{field.name}"] = list(value) if isinstance(value, tuple) else value
    return found


def row(*cells: str) -> str:
    return "| " + " | ".join(cell.strip().replace("|", "\\|") for cell in cells) + " |"


def text(schema: Schema) -> str:
    """The description on one line."""
    return " ".join(schema.get("description", "").split()).replace("<", "\\<")


def flow(value: Any) -> str:
    """The value as YAML on one line."""
    dumped = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000, sort_keys=False)
    return str(dumped).removesuffix("...\n").strip()
