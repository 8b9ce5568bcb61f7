"""Names for people that nobody can turn back without a secret: salted subject keys, and the file of the salt."""

import hashlib
import hmac
import os
import re
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from cmrbridge.errors import InputError

NAME = ".salt"  # of the file, beside the studies of one folder and hidden: no study, crate or record holds it
KEY = re.compile(r"s[0-9a-f]{12}")


def read_salt(path: Path) -> bytes:
    """The secret that makes subject keys, drawn once and kept in ``path``, readable by its owner alone."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _draw(path)
    salt = path.read_text(encoding="ascii", errors="replace").strip().encode()
    if len(salt) < 32:
        raise InputError(f"{path}: a salt of fewer than 32 letters; remove the file, and a new one is drawn")
    return salt


def _draw(path: Path) -> None:
    """Of several jobs that draw at once one wins, and all go by its salt."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f"{path.name}.") as stream:  # the owner's alone
        stream.write(secrets.token_hex(32) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
        with suppress(FileExistsError):
            os.link(stream.name, path)


def subject_key(identity: str, salt: bytes) -> str:
    """A name for a person that nobody can turn back without the salt: equal identities, equal keys."""
    return "s" + hmac.new(salt, identity.encode(), hashlib.sha256).hexdigest()[:12]


def listed_as(subject: str, salt: bytes) -> str:
    """How a list of forgotten people names a subject: by its key, whether it is called by that or by a name."""
    return subject if KEY.fullmatch(subject) else subject_key(subject, salt)
