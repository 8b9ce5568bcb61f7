"""The study on a real Slurm, undisturbed and with what a cluster does to jobs: it ends as on one machine."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.conftest import copied
from cluster.local_cluster import Cluster, local_cluster, until
from cluster.study_on_slurm import CASES, CHECKPOINT_EVERY, MODEL, Study
from faults import Tell

pytestmark = pytest.mark.whole

TRAIN = "train_segmenter"
SLOW = 900.0  # seconds; on a busy machine a job takes minutes to begin


def in_the_middle(study: Study) -> str:
    """Wait until the training has saved its state at least once, and goes on; its Slurm job."""
    assert study.cluster is not None
    until("a training that has saved its state", lambda: study.training.saved() > 0, SLOW)
    job = study.cluster.working(TRAIN)
    assert job is not None
    return job


def ended(cluster: Cluster, job: str, state: str) -> None:
    until(f"the end of job {job}", lambda: cluster.states()[job] not in ("PENDING", "RUNNING", "COMPLETING"), SLOW)
    assert cluster.states()[job] == state


@contextmanager
def held_still(cluster: Cluster, job: str) -> Iterator[None]:
    """The job's processes stand still meanwhile: on a slow machine it would end before what is to find it at work."""
    found = [one for one in cluster.jobs_of(cluster.node_of(job)) if one.name() != "slurmstepd"]
    assert found
    for process in found:
        process.suspend()
    try:
        yield
    finally:
        for process in found:
            process.resume()


def test_a_cancelled_job_goes_on_in_another_and_the_scores_are_those_of_one_machine(
    here: Study, untrained: Study, cluster: Cluster, faults: Tell
) -> None:
    before = set(cluster.states())
    snakemake = untrained.start(CASES)
    job = in_the_middle(untrained)
    cluster.ask("scancel", job)
    ended(cluster, job, "CANCELLED")
    lost = untrained.training.lost()
    assert snakemake.wait() == 0, untrained.said()[-3000:]
    assert untrained.result(CASES) == here.result(CASES)
    assert untrained.training.sessions() == 2
    states = [state for number, state in cluster.states().items() if number not in before]
    assert sorted(states) == ["CANCELLED", *["COMPLETED"] * 4]  # training, prediction, scores, their table
    faults("Slurm: job cancelled", tried=1, survived=1, lost=lost, allowed=CHECKPOINT_EVERY)


@pytest.mark.long
def test_a_study_from_its_first_file_ends_as_on_one_machine(here: Study, cluster: Cluster, tmp_path: Path) -> None:
    """Duplicates, splits and the sign that all is ready share one job; the training is given a GPU."""
    before = set(cluster.states())
    study = Study(tmp_path, cluster)
    assert study.run(CASES, "--set-resources", f"{TRAIN}:gpu=1") == 0, study.said()[-3000:]
    assert study.result(CASES) == here.result(CASES)
    jobs = [cluster.ask("scontrol", "show", "job", number) for number in set(cluster.states()) - before]
    assert len(jobs) == 8
    assert [f"Comment=rule_{TRAIN}" in job for job in jobs if "gpu:1" in job] == [True]


@pytest.mark.long
def test_out_of_memory_is_tried_again_with_more(here: Study, untrained: Study, cluster: Cluster, faults: Tell) -> None:
    too_little = ["--set-resources", f"{TRAIN}:mem_mb=400 * attempt ** 2"]
    before = set(cluster.states())
    assert untrained.run(MODEL, *too_little) == 0, untrained.said()[-3000:]
    assert untrained.result(MODEL) == here.result(MODEL)
    states = [state for number, state in cluster.states().items() if number not in before]
    assert len(states) > 1
    assert states.count("COMPLETED") == 1
    faults("Slurm: out of memory", tried=len(states) - 1, survived=len(states) - 1, allowed=CHECKPOINT_EVERY)


