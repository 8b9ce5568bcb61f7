"""The one exception that a user can mend: its message names the file, what is wrong and what to do."""


class InputError(ValueError):
    """Bad input from outside: shown without a traceback, before any long work starts."""
