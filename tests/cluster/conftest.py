"""One cluster, and one run of the small study on this machine alone, for all tests that ask for them.

Without Slurm the tests are skipped, and say what installs it.
"""

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.local_cluster import Cluster, local_cluster, why_not
from cluster.study_on_slurm import CASES, Study


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    if reason := why_not():
        pytest.skip(reason)
    with local_cluster() as one:
        yield one


@pytest.fixture(scope="session")
def here(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The study, run on this machine alone; not without a cluster to compare it with."""
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip("Slurm's executor is not in this environment: make slurm-env")
    study = Study(tmp_path_factory.mktemp("here"))
    assert study.run(CASES) == 0, study.said()[-3000:]
    return study


@pytest.fixture
def untrained(here: Study, cluster: Cluster, tmp_path: Path) -> Study:
    """The study on the cluster, its data in order and nothing trained yet."""
    return copied(here, tmp_path / "study", cluster)


def copied(study: Study, folder: Path, cluster: Cluster | None) -> Study:
    """The study's data alone, somewhere else."""
    trained = shutil.ignore_patterns("segmentation", "predictions", "evaluation", "snakemake.log")
    shutil.copytree(study.folder, folder, ignore=trained)
    return Study(folder, cluster)
