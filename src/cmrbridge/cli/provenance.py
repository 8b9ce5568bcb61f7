"""Where results come from."""

import argparse
from pathlib import Path
from typing import Any

from cmrbridge.cli.arguments import pair


def add(commands: Any) -> None:
    """The commands `trace` and `crate`."""
    study = {"type": Path, "metavar": "RESULTS", "help": "a study's folder, such as results/demo"}
    tracing = commands.add_parser(
        "trace", help="from a number of a table to the runs, code, machines and data behind it"
    )
    tracing.set_defaults(command=trace_number)
    tracing.add_argument("results", **study)
    what = "a name in paper/tables/numbers.json (dice/SOURCE/TARGET/ARCHITECTURE/ARM/mean), cases or comparisons"
    tracing.add_argument("number", metavar="NUMBER", help=what)
    tracing.add_argument("keys", nargs="*", type=pair, metavar="KEY=VALUE", help="which row of cases or comparisons")
    tracing.add_argument("--json", action="store_true", help="all that the records say, as JSON")
    crate = commands.add_parser("crate", help="export a study as an RO-Crate")
    crate.set_defaults(command=export_crate)
    crate.add_argument("results", **study)
    crate.add_argument("folder", type=Path, metavar="FOLDER", help="new folder of the crate")
    crate.add_argument("--images", action="store_true", help="with the pictures of patients, and the report")
    crate.add_argument("--weights", action="store_true", help="with the models")
    crate.add_argument("--snakefile", type=Path, default=Path("Snakefile"))


def trace_number(asked: argparse.Namespace) -> None:
    from cmrbridge.paper.trace import as_json, as_text, trace

    found = trace(asked.results, asked.number, dict(asked.keys))
    print(as_json(found) if asked.json else as_text(found))


def export_crate(asked: argparse.Namespace) -> None:
    from cmrbridge.paper.crate import write_crate

    count = write_crate(asked.results, asked.folder, asked.snakefile.parent, images=asked.images, weights=asked.weights)
    print(f"{asked.folder}: {count} files and ro-crate-metadata.json")
