"""What a unit of work costs, from the records of finished studies: seconds of processor or GPU time, and bytes kept."""

import csv
import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from cmrbridge.errors import InputError
from cmrbridge.plan.cohorts import cohorts_of
from cmrbridge.plan.jobs import Job
from cmrbridge.plan.work import work_of

COLUMNS = ["rule", "variant", "device", "unit", "start_seconds", "seconds_per_unit", "bytes_per_job", "jobs", "studies"]
START = {"light": 3.0, "torch": 8.0}  # of a job's Python and what it imports, on two cores that were otherwise idle
LEAST = 0.2  # of a job's seconds at least are its work's, however short it was


def rates_of(studies: Iterable[Path]) -> pd.DataFrame:
    """One row (`COLUMNS`) per rule, variant and device, over all ``studies``, folders of finished results.

    A rate is the sum of seconds beyond the start over the sum of work: long jobs, whose share is surer, count for more.
    """
    measured = pd.concat([measured_jobs(folder) for folder in studies])
    measured["net"] = (measured.seconds - measured.start).clip(lower=LEAST * measured.seconds)
    rows = []
    for (rule, variant, device, unit), group in measured.groupby(["rule", "variant", "device", "unit"]):
        amount = group.amount.sum()
        rows.append(
            {
                "rule": rule,
                "variant": variant,
                "device": device,
                "unit": unit,
                "start_seconds": group.start.iloc[0],
                "seconds_per_unit": group.net.sum() / amount,
                "bytes_per_job": group.bytes.mean(),
                "jobs": len(group),
                "studies": " ".join(sorted(set(group.study))),
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def measured_jobs(folder: Path) -> pd.DataFrame:
    """One row per recorded job of a finished study: rule, folder, device, study, variant, unit, amount, seconds, start,
    bytes.

    seconds: of processor time, as far as benchmark.tsv tells; else, and on a GPU, which a job holds from beginning to
    end, of wall time, and then the start is added, which a record does not see.
    """
    paths = sorted(folder.rglob("*record.json"))
    if not paths:
        raise InputError(f"{folder}: holds no record.json; name the results folder of a study that has run")
    records = {path: json.loads(path.read_text(encoding="utf-8")) for path in paths}
    jobs = [_job(path, folder, record) for path, record in records.items()]
    cohorts = cohorts_of(jobs, folder)
    sharing = pd.Series([path.parent for path in paths]).value_counts()
    try:
        works = work_of(jobs, cohorts)
    except KeyError as error:
        raise InputError(
            f"{folder}: records of another version, without {error}; name a study that this one ran"
        ) from error
    rows = []
    for (path, record), job, work in zip(records.items(), jobs, works):
        start = START["torch" if record["device"] else "light"]
        kept = _bytes(path.parent) / sharing[path.parent]
        rows.append(
            {
                **{"rule": job.rule, "folder": job.folder, "device": job.device, "study": folder.name},
                **dataclasses.asdict(work),
                **{"seconds": _seconds(path, record, start, job.device), "start": start, "bytes": kept},
            }
        )
    return pd.DataFrame(rows).query("amount > 0")


def _job(path: Path, folder: Path, record: dict[str, Any]) -> Job:
    device = "gpu" if str(record["device"]).startswith("cuda") else "cpu"
    below = path.parent.relative_to(folder.parent).as_posix()
    return Job(
        record["rule"], f"results/{below}", record["wildcards"], record["params"], tuple(record["inputs"]), device
    )


def _seconds(path: Path, record: dict[str, Any], start: float, device: str) -> float:
    """Of a training in several sessions the benchmark holds the last: its share of the wall time goes for all."""
    wall, table = float(record["wall_seconds"]), path.parent / "benchmark.tsv"
    if device == "gpu" or path.name != "record.json" or not table.exists():
        return wall + start
    with table.open(encoding="utf-8", newline="") as file:
        row = next(csv.DictReader(file, delimiter="\t"))
    try:
        busy, last = float(row["cpu_time"]), float(row["s"])
    except ValueError:  # too short to be sampled
        return wall + start
    return busy if record["sessions"] == 1 else wall * min(1.0, busy / last)


def _bytes(folder: Path) -> int:
    """Of a folder's files, without those of folders below that have a record of their own."""
    total = 0
    for path in folder.iterdir():
        if path.is_file():
            total += path.stat().st_size
        elif not any(path.rglob("*record.json")):
            total += sum(one.stat().st_size for one in path.rglob("*") if one.is_file())
    return total
