"""One cluster for all tests that ask for it; without Slurm they are skipped, and say what installs it."""

from collections.abc import Iterator

import pytest

from cluster.local_cluster import Cluster, local_cluster, why_not


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    if reason := why_not():
        pytest.skip(reason)
    with local_cluster() as one:
        yield one
