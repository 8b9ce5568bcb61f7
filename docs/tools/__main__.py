"""Write the generated pages: `python docs/tools`."""

from pathlib import Path

import yaml
from config_reference import Reference, code_defaults

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"
PAGE = ROOT / "docs" / "reference" / "config.md"

if __name__ == "__main__":
    schema, base = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in (SCHEMA, ROOT / "config.yaml"))
    PAGE.write_text(Reference(schema, base, code_defaults()).page(), encoding="utf-8")
