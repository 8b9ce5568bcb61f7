"""A job of a study, planned or recorded: what its cost is told by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Job:
    """One job. folder: where its record lies, relative to the working directory; needs: indices of the jobs that it
    waits for, among those that have not run; inputs: paths; python: interpreter of the environment of its own that
    the job needs, if any."""

    rule: str
    folder: str
    wildcards: Mapping[str, str]
    params: Mapping[str, Any]
    inputs: tuple[str, ...]
    device: str = "cpu"
    needs: tuple[int, ...] = field(default=())
    python: str | None = None
