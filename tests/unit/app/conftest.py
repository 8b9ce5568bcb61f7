"""A server for the tests that leave it as it is, and one each for those that break it."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from served import package, served
from serving import Served, running

__all__ = ["package", "served"]


@pytest.fixture
def serving(package: Path, tmp_path: Path) -> Callable[..., contextlib.AbstractContextManager[Served]]:
    """serving(**allowed) → a server of one's own, for those who break it."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    return lambda **allowed: running([package], temporary, **allowed)
