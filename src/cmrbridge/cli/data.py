"""Data sets: fetched from their hosts, converted from a scanner's files, checked."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from cmrbridge.cli.arguments import at_least_one, pair

ERRORS = 1  # exit code of `check`


def add(commands: Any) -> None:
    """The commands `download`, `dicom` and `check`."""
    add_download(commands)
    add_dicom(commands)
    add_check(commands)


def add_download(commands: Any) -> None:
    fetch = commands.add_parser("download", help="a data set of resources/datasets.tsv, verified and unpacked")
    fetch.set_defaults(command=download)
    fetch.add_argument("name", metavar="NAME", help="acdc, sunnybrook, mnms or mnms2")
    where = "FOLDER/NAME is made, its files lie in FOLDER/NAME.files; data by default"
    fetch.add_argument("-o", "--output", type=Path, default=Path("data"), metavar="FOLDER", help=where)
    without = "ask no server: take what lies in FOLDER/NAME.files (also CMRBRIDGE_OFFLINE=1)"
    fetch.add_argument("--offline", action="store_true", help=without)
    fetch.add_argument("--hours", type=at_least_one, default=12, help="patience with the servers for one file; 12")
    fetch.add_argument("--table", type=Path, default=Path("resources/datasets.tsv"), help="where data sets come from")


def add_dicom(commands: Any) -> None:
    dicom = commands.add_parser("dicom", help="short-axis cines of a DICOM folder as NIfTI, with a manifest")
    dicom.set_defaults(command=convert)
    dicom.add_argument("folder", type=Path, metavar="FOLDER", help="of the DICOM files, at any depth")
    dicom.add_argument("output", type=Path, metavar="OUTPUT", help="new folder: cines/, cines.csv, manifest.csv")
    which = "number of the short-axis series where several fit; KEY=NUMBER for one subject"
    dicom.add_argument("--series", nargs="+", default=[], metavar="NUMBER", help=which)
    apart = "what tells people apart: PatientID (patient), the study, or the first folder below FOLDER"
    dicom.add_argument("--subjects-by", choices=["patient", "study", "folder"], default="patient", help=apart)
    secret = "file of the secret that subject keys are made with, drawn where it is missing; OUTPUT.salt by default"
    dicom.add_argument("--salt", type=Path, metavar="FILE", help=secret)


def add_check(commands: Any) -> None:
    looking = commands.add_parser(
        "check", help="all that is wrong or odd with data sets: a table and a page; code 1: errors"
    )
    looking.set_defaults(command=check_data)
    looking.add_argument("folders", type=Path, nargs="+", metavar="PATH", help="folders of data sets")
    looking.add_argument(
        "--reader", help="their layout: acdc, mnms, mnms2, nnunet, msd or manifest; recognised by default"
    )
    codes = "code of a structure in the files, such as LV=3; the layout's own by default"
    looking.add_argument("--labels", type=pair, nargs="+", default=[], metavar="STRUCTURE=CODE", help=codes)
    where = "of problems.csv, check.html and summary.txt; check by default"
    looking.add_argument("-o", "--output", type=Path, default=Path("check"), metavar="FOLDER", help=where)
    looking.add_argument("--cores", type=at_least_one, default=1, help="processes that share the subjects; 1")


def download(asked: argparse.Namespace) -> None:
    from cmrbridge.fetch.dataset import fetch_dataset, sources_from
    from cmrbridge.fetch.download import Patience
    from cmrbridge.plan.downloads import files_of, offline, refuse_hopeless, sources_of, terms
    from cmrbridge.runtime.console import Progress
    from cmrbridge.runtime.lock import hold

    rows = sources_of(asked.table, asked.name)
    refuse_hopeless(rows, asked.output, asked.offline or offline({}))
    print(terms(rows), file=sys.stderr)
    files = files_of(asked.output, asked.name)
    files.mkdir(parents=True, exist_ok=True)
    progress = Progress(f"download {asked.name}, MiB", sys.stderr)

    def show(step: int, total: int | None) -> None:
        progress.show(step, total, {})

    try:
        with hold(files / ".lock", job=f"download {asked.name}"):
            patience = Patience(total=3600.0 * asked.hours)
            print(fetch_dataset(sources_from(rows), asked.output, os.environ, show, patience))
    finally:
        progress.close()


def convert(asked: argparse.Namespace) -> None:
    from cmrbridge.data.dicom.convert import DicomSettings, convert_dicom

    convert_dicom(
        folder=asked.folder,
        output=asked.output,
        settings=DicomSettings(tuple(asked.series), asked.subjects_by),
        salt=asked.salt or asked.output.with_name(f"{asked.output.name}.salt"),
        report=lambda done, total: print(f"{done} of {total} subjects", file=sys.stderr),
    )
    print(f"{asked.output}: cines.csv says what was taken and why; manifest.csv is for a study")


def check_data(asked: argparse.Namespace) -> int:
    from cmrbridge.data.check.command import check_folders
    from cmrbridge.runtime.console import Progress

    progress = Progress("check, subjects", sys.stderr)

    def show(step: int, total: int | None = None, **values: float) -> None:
        progress.show(step, total, values)

    try:
        text, errors = check_folders(asked.folders, asked.reader, dict(asked.labels), asked.output, show, asked.cores)
    finally:
        progress.close()
    print(text)
    return ERRORS if errors else 0
