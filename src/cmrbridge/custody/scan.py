"""A folder searched for identifiers: file names, and all that files say."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cmrbridge.custody.contents import Unread, parts_of
from cmrbridge.custody.words import Words
from cmrbridge.errors import InputError


class Report(Protocol):
    def __call__(self, step: int, total: int | None = None, **values: float) -> None: ...


@dataclass(frozen=True)
class Finding:
    """word: line of the list of identifiers, which is not told itself: findings end up in logs; 0 for a file that
    cannot be read, and of which nothing is known."""

    file: Path
    place: str
    word: int

    def __str__(self) -> str:
        if not self.word:
            return f"{self.file}: not read: {self.place}"
        return f"{self.file}: {self.place}: identifier of line {self.word}"


def scan(folder: Path, words: Words, report: Report, leave: Path | None = None) -> list[Finding]:
    """Every finding below ``folder``, by file; of one word in one part of a file the first place.

    Links are looked at by name and target, and by content where that lies outside ``folder``: copies of it would hold
    that. leave: a file that is not looked at (the list of identifiers itself). Memory does not grow with the files.
    """
    if not folder.exists():
        raise InputError(f"{folder}: no such folder; name results, or a folder that is to leave the house")
    files = [path for path in _files(folder) if leave is None or path.resolve() != leave.resolve()]
    findings: list[Finding] = []
    for done, path in enumerate(files, 1):
        findings += _in_name(path, folder, words)
        findings += _in_link(path, folder, words) if path.is_symlink() else _in_file(path, words)
        report(done, len(files), findings=float(len(findings)))
    return findings


def _files(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder]
    found = []
    for place, folders, names in os.walk(folder):
        links = [name for name in folders if Path(place, name).is_symlink()]
        found += [Path(place, name) for name in [*names, *links]] or ([] if folders else [Path(place)])
    return sorted(found)


def _in_name(path: Path, folder: Path, words: Words) -> Iterator[Finding]:
    """Each file's own name and those of its folders below ``folder``."""
    name = path.relative_to(folder).as_posix() if path != folder else path.name
    for word, _ in words.find(name):
        yield Finding(path, "its name", word)


def _in_link(path: Path, folder: Path, words: Words) -> list[Finding]:
    found = [Finding(path, "the target of the link", word) for word, _ in words.find(os.readlink(path))]
    if path.resolve().is_relative_to(folder.resolve()):  # looked at where it lies
        return found
    if path.is_dir():
        return [*found, Finding(path, "a link to a folder elsewhere; scan that too", 0)]
    return found + _in_file(path, words)


def _in_file(path: Path, words: Words) -> list[Finding]:
    found: dict[tuple[str, int], Finding] = {}  # by place and word
    if not path.is_file():
        return []
    try:
        for part in parts_of(path):
            for word, at in words.find(part.text):
                line = f"line {part.line + part.text.count(chr(10), 0, at)}" if part.line else ""
                found.setdefault((part.place, word), Finding(path, part.place or line or "its content", word))
    except Unread as error:
        return [*found.values(), Finding(path, str(error), 0)]
    return list(found.values())
