"""The small study, run here or on the tests' cluster, and what its trainings tell of themselves meanwhile."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open

from cluster.local_cluster import Cluster

ROOT = Path(__file__).parents[2]
CASES = "results/small/evaluation/cases.csv"
TRAINED = "results/small/segmentation/scanners/classic/unet2d/seed-0"
MODEL = f"{TRAINED}/model.safetensors"
CHECKPOINT_EVERY = 10  # steps, in study.yaml


@dataclass(frozen=True)
class Study:
    """A folder in which Snakemake runs the study; on this machine alone where there is no cluster."""

    folder: Path
    cluster: Cluster | None = None
    overlays: tuple[Path, ...] = ()

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Snakemake, at work; what it says goes to snakemake.log."""
        knobs = ["--cores", "2"] if self.cluster is None else SLURM
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
        command += ["--configfile", str(ROOT / "tests/cluster/study.yaml"), *map(str, self.overlays)]
        command += [*knobs, *arguments]
        environment = {**os.environ, **(self.cluster.variables if self.cluster else {})}
        environment |= {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
        environment.pop("MLFLOW_TRACKING_URI", None)
        with (self.folder / "snakemake.log").open("a") as log:
            return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log, text=True)

    def run(self, *arguments: str) -> int:
        """Exit code of a whole run."""
        return self.start(*arguments).wait()

    def said(self) -> str:
        return (self.folder / "snakemake.log").read_text()

    @property
    def training(self) -> "Training":
        """That of the arm `classic`."""
        return Training(self.folder / TRAINED)

    def result(self, path: str) -> bytes:
        return (self.folder / path).read_bytes()


@dataclass(frozen=True)
class Training:
    """A training's folder, read while it works."""

    folder: Path

    def step(self) -> int:
        """The last step of which its journal tells; 0 before the first."""
        try:
            lines = (self.folder / ".journal.jsonl").read_text().splitlines()
        except FileNotFoundError:
            return 0
        return max([json.loads(line).get("step", 0) for line in lines if line.endswith("}")], default=0)

    def lost(self) -> int:
        """Steps that a job which ended now has to do again."""
        return self.step() - self.saved()

    def saved(self) -> int:
        """The step of its resume state; 0 where there is none (now: a new one may just take its place)."""
        try:
            with safe_open(self.folder / "checkpoint.partial.safetensors", "numpy") as file:
                return int(json.loads(file.metadata()["about"])["step"])
        except FileNotFoundError:
            return 0

    def sessions(self) -> int:
        """How often it was started, once it is done."""
        return int(json.loads((self.folder / "record.json").read_text())["sessions"])


SLURM = [
    *("--workflow-profile", str(ROOT / "profiles/slurm"), "--jobs", "2", "--latency-wait", "5"),
    # of the profile's knobs only those that make a user wait are other than his
    *("--slurm-init-seconds-before-status-checks", "1"),
]
