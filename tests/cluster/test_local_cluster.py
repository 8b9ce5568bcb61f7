"""The cluster of the tests: it runs jobs, listens on the loopback device alone, and leaves nothing behind."""

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from cluster.config import Size
from cluster.local_cluster import TESTS, Cluster, local_cluster, until, why_not
from cluster.processes import processes_of

pytestmark = pytest.mark.whole

needs_slurm = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


def test_a_job_runs_and_completes(cluster: Cluster) -> None:
    job = cluster.ask("sbatch", "--parsable", "-t", "1", "--mem=50", "-o", "/dev/null", "--wrap", "srun -n1 true")
    until("a job that completes", lambda: cluster.states()[job] not in ("PENDING", "RUNNING", "COMPLETING"))
    assert cluster.states()[job] == "COMPLETED"


def test_no_daemon_listens_beyond_the_loopback_device(cluster: Cluster) -> None:
    heard = [
        one.laddr.ip
        for pid in cluster.pids.values()
        for one in psutil.Process(pid).net_connections("inet")
        if one.status == psutil.CONN_LISTEN
    ]
    assert heard
    assert set(heard) == {"127.0.0.1"}


@needs_slurm
def test_with_accounting_finished_jobs_are_in_the_database() -> None:
    with local_cluster(Size(accounting=True)) as cluster:
        job = cluster.ask("sbatch", "--parsable", "-t", "1", "--mem=50", "-o", "/dev/null", "--wrap", "true")
        until("the job in sacct", lambda: "COMPLETED" in cluster.ask("sacct", "-X", "-n", "-j", job, "-o", "State"))
        assert cluster.ask("sacct", "-X", "-n", "-P", "-j", job, "-o", "JobID,ExitCode").split() == [f"{job}|0:0"]


@needs_slurm
def test_nothing_is_left_when_whoever_started_it_is_killed() -> None:
    """Jobs are running meanwhile, of which one ignores that it is asked to end."""
    keeper = subprocess.Popen([sys.executable, "-c", KILLED], cwd=TESTS, stdout=subprocess.PIPE, text=True)
    assert keeper.stdout is not None
    about = json.loads(keeper.stdout.readline())
    settings = about["settings"]
    until("four daemons, the job and its step", lambda: len(processes_of(settings)) >= 6)
    keeper.kill()
    keeper.wait()
    until("an end of all processes", lambda: not processes_of(settings))
    until("an end of the folder", lambda: not Path(settings).parent.exists())


KILLED = """
import json, time
from cluster.local_cluster import local_cluster, until
with local_cluster() as cluster:
    deaf = "trap '' TERM; sleep 99"
    job = cluster.ask("sbatch", "--parsable", "-t", "5", "--mem=50", "-o", "/dev/null", "--wrap", deaf)
    until("a running job", lambda: cluster.states()[job] == "RUNNING")
    print(json.dumps({"settings": cluster.variables["SLURM_CONF"]}), flush=True)
    time.sleep(99)
"""
