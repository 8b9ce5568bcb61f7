"""Fixtures of the app's tests: a package, and a server of it for those who leave it as it is."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving import Served, running, write_package


@contextlib.contextmanager
def started(folder: Path, **allowed: int) -> Iterator[Served]:
    """A server of one package, in a temporary folder of its own."""
    with tempfile.TemporaryDirectory(prefix="app-test-") as name, running([folder], Path(name), **allowed) as server:
        yield server


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_package(tmp_path_factory.mktemp("packages") / "fast")


@pytest.fixture(scope="module")
def served(package: Path) -> Iterator[Served]:
    with started(package) as server:
        yield server
