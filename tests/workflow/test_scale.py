"""A study of a thousand jobs is planned with as many calls a job as a smaller one: no job looks through all others."""

import cProfile
import pstats
from pathlib import Path

import pytest
import yaml

from cmrbridge.plan.dag import planned

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
ARMS = ["real", "classic", "fourier", "gin", "randomised", "winner", "mixstyle", "histogram", "synthetic", "dann"]
SEEDS = (4, 16, 32)  # 32: about a thousand jobs


def cost(folder: Path, seeds: int) -> tuple[int, int, int]:
    """(jobs, calls, calls of pandas) of planning the demo's scenario with these arms and so many seeds."""
    overlay = folder / f"{seeds}.yaml"
    overlay.write_text(yaml.safe_dump({"study": "many", "run": {"arms": ARMS, "seeds": list(range(seeds))}}))
    profile = cProfile.Profile()
    waiting, done = profile.runcall(planned, ROOT / "Snakefile", overlay, {}, 1)
    stats = pstats.Stats(profile)
    own = sum(calls for (file, *_), (_, calls, *_) in stats.stats.items() if "/pandas/" in file)  # type: ignore[attr-defined]
    return len(waiting) + len(done), stats.total_calls, own  # type: ignore[attr-defined]


def test_calls_grow_as_the_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cost(tmp_path, 1)  # imports, and the syntax trees of all modules, once
    (few, calls_few, pandas_few), (more, calls_more, _), (many, calls_many, pandas_many) = (
        cost(tmp_path, seeds) for seeds in SEEDS
    )
    assert many > 1000
    first, then = (calls_more - calls_few) / (more - few), (calls_many - calls_more) / (many - more)
    assert then < 1.1 * first, f"{first:.0f} calls for each further job, then {then:.0f}"
    assert pandas_many < 1.5 * pandas_few, "a job asks the table of all runs"
