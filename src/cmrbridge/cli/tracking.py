"""MLflow is fed."""

import argparse
import contextlib
import os
from pathlib import Path
from typing import Any

from cmrbridge.cli.arguments import at_least_one


def add(commands: Any) -> None:
    """The command `sync`."""
    sync = commands.add_parser(
        "sync", help="feed MLflow what it does not know: the database beside the study, or MLFLOW_TRACKING_URI"
    )
    sync.set_defaults(command=feed_mlflow)
    studies = "folders such as results/demo; all of results/ by default"
    sync.add_argument("results", type=Path, nargs="*", metavar="RESULTS", help=studies)
    sync.add_argument("--follow", action="store_true", help="go on, for live curves, until Ctrl-C")
    sync.add_argument("--every", type=at_least_one, default=10, metavar="SECONDS", help="between two looks; 10")


def feed_mlflow(asked: argparse.Namespace) -> None:
    from cmrbridge.runtime.sync import follow, studies_below, sync

    uri = os.environ.get("MLFLOW_TRACKING_URI") or None

    def folders() -> list[Path]:
        return asked.results or studies_below(Path("results"))

    if not asked.follow:
        sync(folders(), uri)
        return
    with contextlib.suppress(KeyboardInterrupt):
        follow(folders, uri, asked.every)
