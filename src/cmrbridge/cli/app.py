"""Exported networks at work: the page on one's own machine, and the same without a page."""

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """The commands `serve` and `predict`."""
    folder = "folder of `snakemake export`: results/STUDY/export/NAME"
    serve = commands.add_parser("serve", help="segment studies in the browser, on this machine alone")
    serve.set_defaults(command=serve_page)
    serve.add_argument("models", type=Path, nargs="+", metavar="MODEL", help=folder)
    serve.add_argument("--port", type=int, default=0, help="of 127.0.0.1; a free one where it is left out")
    serve.add_argument("--no-browser", action="store_true", help="only print the address")
    predict = commands.add_parser("predict", help="segment a file or a folder by an exported network")
    predict.set_defaults(command=predict_files)
    predict.add_argument("--model", type=Path, required=True, metavar="MODEL", help=folder)
    what = "NIfTI file, DICOM folder, zip or tar; or a folder of NIfTI files, a study each"
    predict.add_argument("-i", "--input", type=Path, required=True, metavar="IN", help=what)
    out = "mask (.nii.gz); of a folder of NIfTI files a new folder, names kept"
    predict.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help=out)


def serve_page(asked: argparse.Namespace) -> None:
    from cmrbridge.app.serve import serve

    serve(asked.models, asked.port, not asked.no_browser)


def predict_files(asked: argparse.Namespace) -> None:
    from cmrbridge.app.command import predict_all

    for line in predict_all(asked.model, asked.input, asked.output):
        print(line, flush=True)
