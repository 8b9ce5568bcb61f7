"""What Slurm costs, measured on the tests' own cluster: its start, the overhead of a job, one against two at a time.

    make slurm-env; tests/cluster/install.sh; python benchmarks/slurm.py [--json FILE] [--repeats 5]

Four trainings of the small study (tests/cluster/study.yaml, two arms, two seeds) are run one at a time on this machine
alone, then through Slurm one at a time and two at a time, one thread each. A job's work is what Snakemake's benchmark
counts, from the start of the script's Python to its end; all else is overhead. Snakemake looks for ended jobs as the
tests do (first after 1 s, each look 10 s later than the last); the profile's first look is after 10 s.
"""

import argparse
import csv
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from cluster.config import Size  # noqa: E402
from cluster.local_cluster import Cluster, local_cluster, why_not  # noqa: E402
from cluster.study_on_slurm import Study  # noqa: E402

READY = "results/small/data/.ready"
ARMS, SEEDS = ("real", "classic"), (0, 1)
TRAININGS = [f"results/small/segmentation/scanners/{arm}/unet2d/seed-{seed}" for arm in ARMS for seed in SEEDS]
MODELS = [f"{folder}/model.safetensors" for folder in TRAININGS]

Row = dict[str, str | float]


@dataclass(frozen=True)
class Run:
    """How one way of doing the trainings went, in seconds. wall: from Snakemake's start to its end; work: of each
    training; queued, in_slurm: of each Slurm job, from submission to begin and from begin to end."""

    name: str
    wall: float
    work: list[float]
    queued: list[float]
    in_slurm: list[float]

    def row(self) -> Row:
        jobs = len(self.work)
        return {
            "": self.name,
            "wall s": self.wall,
            "work s": sum(self.work),
            "wait in the queue, s a job": sum(self.queued) / jobs,
            "start and end inside a job, s": (sum(self.in_slurm) - sum(self.work)) / jobs if self.in_slurm else 0.0,
        }


def start_ups(repeats: int) -> list[Row]:
    rows: list[Row] = []
    for accounting in (False, True):
        seconds = []
        for _ in range(repeats):
            begin = time.perf_counter()
            with local_cluster(Size(accounting=accounting)):
                seconds.append(time.perf_counter() - begin)
        name = "with slurmdbd and MariaDB" if accounting else "without accounting"
        rows.append({"": name, "median s": statistics.median(seconds), "slowest s": max(seconds)})
    return rows


def train(study: Study, name: str, *arguments: str) -> Run:
    """Do the trainings, as if none had been done; RuntimeError with Snakemake's words where one fails."""
    for folder in TRAININGS:
        for path in (study.folder / folder).glob("*"):
            path.unlink()
    begin = time.time()
    if study.run(*MODELS, *arguments) != 0:
        raise RuntimeError(study.said()[-3000:])
    wall = time.time() - begin
    queued, in_slurm = times_in_slurm(study.cluster, begin) if study.cluster else ([], [])
    return Run(name, wall, [work_of(study.folder / folder) for folder in TRAININGS], queued, in_slurm)


def work_of(training: Path) -> float:
    with (training / "benchmark.tsv").open(newline="") as stream:
        return float(next(csv.DictReader(stream, delimiter="\t"))["s"])


def times_in_slurm(cluster: Cluster, since: float) -> tuple[list[float], list[float]]:
    """(seconds in the queue, seconds from begin to end) of the jobs submitted since then."""
    os.environ["SLURM_TIME_FORMAT"] = "%s"
    rows = [line.split() for line in cluster.ask("squeue", "-h", "--states=all", "-o", "%V %S %e").splitlines()]
    times = [tuple(map(int, row)) for row in rows if int(row[0]) >= int(since)]
    return [begin - submit for submit, begin, _ in times], [end - begin for _, begin, end in times]


def figures(alone: Run, one: Run, two: Run) -> list[Row]:
    """One row a figure. Two jobs slow each other; what is gained apart from that and all overhead is told too."""
    told = {
        "wall a training lost to Slurm, one at a time, s": (one.wall - alone.wall) / len(MODELS),
        "share of the wall that is no work, this machine alone": 1 - sum(alone.work) / alone.wall,
        "share of the wall that is no work, Slurm, one at a time": 1 - sum(one.work) / one.wall,
        "speed-up of the grid, two jobs at a time": one.wall / two.wall,
        "the same, overhead apart": 2 * sum(one.work) / sum(two.work),
    }
    return [{"": name, "value": value} for name, value in told.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the tables there too")
    parser.add_argument("--repeats", type=int, default=5, help="starts of the cluster; the median counts")
    arguments = parser.parse_args()
    if reason := why_not():
        sys.exit(reason)
    with tempfile.TemporaryDirectory() as name, local_cluster() as cluster:
        folder = Path(name)
        overlay = folder / "grid.yaml"
        compared = {"baseline": "real", "reference": "real", "primary_arm": "classic"}
        overlay.write_text(json.dumps({"run": {"arms": ARMS, "seeds": SEEDS}, "comparisons": compared}))
        here, there = Study(folder, None, (overlay,)), Study(folder, cluster, (overlay,))
        if here.run(READY):
            raise RuntimeError(here.said()[-3000:])
        alone = train(here, "this machine alone, one at a time", "--cores", "1")
        one = train(there, "Slurm, one at a time", "--jobs", "1")
        two = train(there, "Slurm, two at a time", "--jobs", "2")
    tables = {
        "Start of the cluster": start_ups(arguments.repeats),
        "Four trainings": [alone.row(), one.row(), two.row()],
        "Figures": figures(alone, one, two),
    }
    for title, rows in tables.items():
        print(f"\n{title}")
        for row in rows:
            cells = (value if isinstance(value, str) else f"{key}: {value:.2f}" for key, value in row.items())
            print("  " + ", ".join(cells))
    if arguments.json:
        machine = {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count()}
        arguments.json.write_text(json.dumps(machine | tables, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
