"""A server for the tests that leave it as it is, and one each for those that break it."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serving import Served, running, write_package


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_package(tmp_path_factory.mktemp("packages") / "fast")


@pytest.fixture(scope="module")
def served(package: Path) -> Iterator[Served]:
    with tempfile.TemporaryDirectory(prefix="app-test-") as name, running([package], Path(name)) as server:
        yield server


@pytest.fixture
def serving(package: Path, tmp_path: Path) -> Callable[..., contextlib.AbstractContextManager[Served]]:
    """serving(**allowed) → a server of one's own, for those who break it."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    return lambda **allowed: running([package], temporary, **allowed)
