"""A study under way: who works on it, and who does no more."""

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """The commands `status` and `unlock`."""
    status = commands.add_parser("status", help="jobs under way, paused, killed or failed; who holds which lock")
    status.set_defaults(command=show_status)
    unlock = commands.add_parser("unlock", help="remove Snakemake's lock of this folder where nobody works any more")
    unlock.set_defaults(command=remove_lock)
    for command in (status, unlock):
        command.add_argument("results", type=Path, nargs="?", default=Path("results"), metavar="RESULTS")


def show_status(asked: argparse.Namespace) -> None:
    from cmrbridge.runtime.snakelock import told
    from cmrbridge.runtime.status import table, unfinished

    jobs = unfinished(asked.results)
    print(table(jobs) if jobs else f"{asked.results}: no job under way, paused, killed or failed")
    print(f"Snakemake, {Path.cwd()}: {told(Path.cwd())}")


def remove_lock(asked: argparse.Namespace) -> None:
    from cmrbridge.runtime.snakelock import unlock

    print(unlock(Path.cwd(), asked.results))
