"""Data sets fetched, converted, described, checked, exported; what a study would cost, who works on it, where its
numbers come from; the trainings without Snakemake, from packed files, in resumable slices, on a borrowed machine."""

import argparse
import os
import sys
from collections.abc import Sequence

import cmrbridge
from cmrbridge.cli import app, data, housekeeping, own, planning, privacy, provenance, tracking, training
from cmrbridge.runtime.stop import explanation, is_pause

USER_ERROR = 2
PAUSED = 75  # EX_TEMPFAIL: run the same again
QUIET = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; gives the exit code: 0 done, 1 errors in checked data or identifiers found, 2 the user's to mend,
    75 to be run again."""
    asked = parser().parse_args(arguments)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        return int(asked.command(asked) or 0)
    except Exception as error:
        line = explanation(error)
        if line is None:
            raise
        print(line, file=sys.stderr)
        return PAUSED if is_pause(error) else USER_ERROR


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="cmrbridge", description=__doc__)
    top.add_argument("--version", action="version", version=f"cmrbridge {cmrbridge.__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for group in (app, data, own, training, planning, provenance, privacy, housekeeping, tracking):
        group.add(commands)
    return top
