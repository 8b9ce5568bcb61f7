"""The gate before the trainings: no error among the problems, and every domain split."""

from pathlib import Path

from cmrbridge.data.frames import read_table
from cmrbridge.errors import InputError
from cmrbridge.files import write_atomically


def ready(*, problems: Path, splits: list[Path], approved: Path) -> None:
    """Write all splits, one after the other, into ``approved``; InputError where the check found an error."""
    rows = read_table(problems, ["severity", "check", "file", "what", "remedy"], "run the check of the data again")
    errors = [row for row in rows if row["severity"] == "error"]
    if errors:
        first = errors[0]
        more = f" (and {len(errors) - 1} more errors)" if len(errors) > 1 else ""
        raise InputError(f"{first['file']}: {first['what']}; {first['remedy']}{more}: all are in {problems}")
    write_atomically(approved, b"".join(path.read_bytes() for path in splits))
