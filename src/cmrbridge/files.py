"""Files that are whole or not there, whatever happens while they are written: the one way for weights and records."""

import errno
import os
from pathlib import Path

NO_SUCH_THING = (errno.EINVAL, errno.ENOTSUP)  # what some network file systems answer to the fsync of a folder


def write_atomically(path: Path, content: bytes | str, previous: Path | None = None) -> None:
    """Write a file so that a crash, a power cut or a full disk leaves the old one or the new one, never half of it.

    previous: where the old file goes once the new one is safely on the disk; between the two renames a crash leaves
    the old one under that name. Raises OSError, which names the file.
    """
    temporary = path.with_name(f".{path.name}.partial")
    try:
        with temporary.open("wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        if previous is not None and path.exists():
            os.replace(path, previous)
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        error.filename = error.filename or str(path)
        temporary.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """Without this a power cut may take a rename back."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_SUCH_THING:
            raise
    finally:
        os.close(descriptor)
