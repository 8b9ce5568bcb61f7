"""Shared fixtures. Real data is read from the folder that CMRBRIDGE_DATA names, and from nowhere else."""

import os
from pathlib import Path

import pytest

from faults import Table, Tell, teller


def pytest_configure(config: pytest.Config) -> None:
    path = os.environ.get("CMRBRIDGE_FAULTS")
    if path and not hasattr(config, "workerinput"):  # the first process, not a worker of pytest-xdist
        config.pluginmanager.register(Table(Path(path)))


@pytest.fixture
def faults(request: pytest.FixtureRequest) -> Tell:
    return teller(request)


@pytest.fixture
def real_data() -> Path:
    folder = os.environ.get("CMRBRIDGE_DATA")
    if not folder:
        pytest.skip("set CMRBRIDGE_DATA to the folder that holds acdc/ and sunnybrook/ to run this test on real images")
    return Path(folder)
