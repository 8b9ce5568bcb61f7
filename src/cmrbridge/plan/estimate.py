"""What a study would cost before it starts: its jobs at the rates of finished ones."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cmrbridge.errors import InputError
from cmrbridge.plan.cohorts import cohorts_of
from cmrbridge.plan.jobs import Job
from cmrbridge.plan.nnunet import startable
from cmrbridge.plan.rates import COLUMNS
from cmrbridge.plan.work import work_of

UNRECORDED = 8.0  # seconds of a job that keeps no record: figures, tables, the report
SHOWN = 60.0  # seconds of a rule that has a line of its own
HOUR, GIGABYTE = 3600.0, 1e9


def read_rates(path: Path) -> pd.DataFrame:
    """The table that `rates_of` made; InputError unless it has its columns."""
    try:
        rates = pd.read_csv(path, sep="\t", keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable table ({error}); `cmrbridge rates RESULTS` writes one") from error
    lacking = [name for name in COLUMNS if name not in rates]
    if lacking:
        raise InputError(f"{path}: has no column {', '.join(lacking)}; `cmrbridge rates RESULTS` writes them")
    return rates


def costs_of(waiting: Sequence[Job], done: Sequence[Job], rates: pd.DataFrame) -> pd.DataFrame:
    """One row per waiting job: rule, folder, device, seconds (NaN where no rate is recorded for its device), bytes."""
    every = [*waiting, *done]
    results = next(Path(*Path(job.folder).parts[:2]) for job in every if job.rule != "download")  # which lies elsewhere
    works = work_of(every, cohorts_of(every, results))[: len(waiting)]
    recorded = set(rates.rule)
    told = rates.set_index(["rule", "variant", "device"])
    rows = []
    for job, work in zip(waiting, works):
        key = (job.rule, work.variant, job.device)
        seconds, size = (UNRECORDED, 0.0) if job.rule not in recorded else (float("nan"), 0.0)
        if key in told.index:
            rate = told.loc[key]
            seconds, size = rate.start_seconds + rate.seconds_per_unit * work.amount, rate.bytes_per_job
        rows.append({"rule": job.rule, "folder": job.folder, "device": job.device, "seconds": seconds, "bytes": size})
    return pd.DataFrame(rows, columns=["rule", "folder", "device", "seconds", "bytes"])


def wall_seconds(waiting: Sequence[Job], seconds: Sequence[float], cores: int, gpus: int) -> float:
    """The longest of three: the chain of jobs that wait for one another, all jobs shared among the cores, and those on
    a GPU shared among the GPUs."""
    chain: dict[int, float] = {}

    def until(index: int) -> float:
        if index not in chain:
            chain[index] = seconds[index] + max((until(one) for one in waiting[index].needs), default=0.0)
        return chain[index]

    longest = max(until(index) for index in range(len(waiting)))
    on_gpu = sum(each for job, each in zip(waiting, seconds) if job.device == "gpu")
    return max(longest, sum(seconds) / cores, on_gpu / gpus)


def told(waiting: Sequence[Job], costs: pd.DataFrame, cores: int, gpus: int) -> str:
    """The estimate as text: a line per rule, and the totals."""
    if costs.empty:
        return "Nothing is left to run."
    by_rule = costs.groupby("rule").agg(
        jobs=("rule", "size"),
        seconds=("seconds", lambda each: each.sum(skipna=False)),
        bytes=("bytes", "sum"),
    )
    by_rule = by_rule.sort_values("seconds", ascending=False)
    own = ~(by_rule.seconds < SHOWN)  # what has no rate is shown too
    lines = [
        f"{'rule':<24}{'jobs':>6}{'hours':>9}{'GB':>8}",
        *(_line(str(rule), row) for rule, row in by_rule[own].iterrows()),
        _line("all others", by_rule[~own].sum()),
        _line("total", by_rule.sum(skipna=False)),
        "",
    ]
    return "\n".join(
        [*lines, *_totals(waiting, costs, cores, gpus), *_unpriced(costs[costs.seconds.isna()]), *_absent(waiting)]
    )


def _line(name: str, row: pd.Series) -> str:
    hours = "unknown" if pd.isna(row.seconds) else f"{row.seconds / HOUR:.2f}"
    return f"{name:<24}{row.jobs:>6.0f}{hours:>9}{row.bytes / GIGABYTE:>8.2f}"


def _totals(waiting: Sequence[Job], costs: pd.DataFrame, cores: int, gpus: int) -> list[str]:
    priced = costs.seconds.fillna(0.0)
    hours = {device: group.seconds.sum(skipna=False) / HOUR for device, group in costs.groupby("device")}
    each = ", ".join(
        f"{device.upper()} hours {'unknown' if pd.isna(value) else f'{value:.2f}'}" for device, value in hours.items()
    )
    wall = wall_seconds(waiting, priced.tolist(), cores, gpus) / HOUR
    machine = f"{cores} cores" + (f" with {gpus} GPU" if "gpu" in hours else "")
    at_least = "" if costs.seconds.notna().all() else "at least "
    return [
        f"{each}; one job after the other {at_least}{priced.sum() / HOUR:.2f} h, "
        f"on {machine} {at_least or 'about '}{wall:.2f} h; disk {at_least}{costs.bytes.sum() / GIGABYTE:.2f} GB."
    ]


def _unpriced(jobs: pd.DataFrame) -> list[str]:
    if jobs.empty:
        return []
    kinds = ", ".join(f"{count} {rule}" for rule, count in jobs.rule.value_counts().items())
    return [
        f"Not counted, as no rate is recorded on their device ({', '.join(sorted(set(jobs.device)))}): {kinds}.",
        "`cmrbridge rates results/STUDY` makes rates of a study that has run there; --rates names the table.",
    ]


def _absent(waiting: Sequence[Job]) -> list[str]:
    pythons = sorted({job.python for job in waiting if job.python and not startable(job.python)})
    return [f"nnU-Net is not there ({python}): run `make nnunet-env` before the study." for python in pythons]
