"""Write the generated pages: `python docs/tools` (half a minute: bundles of scores are compared anew)."""

from pathlib import Path

import fault_page
import studies
import yaml
from config_reference import Reference, code_defaults

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"
PAGE = ROOT / "docs" / "reference" / "config.md"

if __name__ == "__main__":
    schema, base = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in (SCHEMA, ROOT / "config.yaml"))
    PAGE.write_text(Reference(schema, base, code_defaults()).page(), encoding="utf-8")
    studies.compare_bundles()
    studies.PAGE.write_text(studies.page(), encoding="utf-8")
    fault_page.PAGE.write_text(fault_page.page(), encoding="utf-8")
