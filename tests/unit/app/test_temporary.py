"""The server's folder: its own, gone at its end, and nobody else's is touched."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cmrbridge.app.temporary import private_folder
from serving import running


def test_what_a_killed_server_left_goes_at_the_next_start(package: Path, tmp_path: Path) -> None:
    program = (
        "import os, signal; from cmrbridge.app.temporary import private_folder\n"
        "with private_folder() as folder:\n"
        "    (folder / 'case').mkdir(); (folder / 'case' / 'upload').write_text('x')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program], env=os.environ | {"TMPDIR": str(tmp_path)}, check=False)
    assert len([*tmp_path.rglob("upload")]) == 1
    with running([package], tmp_path) as server:
        assert [*tmp_path.rglob("upload")] == []
        assert server.left() == []


def test_a_server_that_runs_keeps_its_folder_when_another_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with private_folder() as mine:
        with private_folder() as other:
            assert mine.is_dir()
            assert mine.stat().st_mode & 0o777 == 0o700
        assert not other.exists()
    assert [*tmp_path.iterdir()] == []


def test_folders_of_other_users_and_those_that_vanish_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    closed = tmp_path / "cmrbridge-app-other"
    closed.mkdir()
    (closed / "lock").touch()
    (tmp_path / "cmrbridge-app-gone").mkdir()  # its lock is gone already
    own = os.open

    def guarded(path: object, *rest: int, **how: int | None) -> int:
        if Path(str(path)).parent == closed:
            raise PermissionError(errno.EACCES, "denied")
        return own(path, *rest, **how)  # type: ignore[arg-type]

    monkeypatch.setattr("os.open", guarded)
    with private_folder() as mine:
        assert mine.is_dir()
    assert not mine.exists()
    assert (closed / "lock").exists()
