"""People's data: identifiers looked for, keys of names, a person taken out of every store."""

import argparse
import os
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
    naming = commands.add_parser("keys", help="which subject of a data set stands behind which key; to the terminal")
    naming.set_defaults(command=show_keys)
    naming.add_argument("folder", type=Path, metavar="FOLDER", help="of the data set")
    naming.add_argument(
        "--reader", help="its layout: acdc, mnms, mnms2, nnunet, msd or manifest; recognised by default"
    )
    add_salt(naming)
    leaving = commands.add_parser("forget", help="take a person out of every study; lists what goes, --yes does it")
    leaving.set_defaults(command=forget_subject)
    leaving.add_argument(
        "subject", metavar="SUBJECT", help="name or number as the data set has it, or key; or DATASET/SUBJECT"
    )
    below = "folder of the studies; results by default"
    leaving.add_argument("--results", type=Path, default=Path("results"), metavar="FOLDER", help=below)
    leaving.add_argument("--yes", action="store_true", help="do it: what goes cannot be brought back")


def add_salt(command: argparse.ArgumentParser) -> None:
    where = "file of the secret that the keys are made with; results/.salt by default"
    command.add_argument("--salt", type=Path, default=Path("results/.salt"), metavar="FILE", help=where)


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


def show_keys(asked: argparse.Namespace) -> None:
    from cmrbridge.data.admit import keys_of

    for name, key in keys_of(asked.folder, asked.reader, asked.salt).items():
        print(f"{key}  {name}")


def forget_subject(asked: argparse.Namespace) -> None:
    from cmrbridge.custody.forget import find, forget
    from cmrbridge.runtime.removal import remove_runs

    request = find(asked.results, asked.subject)
    print(request.told())
    if asked.yes:
        forget(asked.results, request, os.environ.get("MLFLOW_TRACKING_URI") or None, remove_runs, print)
    else:
        print("nothing has been done: add --yes")
