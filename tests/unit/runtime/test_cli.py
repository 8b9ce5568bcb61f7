"""The command line trains from one packed file, pauses, goes on, and tells a user's error in one line."""

import subprocess
import sys
from pathlib import Path

import pytest

from cmrbridge.cli import main
from trainings import write_inputs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_inputs(tmp_path, steps=4, checkpoint_every=2)
    return tmp_path


def train_segmenter(folder: Path, output: str, *more: str) -> int:
    files = ["--data", str(folder / "training.npz"), "--settings", str(folder / "settings.json")]
    return main(["train-segmenter", *files, "--output", str(folder / output), *more])


def test_it_trains_pauses_resumes_and_is_done(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_segmenter(folder, "whole") == 0
    codes = [train_segmenter(folder, "sliced", "--minutes", "0") for _ in range(4)]
    assert codes == [75, 75, 75, 0]
    assert "run the same" in capsys.readouterr().err
    for name in ("model.safetensors", "metrics.jsonl"):
        assert (folder / "whole" / name).read_bytes() == (folder / "sliced" / name).read_bytes()
    before = {path: path.stat().st_mtime_ns for path in (folder / "whole").iterdir()}
    assert train_segmenter(folder, "whole") == 0
    assert {path: path.stat().st_mtime_ns for path in (folder / "whole").iterdir()} == before
    assert {path.name for path in before} == {"model.safetensors", "metrics.jsonl", "record.json"}


@pytest.mark.parametrize(
    ("settings", "named"),
    [("{", "not a readable JSON"), ("[]", "no JSON object"), ('{"architecture": "mlp"}', "architectures.mlp")],
)
def test_bad_settings_are_one_line_and_code_2(
    folder: Path, capsys: pytest.CaptureFixture[str], settings: str, named: str
) -> None:
    (folder / "settings.json").write_text(settings)
    assert train_segmenter(folder, "out") == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert named in lines[0]


def test_a_missing_pack_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "training.npz").unlink()
    assert train_segmenter(folder, "out") == 2
    assert "training.npz: cannot be read" in capsys.readouterr().err


def test_an_output_that_can_be_no_folder_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "nowhere").symlink_to(folder / "gone")
    for output in ("training.npz", "settings.json/below", "nowhere"):
        assert train_segmenter(folder, output) == 2
        assert f"{output}: a file, or a link that leads nowhere" in capsys.readouterr().err


def test_module_and_version() -> None:
    done = subprocess.run([sys.executable, "-m", "cmrbridge", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("cmrbridge ")


@pytest.mark.parametrize("asked", [["--gpus", "0"], ["--cores", "0"], ["--cores", "two"], ["--gpus", "-1"]])
def test_a_plan_for_no_machine_is_refused(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["plan", "studies/li2025.yaml", *asked])
    assert stopped.value.code == 2
    assert f"argument {asked[0]}: '{asked[1]}' is not a whole number" in capsys.readouterr().err
