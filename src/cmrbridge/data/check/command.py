"""The check as a command: folders in, layouts recognised, files and summary out."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.data.check.folder import reader_of
from cmrbridge.data.check.run import check, datasets_of
from cmrbridge.data.readers import READERS
from cmrbridge.errors import InputError

if TYPE_CHECKING:  # the protocol lives beside torch, which reading files does not need
    from cmrbridge.core.loop import Report


def check_folders(
    folders: Sequence[Path], reader: str | None, labels: dict[str, str], output: Path, report: "Report", workers: int
) -> tuple[str, int]:
    """(summary and where the files are, number of errors); each data set takes its folder's name."""
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        raise InputError(
            f"{', '.join(map(str, folders))}: two folders have one name; rename one, it names the data set"
        )
    codes = _codes(labels)
    settings = [
        {"dataset": name, "reader": _reader(folder, reader), "labels": codes} for name, folder in zip(names, folders)
    ]
    files = [output / name for name in ("problems.csv", "check.html", "summary.txt")]
    problems = check(
        datasets=datasets_of(folders, settings),
        table=files[0],
        page_file=files[1],
        summary=files[2],
        report=report,
        workers=workers,
    )
    text = f"{files[2].read_text(encoding='utf-8')}{files[0]}, {files[1]}"
    return text, sum(one.severity == "error" for one in problems)


def _reader(folder: Path, asked: str | None) -> str:
    if asked is None or not folder.is_dir():
        return reader_of(folder)
    if asked not in READERS:
        raise InputError(f"--reader {asked}: no such reader; choose from {', '.join(READERS)}")
    return asked


def _codes(labels: dict[str, str]) -> dict[str, int]:
    wrong = [f"{name}={code}" for name, code in labels.items() if name not in STRUCTURES or not code.isdecimal()]
    if wrong:
        raise InputError(
            f"--labels {' '.join(wrong)}: write {' '.join(f'{name}={k}' for name, k in STRUCTURES.items())}"
        )
    return {name: int(code) for name, code in labels.items()}
