"""People's data: identifiers looked for, keys of names, a person taken out of every store."""

import argparse
import sys
from pathlib import Path
from typing import Any

FOUND = 1  # exit code of `scan`


def add(commands: Any) -> None:
    """The commands `scan`, `keys` and `forget`."""
    looking = commands.add_parser(
        "scan", help="identifiers in results or in what is to leave the house; code 1: found, or a file not read"
    )
    looking.set_defaults(command=scan_folder)
    looking.add_argument("folder", type=Path, metavar="FOLDER", help="such as results, or a crate")
    what = "names, numbers and dates (YYYY-MM-DD) to look for, one a line, UTF-8; keep it out of FOLDER"
    looking.add_argument("--words", type=Path, required=True, metavar="FILE", help=what)


def scan_folder(asked: argparse.Namespace) -> int:
    from cmrbridge.custody.scan import scan
    from cmrbridge.custody.words import read_words
    from cmrbridge.runtime.console import Progress

    progress = Progress("scan, files", sys.stderr)

    def show(step: int, total: int | None = None, **values: float) -> None:
        progress.show(step, total, values)

    try:
        findings = scan(asked.folder, read_words(asked.words), show, leave=asked.words)
    finally:
        progress.close()
    for one in findings:
        print(one)
    print(f"{asked.folder}: {len(findings)} findings", file=sys.stderr)
    return FOUND if findings else 0
