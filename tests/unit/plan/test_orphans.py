"""Jobs that a killed Snakemake left behind are told from other jobs, and from those of a Snakemake that lives."""

from pathlib import Path

import pytest

from cmrbridge.errors import InputError
from cmrbridge.plan.orphans import Job, parse, refuse_orphans

QUEUE = """\
17|0a1b|rule_train_masks_wildcards_a|/study
18|0a1b|rule_splits|/study
19|0a1b|rule_ingest|/elsewhere
20|shell|(null)|/study
"""


def test_only_snakemakes_jobs_of_this_folder_count() -> None:
    assert parse(QUEUE, Path("/study")) == [Job("17", "0a1b"), Job("18", "0a1b")]


@pytest.fixture
def orphaned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for which squeue, a script here, names one job."""
    squeue = tmp_path / "squeue"
    squeue.write_text(f"#!/bin/sh\necho '17|0a1b|rule_splits|{tmp_path}'\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path


def test_orphans_are_named_with_the_command_that_ends_them(orphaned: Path) -> None:
    with pytest.raises(InputError, match=r"\(17\).*scancel --name 0a1b"):
        refuse_orphans(orphaned)


def test_beside_a_living_snakemake_nothing_is_refused(orphaned: Path) -> None:
    locks = orphaned / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    for number in (0, 1):
        (locks / f"{number}.output.lock").touch()
    refuse_orphans(orphaned)
