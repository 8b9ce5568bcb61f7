"""A real Slurm cluster on this host, for as long as a ``with`` lasts; see keeper.py for what runs it."""

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from cluster.config import ADDRESS, Size
from cluster.processes import processes_of

TESTS = Path(__file__).parents[1]
INSTALL = "tests/cluster/install.sh (as root, on Debian or Ubuntu)"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "slurmdbd", "mariadbd")


@dataclass(frozen=True)
class Cluster:
    """folder: where its daemons write; variables: what a client's environment needs; pids: its daemons'."""

    folder: Path
    variables: dict[str, str]
    pids: dict[str, int]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.variables}

    def ask(self, *command: str) -> str:
        """What one of Slurm's commands says; CalledProcessError where it fails."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout.strip()

    def states(self) -> dict[str, str]:
        """Job → state, of all jobs so far."""
        rows = self.ask("squeue", "-h", "--states=all", "-o", "%i %T").splitlines()
        return dict(row.split() for row in rows)

    def working(self, rule: str) -> str | None:
        """The newest job of a rule of the study, where it has begun."""
        rows = self.ask("squeue", "-h", "--states=RUNNING", "--sort=-i", "-o", "%i %k").splitlines()
        return next((row.split()[0] for row in rows if f" rule_{rule}_" in row), None)

    def node_of(self, job: str) -> str:
        return self.ask("squeue", "-h", "-j", job, "-o", "%N")

    def jobs_of(self, node: str) -> list[psutil.Process]:
        """The processes of the jobs on a node, and the daemons of their steps."""
        found = []
        for process, variables in processes_of(self.variables["SLURM_CONF"]).items():
            if "SLURM_JOB_ID" in variables and variables.get("SLURMD_NODENAME") == node:
                parent = process.parent()
                found += [process, *([parent] if parent and parent.name() == "slurmstepd" else [])]
        return found

    def lose(self, node: str, jobs: bool = True) -> None:
        """A node as it goes when its power fails; without ``jobs``, when its network does: they run on, unheard."""
        os.kill(self.pids[node], signal.SIGKILL)
        for process in self.jobs_of(node) if jobs else []:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def why_not() -> str | None:
    """What this host lacks for a cluster, and what mends it; None where nothing is missing."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None]
    if missing:
        return f"{', '.join(missing)}: not installed; install with {INSTALL}"
    host = socket.gethostname().split(".")[0]
    with contextlib.suppress(OSError):
        if socket.gethostbyname(host) == ADDRESS:
            return None
    return f"the host's name {host} does not stand for {ADDRESS}: add '{ADDRESS} {host}' to /etc/hosts"


@contextmanager
def local_cluster(size: Size | None = None) -> Iterator[Cluster]:
    """Start one and stop it at the end; RuntimeError with the reason where it does not come up."""
    keeper = subprocess.Popen(
        [sys.executable, "-m", "cluster.keeper", json.dumps(dataclasses.asdict(size or Size()))],
        cwd=TESTS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a Ctrl-C at the terminal is not for it
    )
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    try:
        said = keeper.stdout.readline()
        if not said:
            raise RuntimeError("the cluster did not come up; the line above says why")
        about = json.loads(said)
        yield Cluster(Path(about["folder"]), about["variables"], about["pids"])
    finally:
        keeper.stdin.close()
        keeper.wait(60)
        keeper.stdout.close()


def until(what: str, ready: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for it; AssertionError with ``what`` when it does not come."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for: {what}"
        time.sleep(0.2)
