"""What a user can mend: bad input, whose message names the file, what is wrong and what to do; and a full disk."""

import errno


class InputError(ValueError):
    """Bad input from outside: shown without a traceback, before any long work starts."""


def is_full_disk(error: BaseException) -> bool:
    """Whether a file could not be written for want of room, on the disk or in the user's share of it."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
