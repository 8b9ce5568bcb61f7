"""What the server allows."""

import errno
import os
from dataclasses import dataclass

MIB, GIB = 1 << 20, 1 << 30
MOST_CORES = 16  # each thread of each network takes some of `Allowed.memory`: 128 of them leave hardly any
FULL_DISK = "the disk is full; make room in the folder for temporary files and try again"


@dataclass(frozen=True)
class Allowed:
    """upload: bytes of a request's body; cases: held at once; idle_s: after which a case goes; grace_s, floor:
    an upload has so many seconds and, for every second more, must have brought so many bytes; memory: bytes of address
    space of the worker; load_s, open_s, frame_s: seconds to load the networks, to open a study, to segment a frame."""

    upload: int = GIB
    cases: int = 4
    idle_s: float = 1800
    grace_s: float = 10
    floor: int = MIB // 4
    memory: int = 4 * GIB
    load_s: float = 120
    open_s: float = 120
    frame_s: float = 60


def is_full_disk(error: OSError) -> bool:
    """Whether there was no room, on the disk or in the user's share of it."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def cores() -> int:
    """The cores that this process may use, `MOST_CORES` of them at most."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(found, MOST_CORES)
