"""Shared fixtures. Real data is read from the folder that CMRBRIDGE_DATA names, and from nowhere else."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def real_data() -> Path:
    folder = os.environ.get("CMRBRIDGE_DATA")
    if not folder:
        pytest.skip("set CMRBRIDGE_DATA to the folder that holds acdc/ and sunnybrook/ to run this test on real images")
    return Path(folder)
