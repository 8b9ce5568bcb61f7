"""Data of one's own: a manifest and a study drafted; data sets exported for other frameworks."""

import argparse
import sys
from pathlib import Path
from shlex import quote
from typing import Any

from cmrbridge.errors import InputError


def add(commands: Any) -> None:
    """The commands `init` and `export`."""
    init = commands.add_parser("init", help="a manifest and a study for a folder of NIfTI or DICOM files")
    init.set_defaults(command=draft_study)
    init.add_argument("folder", type=Path, metavar="PATH", help="images with or without labels, in any layout")
    where = "where manifest.csv and study.yaml go; PATH itself, of DICOM a new folder PATH-nifti"
    init.add_argument("-o", "--output", type=Path, metavar="FOLDER", help=where)
    export = commands.add_parser("export", help="a data set or a domain as a folder of nnU-Net or the Decathlon")
    export.set_defaults(command=export_data)
    data = "results/STUDY/ingest/NAME, results/STUDY/data/DOMAIN, or a data set's own folder"
    export.add_argument("data", type=Path, metavar="DATA", help=data)
    export.add_argument("-f", "--format", choices=["nnunet", "msd"], required=True)
    export.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="new folder")


def draft_study(asked: argparse.Namespace) -> None:
    from cmrbridge.data.own.init import describe, home_of
    from cmrbridge.files import write_atomically
    from cmrbridge.plan.draft import draft
    from cmrbridge.runtime.console import Progress

    output = asked.output or home_of(asked.folder)
    study = output / "study.yaml"
    if study.exists():
        raise InputError(f"{study}: is there already; name another folder by --output, or move it away")
    progress = Progress("init, files", sys.stderr)
    try:
        found = describe(
            folder=asked.folder,
            output=output,
            salt=output.resolve().with_name(f"{output.resolve().name}.salt"),
            report=lambda step, total=None: progress.show(step, total, {}),
        )
    finally:
        progress.close()
    dataset: dict[str, Any] = {"reader": found.reader, "path": str(found.folder.resolve())}
    dataset |= {"labels": found.labels} if found.labels else {}
    text, told = draft(asked.folder.resolve().name, dataset, found.subjects, study)
    output.mkdir(parents=True, exist_ok=True)
    write_atomically(study, text)
    print("\n".join([f"{asked.folder}", *(f"  {line}" for line in [*found.notes.found, *told])]))
    if found.notes.to_mend:
        print("\n".join(["To be told by you, where it matters:", *(f"  {line}" for line in found.notes.to_mend)]))
    codes = "".join(f" {name}={code}" for name, code in found.labels.items())
    print(f"Written: {', '.join(map(str, [*found.written, study]))}\nNext:")
    print(f"  cmrbridge check {quote(str(found.folder))}{f' --labels{codes}' if codes else ''}")
    print(f"  make plan STUDY={quote(str(study))}\n  make study STUDY={quote(str(study))}")


def export_data(asked: argparse.Namespace) -> None:
    from cmrbridge.data.exchange.export import export_cases, found_in, ingested
    from cmrbridge.data.frames import read_table
    from cmrbridge.runtime.console import Progress

    data, split = asked.data, asked.data / "split.csv"
    if split.is_file():
        dataset = read_table(split, ["dataset"], "run the study's split again")[0]["dataset"]
        cases = ingested(data.resolve().parents[1] / "ingest" / dataset / "subjects.csv", split)
    else:
        cases = ingested(data / "subjects.csv") if (data / "subjects.csv").is_file() else found_in(data)
    progress = Progress("export, frames", sys.stderr)
    try:
        told = export_cases(
            cases=cases,
            output=asked.output,
            form=asked.format,
            report=lambda step, total=None: progress.show(step, total, {}),
        )
    finally:
        progress.close()
    print("\n".join(told))
