"""What a study of many jobs costs before and beside its work: planning, a run with nothing to do, the start of a job.

    python benchmarks/scale.py [--sizes 100 1000 10000] [--json FILE] [--folder FOLDER]

Each size is a study on the phantom (scenarios × arms × architectures × seeds) planned by the project's own Snakefile:
once from nothing, and once finished, its outputs made empty, with the metadata that Snakemake would have written. Wall
and processor seconds and peak memory are of one `snakemake` process; on a busy machine the processor's count. The start
of a job is measured on jobs that do nothing but open one (log, lock, journal, record).
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
SCANNERS = ["aurora", "borealis", "corona", "dusk", "eclipse"]
ARMS = ["real", "classic", "fourier", "gin", "randomised", "winner", "mixstyle", "histogram", "synthetic", "dann"]
GRIDS = {100: (1, 1, 2), 1000: (5, 1, 6), 10000: (5, 2, 32)}  # about so many jobs: scenarios, architectures, seeds
IDLE_JOBS = 20
IDLE = """
rule all:
    input: expand("{number}/record.json", number=range(COUNT))
rule idle:
    output: record="{number}/record.json"
    log: "{number}/log.txt"
    script: "idle.py"
""".replace("COUNT", str(IDLE_JOBS))
IDLE_SCRIPT = "from cmrbridge.runtime.job import job\n\nwith job(snakemake):\n    pass\n"


@dataclass(frozen=True)
class Cost:
    """Of one process and its children: seconds by the clock, seconds of processors, largest memory in MB."""

    wall: float
    processor: float
    memory_mb: float


def overlay(scenarios: int, architectures: int, seeds: int) -> dict[str, Any]:
    """A study with this grid: every scanner in turn is the source, the others its targets."""
    chosen = SCANNERS[:scenarios]
    others = {source: [name for name in SCANNERS if name != source] for source in chosen}
    return {
        "study": "scale",
        "scenarios": {name: {"source": name, "unlabelled": others[name], "targets": others[name]} for name in chosen},
        "run": {
            "scenarios": chosen,
            "arms": ARMS,
            "architectures": ["unet2d", "unet2d_batch"][:architectures],
            "seeds": list(range(seeds)),
        },
    }


def measured(command: list[str], folder: Path) -> Cost:
    """Run it there; its output goes to output.txt. RuntimeError with the end of that where it fails."""
    with (folder / "output.txt").open("w") as stream:
        begun = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=stream, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
    if status:
        raise RuntimeError(f"{' '.join(command)}:\n{(folder / 'output.txt').read_text()[-3000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def snakemake(snakefile: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--cores", "1", *arguments]


def finish(folder: Path) -> int:
    """Make every output of the study in ``folder`` empty, as finished jobs would have left it; gives their number."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, ExecutionSettings, OutputSettings, Quietness, ResourceSettings

    os.chdir(folder)
    now = time.time()
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        planned = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=[folder / "overlay.yaml"]),
            snakefile=ROOT / "Snakefile",
        )
        with redirect_stdout(StringIO()):  # what prints the state of every file has built the graph
            planned.dag().summary()
        workflow = planned._workflow
        workflow.execution_settings = ExecutionSettings()
        jobs = [job for job in workflow.dag.jobs if job.output]
        for path in (Path(output) for job in jobs for output in job.output):
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix or path.name.startswith("."):
                path.touch()
            else:
                path.mkdir(exist_ok=True)
            os.utime(path, (now, now))  # all alike: none is newer than what it was made from

        async def record() -> None:
            for job in jobs:
                await workflow.persistence.finished(job)

        workflow.async_run(record())
    return len(jobs)


def planning(size: int, folder: Path) -> dict[str, Any]:
    """One row: the study's jobs, and the costs of planning it from nothing and of a run that has nothing to do."""
    folder.mkdir(parents=True)
    (folder / "overlay.yaml").write_text(yaml.safe_dump(overlay(*GRIDS[size])))
    chosen = ["--configfile", "overlay.yaml", "--quiet", "all"]
    fresh = measured(snakemake(ROOT / "Snakefile", "--dry-run", *chosen), folder)
    measured([sys.executable, __file__, "--finish", str(folder)], folder)
    jobs = int((folder / "output.txt").read_text().split()[-1])
    idle = measured(snakemake(ROOT / "Snakefile", *chosen), folder)
    return {"jobs": jobs, "plan": vars(fresh), "nothing to do": vars(idle)}


def idle_job(folder: Path) -> dict[str, float]:
    """Seconds of a job that only opens and closes: wall and of processors, Snakemake's own start left out."""
    folder.mkdir(parents=True)
    (folder / "Snakefile").write_text(IDLE)
    (folder / "idle.py").write_text(IDLE_SCRIPT)
    one = measured(snakemake(folder / "Snakefile", "0/record.json"), folder)
    rest = measured(snakemake(folder / "Snakefile"), folder)
    number = IDLE_JOBS - 2  # the second start runs one job less, and one of those is in the first
    return {"wall": (rest.wall - one.wall) / number, "processor": (rest.processor - one.processor) / number}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", choices=sorted(GRIDS), default=sorted(GRIDS))
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--folder", type=Path, help="where the studies are planned; default: a temporary folder")
    parser.add_argument("--finish", type=Path, help=argparse.SUPPRESS)  # the process that plays a study's end
    asked = parser.parse_args()
    if asked.finish:
        print(finish(asked.finish))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = (asked.folder or Path(name)).resolve()
        found: dict[str, Any] = {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count()}
        for size in asked.sizes:
            found[str(size)] = planning(size, folder / str(size))
            print(size, json.dumps(found[str(size)]), flush=True)
        found["idle job"] = idle_job(folder / "idle")
        print("idle job", json.dumps(found["idle job"]), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