@pytest.mark.long
def test_before_its_time_limit_a_training_saves_and_goes_on_in_the_next_job(
    here: Study, untrained: Study, faults: Tell, tmp_path: Path
) -> None:
    """Two minutes a job, asked to end a minute before, for a training that takes longer."""
    overlay = tmp_path / "long.yaml"
    overlay.write_text("presets: {cpu: {segmentation: {loop: {steps: 1200}}}}\n")
    alone = replace(copied(here, tmp_path / "alone", None), overlays=(overlay,))
    assert alone.run(MODEL) == 0, alone.said()[-3000:]
    study = replace(untrained, overlays=(overlay,))
    limits = ["--set-resources", f"{TRAIN}:runtime=2", f"{TRAIN}:slurm_extra='--signal=TERM@60'", "--retries", "40"]
    assert study.run(MODEL, *limits) == 0, study.said()[-3000:]
    assert study.result(MODEL) == alone.result(MODEL)
    told = "".join(log.read_text() for log in (study.folder / "slurm_logs").rglob("*.log"))
    pauses = re.findall(r"paused after step (\d+)", told)
    interrupted = study.training.sessions() - 1
    assert interrupted > 0
    faults("Slurm: time limit", tried=interrupted, survived=len(set(pauses)))


@pytest.mark.long
def test_a_job_submitted_twice_writes_once_and_the_second_names_the_first(
    here: Study, untrained: Study, cluster: Cluster, faults: Tell, tmp_path: Path
) -> None:
    snakemake = untrained.start(MODEL)
    job = in_the_middle(untrained)
    script, log = tmp_path / "twin.sh", tmp_path / "twin.log"
    cluster.ask("scontrol", "write", "batch_script", job, str(script))
    other = next(name for name in ("n1", "n2") if name != cluster.node_of(job))
    options = ["-t", "10", "--mem=2000", "-w", other, "-D", str(untrained.folder), "-o", str(log)]
    with held_still(cluster, job):
        twin = cluster.ask("sbatch", "--parsable", *options, str(script))
        ended(cluster, twin, "FAILED")
    assert snakemake.wait() == 0, untrained.said()[-3000:]
    assert untrained.result(MODEL) == here.result(MODEL)
    assert re.search(r"this job already runs as process \d+ on \w+", log.read_text())
    faults("Slurm: the same job submitted twice", tried=1, survived=1)


@pytest.mark.long
def test_a_killed_snakemakes_jobs_finish_and_are_not_started_a_second_time(
    here: Study, untrained: Study, cluster: Cluster, faults: Tell
) -> None:
    snakemake = untrained.start(MODEL)
    job = in_the_middle(untrained)
    snakemake.kill()
    snakemake.wait()
    with held_still(cluster, job):
        assert untrained.run(MODEL) != 0
        assert "LockException" in untrained.said()
        assert untrained.run("--unlock") == 0
        assert untrained.run(MODEL) != 0
        assert re.search(rf"jobs of an earlier run still work here \({job}\).*scancel --name", untrained.said())
    ended(cluster, job, "COMPLETED")
    assert untrained.run(MODEL) == 0, untrained.said()[-3000:]
    assert untrained.result(MODEL) == here.result(MODEL)
    assert untrained.training.sessions() == 1
    faults("Slurm: Snakemake killed while jobs run", tried=1, survived=1)


@pytest.fixture
def fragile(cluster: Cluster) -> Iterator[Cluster]:
    """A cluster of the test's own, which may lose a node. (``cluster`` says whether there can be one.)"""
    with local_cluster() as one:
        yield one


@pytest.mark.long
@pytest.mark.parametrize("jobs", [True, False], ids=["with its jobs", "but its jobs run on"])
def test_when_a_node_is_lost_another_goes_on(
    jobs: bool, here: Study, fragile: Cluster, faults: Tell, tmp_path: Path
) -> None:
    study = copied(here, tmp_path / "study", fragile)
    snakemake = study.start(MODEL)
    job = in_the_middle(study)
    fragile.lose(fragile.node_of(job), jobs)
    lost = study.training.lost() if jobs else 0
    if snakemake.wait() != 0:  # while the lost node's copy held the lock, all tries of the other failed
        assert not jobs
        assert study.run(MODEL) == 0, study.said()[-3000:]
    assert study.result(MODEL) == here.result(MODEL)
    name = "Slurm: node lost" if jobs else "Slurm: node cut off, its job running on"
    faults(name, tried=1, survived=1, lost=lost, allowed=CHECKPOINT_EVERY)
