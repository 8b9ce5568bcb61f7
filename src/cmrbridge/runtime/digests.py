"""What a job depends on, as digests and as text that names no machine."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cmrbridge.errors import InputError


def portable(path: str | Path) -> str:
    """A path as records show it: relative where it lies below the working directory, else the bare file name."""
    path = Path(path)
    if not path.is_absolute():
        return path.as_posix()
    here = Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else path.name


def plain(value: Any) -> Any:
    """A param as JSON can hold it, without the folders of this machine."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in (sorted(value) if isinstance(value, set) else value)]
    if isinstance(value, Path) or (isinstance(value, str) and value.startswith("/")):
        return portable(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def sha256(path: Path) -> str:
    """Digest of a file, or of a folder's sorted names and contents.

    InputError names no file within a folder: it ends up in logs, and files may be named after people.
    """
    try:
        if not path.is_dir():
            return _digest(path)
        members = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
        rows = "".join(f"{_digest(file)}  {file.relative_to(path).as_posix()}\n" for file in members)
        return hashlib.sha256(rows.encode()).hexdigest()
    except OSError as error:
        what = "a file in it cannot be read" if path.is_dir() else "cannot be read"
        raise InputError(f"{path}: {what} ({error.strerror}); check the path and the permissions") from None


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def input_digests(inputs: Iterable[Path]) -> dict[str, str]:
    """Portable name → sha256; a second file of one name from elsewhere is told apart by its number."""
    digests: dict[str, str] = {}
    for path in dict.fromkeys(inputs):
        name, number = portable(path), 2
        while name in digests:
            name, number = f"{portable(path)}#{number}", number + 1
        digests[name] = sha256(path)
    return digests


def stamp_of(params: dict[str, Any], inputs: dict[str, str], machine: str | None, precision: str | None) -> str:
    """What a resume state is valid for: params (the code's fingerprint among them), inputs, device class, dtype.

    ``precision`` is what "auto" means on this machine.
    """
    text = json.dumps({"params": params, "inputs": inputs, "device": machine}, sort_keys=True)
    return hashlib.sha256(text.replace('"auto"', f'"{precision}"').encode()).hexdigest()
