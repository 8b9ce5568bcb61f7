"""The salt: one for all who ask, and its owner's alone."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cmrbridge.core.keys import listed_as, read_salt, subject_key
from cmrbridge.errors import InputError


def test_jobs_that_draw_at_once_go_by_one_salt(tmp_path: Path) -> None:
    for attempt in range(20):
        path = tmp_path / f"results {attempt}" / ".salt"
        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(read_salt, [path] * 8))) == 1
        assert [one.name for one in path.parent.iterdir()] == [".salt"]
        assert path.stat().st_mode & 0o077 == 0


def test_a_salt_cut_short_is_refused(tmp_path: Path) -> None:
    (tmp_path / "salt").write_text("abc")
    with pytest.raises(InputError, match="fewer than 32"):
        read_salt(tmp_path / "salt")


def test_a_list_names_people_by_keys_alone() -> None:
    salt = b"0" * 64
    key = subject_key("Jane", salt)
    assert listed_as("Jane", salt) == listed_as(key, salt) == key
