"""Our ingest against nnU-Net's fingerprint and preprocessing of the same subjects, each in one process of one thread.

nnU-Net is given the folder that `cmrbridge export` writes, and its 2-D configuration alone, the cheaper one. Not
counted are imports and the planning between its two stages; the start of its worker is. Ours reads, checks, finds the
heart, crops, and draws the picture.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from common import Row, options, publish

from cmrbridge.data.check.folder import reader_of
from cmrbridge.data.exchange.export import export_cases, found_in
from cmrbridge.data.frames import IngestSettings
from cmrbridge.data.ingest import ingest
from cmrbridge.data.phantom.generate import PhantomSettings, generate_phantom

CAGE = Path(__file__).parents[1] / ".venv-nnunet" / "bin" / "python"
NAME = "Dataset001_bench"
THEIRS = """
import json, time
from nnunetv2.experiment_planning.plan_and_preprocess_api import extract_fingerprints, plan_experiments, preprocess
def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
if __name__ == "__main__":
    first = seconds(lambda: extract_fingerprints([1], num_processes=1, verbose=False, show_progress_bar=False))
    plan_experiments([1])
    second = seconds(lambda: preprocess([1], configurations=("2d",), num_processes=(1,), show_progress_bar=False))
    print("SECONDS", json.dumps([first, second]))
"""


def ours(folder: Path, out: Path, size: int) -> float:
    start = time.perf_counter()
    ingest(
        settings=IngestSettings(dataset="bench", reader=reader_of(folder), size=size, spacing_mm=160 / size),
        folder=folder,
        subjects=out / "subjects.csv",
        prepared=out / "prepared.npz",
        picture=out / "qc.png",
        report=lambda *values, **named: None,
    )
    return time.perf_counter() - start


def theirs(home: Path) -> tuple[float, float]:
    """Seconds of the fingerprint and of the preprocessing of the data set below ``home``/raw."""
    shutil.rmtree(home / "preprocessed", ignore_errors=True)
    variables = {f"nnUNet_{part}": str(home / part) for part in ("raw", "preprocessed", "results")}
    program = home / "theirs.py"
    program.write_text(THEIRS)
    result = subprocess.run(
        [str(CAGE), str(program)], env={**os.environ, **variables}, capture_output=True, text=True, cwd=home
    )
    told = [line for line in result.stdout.splitlines() if line.startswith("SECONDS ")]
    if result.returncode or not told:
        raise SystemExit(f"nnU-Net failed:\n{result.stdout[-2000:]}\n{result.stderr[-4000:]}")
    fingerprint, preprocessing = json.loads(told[0].removeprefix("SECONDS "))
    return float(fingerprint), float(preprocessing)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--data", type=Path, help="a data set's folder; without it the phantom")
    parser.add_argument("--subjects", type=int, default=20, help="of the phantom")
    parser.set_defaults(repeats=3)
    chosen = parser.parse_args()
    if not CAGE.exists():
        sys.exit(f"{CAGE} is not there: make nnunet-env")
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        folder = chosen.data
        if folder is None:
            folder = home / "phantom"
            scanned = PhantomSettings(scanners=("aurora",), subjects=chosen.subjects)
            generate_phantom(settings=scanned, folder=folder, report=lambda *values, **named: None)
        cases = found_in(folder)
        export_cases(cases=cases, output=home / "raw" / NAME, form="nnunet", report=lambda *values, **named: None)
        rounds = []
        for turn in range(chosen.repeats):
            out = home / f"ours{turn}"
            out.mkdir()
            rounds.append((ours(folder, out, chosen.size), *theirs(home)))
            print(turn, [f"{value:.1f} s" for value in rounds[-1]], flush=True)
        people = len({case.frame.subject for case in cases})
        publish({f"{people} subjects, {len(cases)} frames": _rows(np.median(rounds, axis=0), people)}, chosen.json)


def _rows(seconds: np.ndarray, people: int) -> list[Row]:
    own, fingerprint, preprocessing = (float(value) for value in seconds)
    both = fingerprint + preprocessing
    return [
        {"who": "ours", "seconds a subject": own / people, "ours is faster by": 1.0},
        {"who": "nnU-Net, fingerprint", "seconds a subject": fingerprint / people, "ours is faster by": ""},
        {"who": "nnU-Net, preprocessing 2d", "seconds a subject": preprocessing / people, "ours is faster by": ""},
        {"who": "nnU-Net, both", "seconds a subject": both / people, "ours is faster by": both / own},
    ]


if __name__ == "__main__":
    main()
